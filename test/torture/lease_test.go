package torture

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"returnd/test/servers"
)

// TestOneSweeperAtATime: five replicas sweep every second while jobs are written; the one that sweeps is stopped, killed,
// cut off and robbed of its lease. By the server's own log at most one sweeps under each token, another goes on in time,
// and no live job goes.
func TestOneSweeperAtATime(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(seedOf(t), 5)) // #nosec G404 -- repeatable
	r := newSweepFleet(t, asTheyAre)
	for _, kind := range scheduleOf(random, 1) {
		r.strike(kind, random)
	}
	if faults := r.conclude(); len(faults) > 0 {
		t.Errorf("faults, %s", firsts(faults))
	}
	r.tell()
}

// TestOneSweeperAtATimeForLong is the same for two minutes, with the clocks of two replicas an hour off, one fast and one
// slow.
func TestOneSweeperAtATimeForLong(t *testing.T) {
	servers.Slow(t)
	random := rand.New(rand.NewPCG(seedOf(t), 6)) // #nosec G404 -- repeatable
	binary := servers.Altered(t, servers.WrongClock()...)
	skews := []string{"0", "-3600", "3600", "0", "-3600"}
	r := newSweepFleet(t, func(i int) crew { return crew{binary, skews[i]} })
	r.clocksAreWrong(skews)
	began := time.Now()
	for time.Since(began) < 2*time.Minute {
		for _, kind := range scheduleOf(random, 1) {
			r.strike(kind, random)
		}
	}
	if faults := r.conclude(); len(faults) > 0 {
		t.Errorf("faults, %s", firsts(faults))
	}
	r.tell()
}

// clocksAreWrong makes sure that the replicas' logs tell the times that they are to believe in.
func (r *sweepFleet) clocksAreWrong(skews []string) {
	r.t.Helper()
	for i, p := range r.all {
		servers.Eventually(r.t, recoverLimit, "a line in the log", func() bool { return logTime(p.Stderr()) != "" })
		at, err := time.Parse(time.RFC3339, logTime(p.Stderr()))
		off, err2 := time.ParseDuration(skews[i] + "s")
		if err != nil || err2 != nil || time.Since(at.Add(-off)).Abs() > 5*time.Minute {
			r.t.Fatalf("replica %d believes that it is %v, want %v from now (%v, %v)", i, at, off, err, err2)
		}
	}
}

// logTime is the time of a log's first line.
func logTime(log string) string {
	_, rest, _ := strings.Cut(log, "time=")
	at, _, _ := strings.Cut(rest, " ")
	return at
}

// TestEventLogHasTeeth: with the rule of age taken out of the workers, or that of the load, or trust in the lease, the
// same test finds it.
func TestEventLogHasTeeth(t *testing.T) {
	servers.Slow(t)
	for _, mutant := range []struct {
		name    string
		changes []servers.Change
		kinds   []string
		want    string
	}{
		{
			"without the rule of age", []servers.Change{
				{File: "internal/persist/sweep_age.go", Old: "return timed && w.store.keep > 0 && start.Before(w.horizon())", New: "_ = start\n\treturn timed"},
			}, nil, "live: ret:",
		},
		{
			"without the rule of load", []servers.Change{
				{File: "internal/persist/sweep.go", Old: "loadOf: loadKey}", New: "loadOf: func(jid string) string { return \"no load of \" + jid }}"},
			}, nil, "live: ret:",
		},
		{
			"without an end of trust", []servers.Change{
				{File: "internal/cleanup/held.go", Old: "if h.lost == nil && !h.lease.now().Before(h.until) {", New: "if false {"},
				{File: "internal/cleanup/held.go", Old: "if h.lost == nil {", New: "if false {"},
			}, []string{paused, cutOffFrom, paused, paused}, "holder: ",
		},
	} {
		t.Run(mutant.name, func(t *testing.T) {
			binary := servers.Altered(t, mutant.changes...)
			random := rand.New(rand.NewPCG(1, 2)) // #nosec G404 -- repeatable
			r := newSweepFleet(t, func(int) crew { return crew{binary: binary} })
			for _, kind := range mutant.kinds {
				r.strike(kind, random)
			}
			for range 5 {
				r.awaitHolder()
			}
			faults := r.conclude()
			t.Logf("faults, %s", firsts(faults))
			if !slices.ContainsFunc(faults, func(fault string) bool { return strings.HasPrefix(fault, mutant.want) }) {
				t.Errorf("nothing that begins with %q was found", mutant.want)
			}
		})
	}
}
