package persist

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"returnd/test/servers"
)

// turn is who uses the server.
type turn int64

const (
	sweepsNow turn = iota
	nobodyNow
	askerNow
	nobodyElse // how many there are
)

var turnNames = [nobodyElse]string{"sweep", "control", "busy"}

// turnTime is long beside a step and short beside what other work on the machine lasts: what slows down one slows down
// all.
const turnTime = 250 * time.Millisecond

// settleTime is left out at the beginning of each turn.
const settleTime = 5 * time.Millisecond

// turns measures PINGs, a thousand a second, while a sweep, nobody and another client use the server in turn.
type turns struct {
	b             *testing.B
	server        *servers.Process
	pinger, asker *redis.Client

	number atomic.Int64 // turns so far: number%3 is whose it is
	began  time.Time
	took   time.Duration // by the sweep
	used   time.Duration // by the server, for the sweep
	cpu    time.Duration // at the turn's beginning

	ended   chan struct{}
	running sync.WaitGroup
	mu      sync.Mutex
	waits   [nobodyElse][]time.Duration
}

func newTurns(b *testing.B, p *servers.Process) *turns {
	b.Helper()
	client := func() *redis.Client { return redis.NewClient(&redis.Options{Addr: p.Addr, DisableIdentity: true}) }
	t := &turns{b: b, server: p, pinger: client(), asker: client()}
	b.Cleanup(func() { _ = t.pinger.Close(); _ = t.asker.Close() })
	return t
}

// begin gives the sweep its first turn.
func (t *turns) begin() {
	t.ended = make(chan struct{})
	t.running.Go(t.ping)
	t.take(sweepsNow)
}

func (t *turns) take(who turn) {
	for turn(t.number.Add(1)%int64(nobodyElse)) != who {
		continue
	}
	t.began, t.cpu = time.Now(), serverCPU(t.b, t.server.PID())
}

// next is called by the sweep: once its turn is over the others have theirs.
func (t *turns) next() {
	if time.Since(t.began) < turnTime {
		return
	}
	t.count()
	t.take(nobodyNow)
	<-time.After(turnTime)
	t.take(askerNow)
	for time.Since(t.began) < turnTime {
		if err := t.asker.Get(context.Background(), "x").Err(); err != nil && !errors.Is(err, redis.Nil) {
			t.b.Error(err)
		}
	}
	t.take(sweepsNow)
}

func (t *turns) count() {
	t.took += time.Since(t.began)
	t.used += serverCPU(t.b, t.server.PID()) - t.cpu
}

// end tells what the server used for the sweep.
func (t *turns) end() (used time.Duration) {
	t.count()
	close(t.ended)
	t.running.Wait()
	used, t.used = t.used, 0
	return used
}

func (t *turns) ping() {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	var last int64
	var since time.Time
	for {
		select {
		case <-t.ended:
			return
		case <-tick.C:
		}
		began, number := time.Now(), t.number.Load()
		if err := t.pinger.Ping(context.Background()).Err(); err != nil {
			t.b.Error(err)
			return
		}
		if number != last {
			last, since = number, began
		}
		if began.Sub(since) > settleTime {
			t.note(turn(number%int64(nobodyElse)), time.Since(began))
		}
	}
}

func (t *turns) note(who turn, waited time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.waits[who] = append(t.waits[who], waited)
}

func (t *turns) report(b *testing.B) {
	b.Helper()
	for who, waits := range t.waits {
		slices.Sort(waits)
		for name, q := range map[string]float64{"p50": .5, "p99": .99, "p99.9": .999} {
			if len(waits) > 0 {
				b.ReportMetric(float64(waits[int(q*float64(len(waits)-1))].Microseconds())/1000, fmt.Sprintf("ms-%s-%s", name, turnNames[who]))
			}
		}
		b.ReportMetric(float64(len(waits)), "pings-"+turnNames[who])
	}
}
