package persist

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"returnd/internal/job"
	"returnd/test/servers"
)

// sweepRig is a store on a Redis of its own, single or a cluster, and a plain client to look at what a sweep leaves.
type sweepRig struct {
	*testing.T
	store *Store
	look  redis.UniversalClient
}

// everything is swept, and what is older than a day and an hour is old.
func everything() job.SweepRules {
	return job.SweepRules{
		Grace: time.Hour, MinionKeep: 30 * 24 * time.Hour,
		Returns: true, Loads: true, Pointers: true, Minions: true, Histories: true, Index: true,
	}
}

const (
	days    = 24 * time.Hour
	longAgo = 3 * days
	lately  = 2 * time.Hour
)

// onBoth runs a test on a single server and on a cluster.
func onBoth(t *testing.T, test func(r *sweepRig)) {
	t.Helper()
	t.Run("single", func(t *testing.T) { test(onSingle(t)) })
	t.Run("cluster", func(t *testing.T) { test(onCluster(t)) })
}

func onSingle(t *testing.T, change ...func(*Config)) *sweepRig {
	t.Helper()
	p := servers.Redis(t)
	return &sweepRig{t, storeOn(t, p, change...), clientOn(t, p)}
}

func onCluster(t *testing.T, change ...func(*Config)) *sweepRig {
	t.Helper()
	g := servers.Cluster(t, 3, 0)
	look := redis.NewClusterClient(&redis.ClusterOptions{Addrs: servers.Addrs(g.Nodes)})
	t.Cleanup(func() { _ = look.Close() })
	return &sweepRig{t, storeOn(t, g.Nodes[0], change...), look}
}

// in is the rig for a subtest, with an empty keyspace.
func (r *sweepRig) in(t *testing.T) *sweepRig {
	t.Helper()
	sub := &sweepRig{t, r.store, r.look}
	err := sub.each(func(ctx context.Context, c *redis.Client) error { return c.FlushAll(ctx).Err() })
	if err != nil {
		t.Fatal(err)
	}
	return sub
}

// each calls f for every primary.
func (r *sweepRig) each(f func(context.Context, *redis.Client) error) error {
	if c, ok := r.look.(*redis.ClusterClient); ok {
		return c.ForEachMaster(r.Context(), f)
	}
	return f(r.Context(), r.look.(*redis.Client))
}

// do gives the server a command.
func (r *sweepRig) do(args ...any) any {
	r.Helper()
	v, err := r.look.Do(r.Context(), args...).Result()
	if err != nil && !errors.Is(err, redis.Nil) {
		r.Fatalf("%v: %v", args, err)
	}
	return v
}

// bulk gives it many, each on one key.
func (r *sweepRig) bulk(commands [][]any) {
	r.Helper()
	for part := range slices.Chunk(commands, 1000) {
		pipe := r.look.Pipeline()
		for _, args := range part {
			pipe.Do(r.Context(), args...)
		}
		if _, err := pipe.Exec(r.Context()); err != nil {
			r.Fatal(err)
		}
	}
}

func (r *sweepRig) has(key string) bool {
	r.Helper()
	return r.do("exists", key) == int64(1)
}

func (r *sweepRig) ttl(key string) time.Duration {
	r.Helper()
	left, err := r.look.PTTL(r.Context(), key).Result()
	if err != nil {
		r.Fatal(err)
	}
	return left
}

// keyspace is every key with its type, value and whether it expires.
func (r *sweepRig) keyspace() map[string]string {
	r.Helper()
	all := map[string]string{}
	for _, key := range r.keys() {
		expires := r.do("pttl", key).(int64) >= 0
		all[key] = fmt.Sprintf("%q %v", r.do("dump", key), expires)
	}
	return all
}

func (r *sweepRig) keys() []string {
	r.Helper()
	found := map[string]bool{}
	var mu sync.Mutex
	err := r.each(func(ctx context.Context, c *redis.Client) error { // all servers at once
		keys, err := c.Keys(ctx, "*").Result()
		mu.Lock()
		defer mu.Unlock()
		for _, key := range keys {
			found[key] = true
		}
		return err
	})
	if err != nil {
		r.Fatal(err)
	}
	return slices.Sorted(maps.Keys(found))
}

func (r *sweepRig) sweep(rules job.SweepRules) job.SweepReport {
	r.Helper()
	report, err := r.store.Sweep(r.Context(), job.Database{DB: job.NoDB}, rules, "", goOn)
	if err != nil {
		r.Fatalf("Sweep: %v", err)
	}
	checkSums(r, report)
	return report
}

func goOn(job.SweepReport, string) error { return nil }

// checkSums holds every count to its sum: what was looked at was removed, mended or kept for a reason.
func checkSums(t testing.TB, report job.SweepReport) {
	t.Helper()
	for kind, c := range report.Of {
		sum := c.Removed + c.Mended
		for _, n := range c.Kept {
			sum += n
		}
		if sum != c.Looked {
			t.Errorf("%s: looked at %d, and %d are accounted for: %+v", kind, c.Looked, sum, *c)
		}
	}
}

// body is a return as Salt stores it.
func body(jid, minion string) string {
	return fmt.Sprintf(`{"id": %q, "jid": %q, "fun": "test.ping", "return": true}`, minion, jid)
}

// numbered makes n jids a second apart, the first of them so long ago.
func numbered(ago time.Duration, n int) []string {
	start := time.Now().Add(-ago)
	jids := make([]string, n)
	for i := range jids {
		jids[i] = job.FormatJID(start.Add(time.Duration(i) * time.Millisecond))
	}
	return jids
}
