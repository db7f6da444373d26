package e2e

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/redis/go-redis/v9"

	"returnd/test/servers"
)

const (
	floodCallers = 32
	floodPairs   = 6
	floodPhase   = 4 * time.Second
)

// TestFloodOfQueries: callers who read a giant job again and again, all at once, leave new returns readable about as soon as
// without them. Idle and flooded times are taken in turn, since the machine does other things too.
func TestFloodOfQueries(t *testing.T) {
	servers.Slow(t)
	r := newRig(t)
	r.start(t)
	giant := giantJob(10_000, 1000)
	r.publishJob(t, giant)
	p := newProbe(t, r)
	p.measure(time.Second) // everything is warm
	var ratios []float64
	for range floodPairs {
		idle := p.measure(floodPhase)
		stop := r.flood(t, giant.jid)
		flooded := p.measure(floodPhase)
		answered, refused := stop()
		ratio := float64(percentile(flooded, 99)) / float64(percentile(idle, 99))
		ratios = append(ratios, ratio)
		t.Logf("idle p50 %v p99 %v, flooded p50 %v p99 %v: %.1f; %d whole answers, %d refused, of %d samples",
			percentile(idle, 50), percentile(idle, 99), percentile(flooded, 50), percentile(flooded, 99), ratio, answered, refused, len(flooded))
		if answered == 0 {
			t.Error("nobody was answered")
		}
	}
	slices.Sort(ratios)
	if median := ratios[len(ratios)/2]; median >= 2 {
		t.Errorf("new returns are readable %.1f times later (p99) than without the flood, want less than 2", median)
	}
}

// flood has callers read a job until stop is called.
func (r *rig) flood(t *testing.T, jid string) (stop func() (answered, refused int64)) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var callers sync.WaitGroup
	var answered, refused atomic.Int64
	for range floodCallers {
		nc, err := nats.Connect(r.nats.URL)
		if err != nil {
			t.Fatal(err)
		}
		callers.Go(func() {
			defer nc.Close()
			for ctx.Err() == nil {
				switch err := dropParts(ctx, nc, "get_jid", request("jid", jid)); {
				case err == nil:
					answered.Add(1)
				case ctx.Err() == nil:
					refused.Add(1)
					wait(ctx, time.Second) // as Retry-After says
				}
			}
		})
	}
	return func() (int64, int64) {
		cancel()
		callers.Wait()
		return answered.Load(), refused.Load()
	}
}

// probe publishes returns and looks in Redis when they are there.
type probe struct {
	t     *testing.T
	rig   *rig
	redis redis.UniversalClient
	jobs  atomic.Int64
}

func newProbe(t *testing.T, r *rig) *probe {
	t.Helper()
	return &probe{t: t, rig: r, redis: r.db(t, 0)}
}

// measure gives the times from publishing to being readable, sorted.
func (p *probe) measure(phase time.Duration) []time.Duration {
	p.t.Helper()
	const probes = 3
	var mu sync.Mutex
	var all []time.Duration
	var group sync.WaitGroup
	end := time.Now().Add(phase)
	for range probes {
		group.Go(func() {
			for time.Now().Before(end) {
				took, err := p.once()
				if err != nil {
					p.t.Error(err)
					return
				}
				mu.Lock()
				all = append(all, took)
				mu.Unlock()
			}
		})
	}
	group.Wait()
	slices.Sort(all)
	return all
}

func (p *probe) once() (time.Duration, error) {
	jid := fmt.Sprintf("20261120020000%06d", p.jobs.Add(1))
	body := fmt.Sprintf(`{"id": "m1", "jid": %q, "fun": "test.ping", "return": %q}`, jid, strings.Repeat("x", 100))
	began := time.Now()
	if err := p.rig.nc.Publish(returnSubject(jid, "m1"), []byte(body)); err != nil {
		return 0, err
	}
	tick := time.NewTicker(500 * time.Microsecond)
	defer tick.Stop()
	for {
		n, err := p.redis.HLen(p.t.Context(), "ret:"+jid).Result()
		if took := time.Since(began); err == nil && n == 1 || took > limit {
			return took, err
		}
		<-tick.C
	}
}

func percentile(sorted []time.Duration, p int) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[len(sorted)*p/100].Round(time.Microsecond)
}
