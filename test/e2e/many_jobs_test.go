package e2e

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"returnd/test/servers"
)

const (
	manyJobs    = 200_000
	listCallers = 50
	// The marks are 10 ms for the newest hundred and 8 ms for a PING. A machine that does much else is allowed ten times that;
	// test/bench has the figures.
	newestLimit = 10 * 10 * time.Millisecond
	pingLimit   = 10 * 8 * time.Millisecond
)

// TestManyJobs: of 200,000 jobs the newest hundred are there at once, and Redis answers others as before while fifty callers
// list them all.
func TestManyJobs(t *testing.T) {
	servers.Slow(t)
	r := newRig(t)
	r.start(t)
	c := r.db(t, 0)
	newest := plantManyJobs(t, c)
	if got := r.ask(t, "get_minions", ""); got.code != "" {
		t.Fatal(got.code, got.sentence)
	}
	var took []time.Duration
	for range 20 {
		began := time.Now()
		list := names(t, r.ask(t, "get_jids", request("limit", 100)).body)
		took = append(took, time.Since(began))
		if !slices.Equal(list, newest) {
			t.Fatalf("got %d jobs from %v on, want the newest 100", len(list), list[:min(1, len(list))])
		}
	}
	if slices.Sort(took); took[len(took)/2] > newestLimit {
		t.Errorf("the newest hundred take %v, want %v", took[len(took)/2], newestLimit)
	}
	var more []time.Duration
	for range 5 {
		alone := pings(t, c)
		stop := r.listJobs(t)
		more = append(more, pings(t, c)-alone)
		stop()
	}
	t.Logf("the newest hundred after %v; p99.9 of PING beside lists less that without: %v", took[len(took)/2], more)
	if slices.Sort(more); more[len(more)/2] > pingLimit {
		t.Errorf("a PING waits %v more, want %v", more[len(more)/2], pingLimit)
	}
}

// plantManyJobs gives the newest hundred. Their index is there, as a worker leaves it.
func plantManyJobs(t *testing.T, c redis.UniversalClient) (newest []string) {
	t.Helper()
	now := time.Now()
	for from := 0; from < manyJobs; from += 10_000 {
		pipe := c.Pipeline()
		for i := from; i < from+10_000; i++ {
			start := now.Add(-time.Duration(i) * 400 * time.Millisecond)
			jid := formatJID(start)
			if i < 100 {
				newest = append(newest, jid)
			}
			pipe.Set(t.Context(), "load:"+jid, request("jid", jid, "fun", "test.ping", "tgt", "*", "user", "root"), keep)
			pipe.ZAdd(t.Context(), "returnd/jobs", redis.Z{Score: float64(start.UnixMicro()), Member: jid})
		}
		if _, err := pipe.Exec(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	c.Set(t.Context(), "returnd/indexed", "1", keep)
	return newest
}

// pings is the p99.9 of some seconds' PINGs.
func pings(t *testing.T, c redis.UniversalClient) time.Duration {
	t.Helper()
	tick := time.NewTicker(250 * time.Microsecond)
	defer tick.Stop()
	var all []time.Duration
	for end := time.Now().Add(2 * time.Second); time.Now().Before(end); <-tick.C {
		began := time.Now()
		if err := c.Ping(t.Context()).Err(); err != nil {
			t.Fatal(err)
		}
		all = append(all, time.Since(began))
	}
	slices.Sort(all)
	return all[len(all)*999/1000]
}

// listJobs has callers list all jobs until stop is called.
func (r *rig) listJobs(t *testing.T) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var callers sync.WaitGroup
	for range listCallers {
		callers.Go(func() {
			for ctx.Err() == nil {
				if err := dropParts(ctx, r.nc, "get_jids", "{}"); err != nil && ctx.Err() == nil {
					wait(ctx, time.Second)
				}
			}
		})
	}
	return func() { cancel(); callers.Wait() }
}
