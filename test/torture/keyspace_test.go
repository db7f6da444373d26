package torture

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"returnd/test/servers"
)

// value is one key of Redis in a form in which two of them are equal or not.
type value struct {
	kind    string
	text    string             // string
	fields  map[string]string  // hash
	scores  map[string]float64 // sorted set
	members []string           // set and list: sorted
	expires time.Time          // zero: never
}

// keyspace is all that a database holds, less what promise 2 excepts.
type keyspace map[string]value

// excepted names what promise 2 leaves out: the lease and its token by key, the bookkeeping of a job's completion by
// field. The order inside a history list is left out by sorting it.
var (
	exceptedKeys   = []string{"returnd/{cleanup}/lease", "returnd/{cleanup}/token"}
	exceptedFields = []string{"announcing", "announced"}
)

const historyPrefix = "returnd/history:"

// readStep bounds one pipeline of reads.
const readStep = 1000

// readKeyspace takes everything out of a database.
func readKeyspace(ctx context.Context, c *redis.Client) (keyspace, error) {
	all := keyspace{}
	var cursor uint64
	for {
		keys, next, err := c.Scan(ctx, cursor, "*", readStep).Result()
		if err != nil {
			return nil, fmt.Errorf("scan: %w", err)
		}
		keys = slices.DeleteFunc(keys, func(k string) bool { return slices.Contains(exceptedKeys, k) })
		if err := all.read(ctx, c, keys); err != nil {
			return nil, err
		}
		if cursor = next; cursor == 0 {
			return all, nil
		}
	}
}

func (k keyspace) read(ctx context.Context, c *redis.Client, keys []string) error {
	if len(keys) == 0 {
		return nil
	}
	kinds, expiries := make([]*redis.StatusCmd, len(keys)), make([]*redis.Cmd, len(keys))
	pipe := c.Pipeline()
	for i, key := range keys {
		kinds[i], expiries[i] = pipe.Type(ctx, key), pipe.Do(ctx, "pexpiretime", key)
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return fmt.Errorf("read types: %w", err)
	}
	pipe = c.Pipeline()
	contents := make([]redis.Cmder, len(keys))
	for i, key := range keys {
		contents[i] = content(ctx, pipe, kinds[i].Val(), key)
	}
	if _, err := pipe.Exec(ctx); err != nil && !errors.Is(err, redis.Nil) {
		return fmt.Errorf("read values: %w", err)
	}
	for i, key := range keys {
		v := valueOf(kinds[i].Val(), contents[i])
		if at, _ := expiries[i].Int64(); at > 0 {
			v.expires = time.UnixMilli(at)
		}
		k[key] = v
	}
	return nil
}

func content(ctx context.Context, pipe redis.Pipeliner, kind, key string) redis.Cmder {
	switch kind {
	case "string":
		return pipe.Get(ctx, key)
	case "hash":
		return pipe.HGetAll(ctx, key)
	case "zset":
		return pipe.ZRangeWithScores(ctx, key, 0, -1)
	case "set":
		return pipe.SMembers(ctx, key)
	case "list":
		return pipe.LRange(ctx, key, 0, -1)
	}
	return pipe.Do(ctx, "type", key)
}

func valueOf(kind string, cmd redis.Cmder) value {
	v := value{kind: kind}
	switch cmd := cmd.(type) {
	case *redis.StringCmd:
		v.text = cmd.Val()
	case *redis.MapStringStringCmd:
		v.fields = cmd.Val()
		maps.DeleteFunc(v.fields, func(field, _ string) bool { return slices.Contains(exceptedFields, field) })
	case *redis.ZSliceCmd:
		v.scores = map[string]float64{}
		for _, z := range cmd.Val() {
			v.scores[z.Member.(string)] = z.Score
		}
	case *redis.StringSliceCmd:
		v.members = cmd.Val()
		slices.Sort(v.members)
	}
	return v
}

