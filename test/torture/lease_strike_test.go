package torture

import (
	"math/rand/v2"
	"slices"
	"time"

	"returnd/test/servers"
)

// What is done to the replica that sweeps.
const (
	paused     = "SIGSTOP beyond the lease, then SIGCONT"
	killed     = "kill -9, then restarted"
	cutOffFrom = "cut off from Redis, then back"
	deleted    = "the lease's key deleted"
	terminated = "SIGTERM, then restarted"
)

var kinds = []string{paused, killed, cutOffFrom, deleted, terminated}

// strike is one loss of a holder, and how it was made up for.
type strike struct {
	kind       string
	by         int
	at, undone time.Time
	took       time.Duration // until another had the lease
	stall      time.Duration
}

// limit is how long the lease may be nobody's that works: its time and a second, or a second where it is free at once.
func (s *strike) limit() time.Duration {
	limit := leaseTTL + time.Second
	if s.kind == deleted || s.kind == terminated {
		limit = time.Second
	}
	return limit + s.stall
}

// tries is how often it is tried to hit a replica while it sweeps: a sweep takes about a second, and may be over just then.
const tries = 30

// strike loses a holder in the middle of a sweep, waits for the next one, and brings the lost one back while that one
// sweeps.
func (r *sweepFleet) strike(kind string, random *rand.Rand) {
	r.t.Helper()
	for range tries {
		number, g := r.awaitHolder()
		pace(time.Duration(random.IntN(300)) * time.Millisecond)
		if r.log.grant(number).freed.IsZero() && r.strikeAt(kind, number, g, random) {
			return
		}
	}
	r.t.Fatalf("%s: no holder was hit in %d tries", kind, tries)
}

// awaitHolder waits for a replica to have just taken the lease.
func (r *sweepFleet) awaitHolder() (number int, g grant) {
	r.t.Helper()
	before, _ := r.log.last()
	servers.Eventually(r.t, recoverLimit, "another sweep", func() bool { number, g = r.log.last(); return number > before })
	return number, g
}

// strikeAt tells whether the holder was hit while it had the lease.
func (r *sweepFleet) strikeAt(kind string, number int, g grant, random *rand.Rand) (hit bool) {
	r.t.Helper()
	r.stalls.reset()
	s := &strike{kind: kind, by: g.by, at: time.Now()}
	r.lose(kind, g.by)
	var next grant
	servers.Eventually(r.t, recoverLimit, kind+": another holder", func() bool {
		n, last := r.log.last()
		next = last
		return n > number
	})
	s.took, s.stall = next.at.Sub(s.at), r.stalls.longest()
	pace(time.Duration(random.IntN(800)) * time.Millisecond)
	s.undone = time.Now()
	r.undo(kind, g.by)
	r.strikes = append(r.strikes, s)
	lost := r.log.grant(number)
	orderly := lost.returned && kind != terminated || !lost.freed.IsZero() && lost.freed.Before(s.at)
	if orderly { // its sweep was over just then: nobody was lost
		return false
	}
	r.t.Logf("replica %d: %-38s the next one (%d) after %7v, allowed %v", g.by, kind, next.by, s.took.Round(time.Millisecond), s.limit())
	if s.took > s.limit() {
		r.t.Errorf("%s: taken over after %v, want %v at most", kind, s.took, s.limit())
	}
	return true
}

func (r *sweepFleet) lose(kind string, by int) {
	switch kind {
	case paused:
		r.all[by].Stop()
	case killed:
		r.all[by].Kill()
	case cutOffFrom:
		r.wires[by].cut()
	case deleted:
		if err := r.jobs.redis.Del(r.t.Context(), leaseKey).Err(); err != nil {
			r.t.Fatal(err)
		}
	case terminated:
		if code, took := r.all[by].Terminate(); code != 0 {
			r.t.Errorf("replica %d ended with %d after %v", by, code, took)
		}
	}
}

func (r *sweepFleet) undo(kind string, by int) {
	switch kind {
	case paused:
		r.all[by].Cont()
	case killed, terminated:
		r.all[by].Restart()
	case cutOffFrom:
		r.wires[by].mend()
	}
}

// schedule is every kind so often, in an order that the seed gives.
func scheduleOf(random *rand.Rand, times int) (all []string) {
	for range times {
		all = append(all, kinds...)
	}
	random.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all
}

// tell prints how long the lease was nobody's, by the way in which it was lost.
func (r *sweepFleet) tell() {
	r.t.Helper()
	for _, kind := range kinds {
		var took []time.Duration
		for _, s := range r.strikes {
			if s.kind == kind {
				took = append(took, s.took.Round(time.Millisecond))
			}
		}
		if slices.Sort(took); len(took) > 0 {
			r.t.Logf("%-38s %2d times, taken over after %v to %v, median %v", kind, len(took), took[0], took[len(took)-1], took[len(took)/2])
		}
	}
}
