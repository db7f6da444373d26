package torture

import (
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"returnd/test/servers"
)

const (
	sweepers = 5
	// leaseTTL is short, so that many holders can be lost in the time of a test.
	leaseTTL = 2 * time.Second
)

// sweepFleet is a fleet of worker processes, each on a wire of its own, that sweep one Redis every second.
type sweepFleet struct {
	t       *testing.T
	redis   *servers.Process
	all     []*servers.Process
	wires   []*wire
	log     *eventLog
	jobs    *jobs
	stalls  *stalls
	strikes []*strike
	writing sync.WaitGroup
	ended   chan struct{}
}

// crew says how one replica is started.
type crew struct {
	binary string // "": the worker as it is
	skew   string // seconds by which its wall clock is wrong; the binary has to have WrongClock
}

func newSweepFleet(t *testing.T, who func(i int) crew) *sweepFleet {
	t.Helper()
	redis, nats, o := servers.Redis(t), servers.NATS(t), &owners{}
	r := &sweepFleet{t: t, redis: redis, log: newEventLog(t, redis, o), stalls: newStalls(t), ended: make(chan struct{})}
	b := connect(t, nats.URL)
	b.create(prefix)
	r.jobs = newJobs(t, clientOn(t, redis, 0), b)
	r.jobs.old(1500, true)
	for i := range sweepers {
		w := newWire(t, i, redis.Addr, o)
		r.wires = append(r.wires, w)
		r.all = append(r.all, r.replica(who(i), nats, w))
	}
	servers.Eventually(t, drainLimit, "a first sweep", func() bool { n, _ := r.log.last(); return n >= 0 })
	r.writing.Go(func() { r.jobs.write(prefix, r.ended) })
	return r
}

func (r *sweepFleet) replica(c crew, nats *servers.Process, w *wire) *servers.Process {
	r.t.Helper()
	_, port, _ := net.SplitHostPort(w.addr())
	args := []string{
		"run", "--nats.url", nats.URL, "--redis.host", "127.0.0.1", "--redis.port", port,
		"--subjects.prefix", prefix, "--stream.name", streamOf(prefix).Name, "--http.addr", "", "--log.level", "info",
		"--cleanup.interval", "1s", "--cleanup.lease", leaseTTL.String(), "--cleanup.rate", "5000",
	}
	if c.binary == "" {
		return servers.Worker(r.t, args...)
	}
	return servers.AlteredWorker(r.t, c.binary, append([]string{servers.ClockSkew + "=" + c.skew}, args...)...)
}

// asTheyAre is five workers as they are built.
func asTheyAre(int) crew { return crew{} }

// conclude ends the writing, waits until everything dead had its time to go, and tells what was wrong.
func (r *sweepFleet) conclude() (faults []string) {
	r.t.Helper()
	close(r.ended)
	r.writing.Wait()
	servers.Eventually(r.t, recoverLimit, "the stream is drained", func() bool { return r.jobs.brok.drained(prefix, "returnd") })
	number, _ := r.log.last()
	servers.Eventually(r.t, recoverLimit, "two more sweeps", func() bool { n, g := r.log.last(); return n >= number+3 && g.returned })
	return append(r.jobs.faults(), r.contradictions()...)
}

// contradictions are what the event log has against the lease: tokens that do not grow, a live key that was removed, and
// whoever removed anything while the lease was another's, but for what no lease can promise.
func (r *sweepFleet) contradictions() (faults []string) {
	grants, removals := r.log.copied()
	for i := 1; i < len(grants); i++ {
		if grants[i].token <= grants[i-1].token {
			faults = append(faults, fmt.Sprintf("token: %d after %d", grants[i].token, grants[i-1].token))
		}
	}
	late := map[string]int{}
	for _, gone := range removals {
		if !r.jobs.mayGo(gone.key) {
			faults = append(faults, fmt.Sprintf("live: %s was removed by replica %d", gone.key, gone.by))
		}
		if gone.during < 0 {
			faults = append(faults, "holder: a removal before anybody had the lease: "+gone.key)
			continue
		}
		g := grants[gone.during]
		over := !g.freed.IsZero() && gone.at.After(g.freed)
		if gone.by == g.by && !over {
			continue
		}
		excuse := r.excuse(gone)
		late[excuse]++
		if excuse == "" {
			faults = append(faults, fmt.Sprintf("holder: replica %d removed %s %v after replica %d had taken the token %d (given back: %v)",
				gone.by, gone.key, gone.at.Sub(g.at), g.by, g.token, over))
		}
	}
	r.t.Logf("%d sweeps, %d keys removed; by one whose lease was another's or nobody's by then: %v", len(grants), len(removals), late)
	return faults
}

// inFlight is how late a step may arrive that was under way when its sender was stopped or cut off: at the moment that
// it goes on. No lease can call it back; the rules of age and load make it harmless.
const inFlight = 100 * time.Millisecond

// unasked is for how long a holder may go on whose lease was deleted by hand: until it asks, and one step.
const unasked = 300 * time.Millisecond

// excuse is why somebody could not know better; "" is no excuse.
func (r *sweepFleet) excuse(gone removal) string {
	for _, s := range r.strikes {
		after, most := s.undone, inFlight
		if s.kind == deleted {
			after, most = s.at, unasked
		}
		if d := gone.at.Sub(after); s.by == gone.by && d >= -inFlight && d <= most+s.stall {
			return s.kind
		}
	}
	return ""
}

// stalls measures for how long the machine does not get to run what is due: a busy machine is no fault of the lease.
type stalls struct{ worst atomic.Int64 }

func newStalls(t *testing.T) *stalls {
	t.Helper()
	s := &stalls{}
	var running sync.WaitGroup
	ended := make(chan struct{})
	running.Go(func() {
		const every = 5 * time.Millisecond
		for {
			began := time.Now()
			select {
			case <-ended:
				return
			case <-time.After(every):
			}
			if late := int64(time.Since(began) - every); late > s.worst.Load() {
				s.worst.Store(late)
			}
		}
	})
	t.Cleanup(func() { close(ended); running.Wait() })
	return s
}

func (s *stalls) reset() { s.worst.Store(0) }

// longest is what was seen since reset. Several processes of ours may have waited for the processor in turn.
func (s *stalls) longest() time.Duration { return 3 * time.Duration(s.worst.Load()) }