// clientOn is a plain client, to look at what the workers leave.
func clientOn(t testing.TB, p *servers.Process, db int) *redis.Client {
	t.Helper()
	c := redis.NewClient(&redis.Options{Addr: p.Addr, DB: db, DisableIdentity: true, ContextTimeoutEnabled: true})
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// tolerance says how far apart two moments may be. What floats is anchored at a moment of the pass itself, its
// publishing or its writing: there the time between the passes is added.
type tolerance struct {
	apart    time.Duration
	drift    time.Duration
	floating func(jid string) bool
	// heard is how much later than in the orderly pass messages were published again. returnd/seen says when a minion
	// was last heard of; by a copy of a custom job's return it is heard of later, and rightly so.
	heard time.Duration
}

// allows is the limit for a key and its value.
func (l tolerance) allows(key string, v value) time.Duration {
	if slices.ContainsFunc(jidsOf(key, v), l.floating) {
		return l.apart + l.drift
	}
	return l.apart
}

// jidsOf lists the jobs from which a key has its expiry.
func jidsOf(key string, v value) []string {
	for _, prefix := range []string{"ret:", "load:", "returnd/job:"} {
		if jid, ok := strings.CutPrefix(key, prefix); ok {
			return []string{jid}
		}
	}
	if !strings.HasPrefix(key, historyPrefix) {
		return []string{v.text}
	}
	var jids []string
	for _, entry := range v.members {
		jid, _, _ := strings.Cut(entry, "\t")
		jids = append(jids, jid)
	}
	return jids
}

// differences lists what two keyspaces do not agree on.
func differences(want, got keyspace, limit tolerance) []string {
	var faults []string
	for _, key := range slices.Sorted(maps.Keys(want)) {
		g, ok := got[key]
		if !ok {
			faults = append(faults, fmt.Sprintf("%q is missing", key))
			continue
		}
		if fault := want[key].differs(key, g, limit); fault != "" {
			faults = append(faults, fmt.Sprintf("%q: %s", key, fault))
		}
	}
	for _, key := range slices.Sorted(maps.Keys(got)) {
		if _, ok := want[key]; !ok {
			faults = append(faults, fmt.Sprintf("%q is there and should not be", key))
		}
	}
	return faults
}

func (v value) differs(key string, got value, limit tolerance) string {
	switch {
	case v.kind != got.kind:
		return fmt.Sprintf("is a %s, want %s", got.kind, v.kind)
	case v.text != got.text:
		return fmt.Sprintf("is %q, want %q", got.text, v.text)
	case !maps.Equal(v.fields, got.fields):
		return fmt.Sprintf("holds %q, want %q", got.fields, v.fields)
	case !slices.Equal(v.members, got.members):
		return fmt.Sprintf("holds %q, want %q", got.members, v.members)
	case v.expires.IsZero() != got.expires.IsZero() || v.expires.Sub(got.expires).Abs() > limit.allows(key, v):
		return fmt.Sprintf("expires %v, want %v (%v apart)", got.expires, v.expires, got.expires.Sub(v.expires))
	}
	return v.scoresDiffer(key, got, limit)
}

// scoresDiffer compares sorted sets: their scores are starts of jobs in microseconds. returnd/seen holds hours, which
// two moments may fall on either side of.
func (v value) scoresDiffer(key string, got value, limit tolerance) string {
	if len(v.scores) != len(got.scores) {
		return fmt.Sprintf("holds %v, want %v", got.scores, v.scores)
	}
	for member, score := range v.scores {
		other, ok := got.scores[member]
		apart := time.Duration(score-other) * time.Microsecond
		allowed := time.Duration(0)
		if key == "returnd/jobs" && limit.floating(member) {
			allowed = limit.allows(key, value{text: member})
		}
		if key == "returnd/seen" && (limit.heard > 0 || acrossAnHour(score, other, limit.drift)) {
			allowed = limit.heard.Truncate(time.Hour) + time.Hour
		}
		if !ok || apart.Abs() > allowed {
			return fmt.Sprintf("%q has score %s, want %s", member, number(other), number(score))
		}
	}
	return ""
}

// acrossAnHour tells that the later of two hours began just now: the passes lay around it.
func acrossAnHour(a, b float64, drift time.Duration) bool {
	began := time.UnixMicro(int64(max(a, b)))
	return time.Since(began) < drift+time.Minute
}

func number(score float64) string { return strconv.FormatFloat(score, 'f', -1, 64) }
