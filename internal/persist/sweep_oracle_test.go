package persist

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"returnd/internal/job"
)

// oracle knows which jobs must be there after any number of sweeps, and which must not.
type oracle struct {
	*sweepRig
	live, dead []string
}

// newOracle has old jobs with a load, which live, and old ones without, which do not.
func newOracle(r *sweepRig) *oracle {
	r.Helper()
	o := &oracle{sweepRig: r}
	var puts [][]any
	for i, jid := range numbered(longAgo, 2000) {
		puts = append(puts, []any{"hset", "ret:" + jid, "m", "{}"}, []any{"expire", "ret:" + jid, 80000})
		if i%2 == 0 {
			o.dead = append(o.dead, jid)
			continue
		}
		o.live = append(o.live, jid)
		puts = append(puts, []any{"set", "load:" + jid, "{}", "ex", 80000})
	}
	r.bulk(puts)
	return o
}

// create makes jobs as Salt's own returner does it, the loads only after the returns, and every third without one.
func (o *oracle) create(jids []string) {
	for part := range slices.Chunk(jids, 50) {
		returns, loads := o.look.Pipeline(), o.look.Pipeline()
		for i, jid := range part {
			returns.HSet(o.Context(), "ret:"+jid, "m", body(jid, "m"))
			returns.Expire(o.Context(), "ret:"+jid, days)
			returns.Set(o.Context(), "m:test.ping", jid, 0)
			if i%3 > 0 {
				loads.SetEx(o.Context(), "load:"+jid, "{}", days)
			}
		}
		for _, pipe := range []redis.Pipeliner{returns, loads} {
			if _, err := pipe.Exec(o.Context()); err != nil {
				o.Error(err)
				return
			}
		}
	}
}

// lost counts the jobs that should be there and are not.
func (o *oracle) lost() int { return len(o.live) - o.count(o.live) }

func (o *oracle) count(jids []string) (there int) {
	o.Helper()
	for part := range slices.Chunk(jids, 1000) {
		pipe := o.look.Pipeline()
		for _, jid := range part {
			pipe.HExists(o.Context(), "ret:"+jid, "m")
		}
		cmds, err := pipe.Exec(o.Context())
		if err != nil {
			o.Fatal(err)
		}
		for _, cmd := range cmds {
			if cmd.(*redis.BoolCmd).Val() {
				there++
			}
		}
	}
	return there
}

// during sweeps again and again while jobs are created.
func (o *oracle) during(jids []string, change func(*sweep)) (sweeps int) {
	o.Helper()
	c, err := o.store.target("", job.NoDB).connect(o.Context())
	if err != nil {
		o.Fatal(err)
	}
	created := make(chan struct{})
	go func() { defer close(created); o.create(jids) }()
	for last := false; !last; sweeps++ {
		select {
		case <-created:
			last = true
		default:
		}
		w := o.store.newSweep(c, everything(), "", goOn)
		change(w)
		if err := w.run(o.Context()); err != nil {
			o.Fatal(err)
		}
	}
	o.live = append(o.live, jids...)
	return sweeps
}

// Ten thousand jobs are created while sweeps run (salt#40842): none is lost.
func TestSweepLosesNoJobThatIsCreated(t *testing.T) {
	onBoth(t, func(r *sweepRig) {
		o := newOracle(r)
		sweeps := o.during(numbered(time.Minute, 10_000), func(*sweep) {})
		if n := o.lost(); n > 0 {
			r.Errorf("%d of %d live jobs are lost after %d sweeps", n, len(o.live), sweeps)
		}
		if n := o.count(o.dead); n > 0 {
			r.Errorf("%d of %d dead jobs are there after %d sweeps", n, len(o.dead), sweeps)
		}
		r.Logf("%d sweeps", sweeps)
	})
}

// The oracle has teeth: with a rule taken out it finds jobs that are lost.
func TestSweepOracleHasTeeth(t *testing.T) {
	anyAge := func(w *sweep) {
		w.old = func(jid string) bool { _, timed := job.JIDTime(jid); return timed }
	}
	anyLoad := func(w *sweep) { w.loadOf = func(jid string) string { return "no load of " + jid } }
	mutants := map[string]func(*sweep){
		"without the rule of age":  anyAge,
		"without the rule of load": anyLoad,
		"without both":             func(w *sweep) { anyAge(w); anyLoad(w) },
	}
	onBoth(t, func(r *sweepRig) {
		for name, mutant := range mutants {
			r.Run(name, func(t *testing.T) {
				o := newOracle(r.in(t))
				o.during(numbered(time.Minute, 3000), mutant)
				if o.lost() == 0 {
					t.Error("nothing is lost, as far as the oracle sees")
				}
			})
		}
	})
}

// Salt's clean_old_jobs deletes every ret: without a load:. Where all jobs are old enough, so does the sweep, but for what
// expires by itself within late_keep.
func TestSweepLeavesWhatSaltWouldLeave(t *testing.T) {
	onBoth(t, func(r *sweepRig) {
		random := rand.New(rand.NewPCG(7, 9)) // #nosec G404 -- repeatable
		var puts [][]any
		for _, jid := range numbered(longAgo, 6000) {
			puts = append(puts, []any{"hset", "ret:" + jid, fmt.Sprintf("m%d", random.IntN(50)), "{}"})
			if random.IntN(10) > 0 { // the others never expire
				puts = append(puts, []any{"expire", "ret:" + jid, 60 + random.IntN(80000)})
			}
			if random.IntN(2) == 0 {
				puts = append(puts, []any{"set", "load:" + jid, "{}", "ex", 60 + random.IntN(80000)})
			}
		}
		r.bulk(puts)
		want := r.afterSalt()
		rules := everything()
		report := r.sweep(rules)
		var got []string
		for _, key := range r.keys() {
			if strings.HasPrefix(key, "ret:") {
				got = append(got, key)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			r.Errorf("returns (-want +got):\n%s", diff)
		}
		if n := 6000 - len(want); report.Of[job.SweepReturns].Removed != int64(n) || n < 2000 {
			r.Errorf("%d removed, want %d", report.Of[job.SweepReturns].Removed, n)
		}
	})
}

// afterSalt is what Salt would leave, and what expires by itself.
func (r *sweepRig) afterSalt() (left []string) {
	r.Helper()
	for _, key := range r.keys() {
		jid, isReturn := strings.CutPrefix(key, "ret:")
		if !isReturn {
			continue
		}
		ttl := r.ttl(key)
		if r.has("load:"+jid) || ttl >= 0 && ttl <= time.Hour {
			left = append(left, key)
		}
	}
	return left
}
