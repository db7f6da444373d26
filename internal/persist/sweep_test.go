package persist

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"returnd/internal/job"
)

// sweepCase is one thing, and what a sweep makes of it.
type sweepCase struct {
	name string
	kind job.SweepKind
	put  [][]any // what is there before
	key  string
	want string        // removed, mended, untouched, or why it is kept
	ttl  time.Duration // what it has left at most; 0: nobody asks
}

func sweepCases() []sweepCase {
	old, young, graced := jidAt(longAgo), jidAt(lately), jidAt(24*time.Hour+30*time.Minute)
	hash := func(jid string) []any { return []any{"hset", "ret:" + jid, "m", body(jid, "m")} }
	expiring := func(key string, in time.Duration) []any { return []any{"pexpire", key, in.Milliseconds()} }
	member := []any{"sadd", "minions", "m"}
	return []sweepCase{
		{"an old return", job.SweepReturns, [][]any{hash(old), expiring("ret:"+old, 20*time.Hour)}, "ret:" + old, "removed", 0},
		{"an old return of a unique jid", job.SweepReturns, [][]any{hash(old + "_4711")}, "ret:" + old + "_4711", "removed", 0},
		{"an old return that would never expire", job.SweepReturns, [][]any{hash(old)}, "ret:" + old, "removed", 0},
		{"an old return with its load", job.SweepReturns, [][]any{hash(old), {"set", "load:" + old, "{}", "ex", 60}}, "ret:" + old, keptLoad, 0},
		{"an old return about to expire", job.SweepReturns, [][]any{hash(old), expiring("ret:"+old, 50*time.Minute)}, "ret:" + old, keptExpiring, 50 * time.Minute},
		{"a young return without a load", job.SweepReturns, [][]any{hash(young), expiring("ret:"+young, 22*time.Hour)}, "ret:" + young, keptYoung, 22 * time.Hour},
		{"a young return that would never expire", job.SweepReturns, [][]any{hash(young)}, "ret:" + young, "mended", 22 * time.Hour},
		{"a return within its grace that would never expire", job.SweepReturns, [][]any{hash(graced)}, "ret:" + graced, "mended", time.Hour},
		{"a custom jid's return", job.SweepReturns, [][]any{hash("my job"), expiring("ret:my job", time.Hour)}, "ret:my job", keptCustom, time.Hour},
		{"a custom jid's return that would never expire", job.SweepReturns, [][]any{hash("my job")}, "ret:my job", "mended", 24 * time.Hour},
		{"a stranger's hash", job.SweepReturns, [][]any{{"hset", "ret:config", "k", "v"}}, "ret:config", keptForeign, 0},
		{"a stranger's string", job.SweepReturns, [][]any{{"set", "ret:" + old, "v"}}, "ret:" + old, keptForeign, 0},
		{"the pointer of a minion named ret", job.SweepReturns, [][]any{{"set", "ret:test.ping", old}, {"sadd", "minions", "ret"}}, "ret:test.ping", keptForeign, 0},
		{"a name that is no jid", job.SweepReturns, [][]any{{"hset", "ret:", "k", "v"}}, "ret:", keptForeign, 0},
		{"a month 13", job.SweepReturns, [][]any{{"hset", "ret:20251301000000000000", "k", "v"}}, "ret:20251301000000000000", keptForeign, 0},

		{"an old load that would never expire", job.SweepLoads, [][]any{{"set", "load:" + old, "{}"}}, "load:" + old, "removed", 0},
		{"an old load that will", job.SweepLoads, [][]any{{"set", "load:" + old, "{}", "ex", 9000}}, "load:" + old, keptExpiring, 9000 * time.Second},
		{"a young load that would never expire", job.SweepLoads, [][]any{{"set", "load:" + young, "{}"}}, "load:" + young, "mended", 22 * time.Hour},
		{"a custom jid's load that would never expire", job.SweepLoads, [][]any{{"set", "load:my job", `{"fun": "x"}`}}, "load:my job", "mended", 24 * time.Hour},
		{"a stranger's text", job.SweepLoads, [][]any{{"set", "load:average", "0.5"}}, "load:average", keptForeign, 0},
		{"a stranger's list", job.SweepLoads, [][]any{{"rpush", "load:" + old, "v"}}, "load:" + old, keptForeign, 0},
		{"the pointer of a minion named load", job.SweepLoads, [][]any{{"set", "load:test.ping", old}, {"sadd", "minions", "load"}}, "load:test.ping", keptForeign, 0},
		{"a job's minions that would never expire", job.SweepLoads, [][]any{{"hset", "returnd/job:" + young, "minion:m", ""}}, "returnd/job:" + young, "mended", 22 * time.Hour},

		{"a pointer to an old job", job.SweepPointers, [][]any{member, {"set", "m:test.ping", old}}, "m:test.ping", "removed", 0},
		{"a pointer to an old job, the minion known by its last job", job.SweepPointers, [][]any{{"zadd", "returnd/seen", time.Now().UnixMicro(), "m"}, {"set", "m:test.ping", old}}, "m:test.ping", "removed", 0},
		{"a pointer of a compound command", job.SweepPointers, [][]any{member, {"set", "m:['test.ping', 'cmd.run']", old}}, "m:['test.ping', 'cmd.run']", "removed", 0},
		{"a pointer of a minion with a colon", job.SweepPointers, [][]any{{"sadd", "minions", "a:b"}, {"set", "a:b:test.ping", old}}, "a:b:test.ping", "removed", 0},
		{"a pointer to an old job that is there", job.SweepPointers, [][]any{member, {"set", "m:test.ping", old}, hash(old), {"set", "load:" + old, "{}", "ex", 9000}}, "m:test.ping", keptReturn, 0},
		{"a pointer to a young job", job.SweepPointers, [][]any{member, {"set", "m:test.ping", young}}, "m:test.ping", "mended", 22 * time.Hour},
		{"a pointer to a custom jid", job.SweepPointers, [][]any{member, {"set", "m:test.ping", "my job"}, hash("my job")}, "m:test.ping", "mended", 24 * time.Hour},
		{"a word of a stranger's under a minion's name", job.SweepPointers, [][]any{member, {"set", "m:status", "up"}}, "m:status", keptForeign, 0},
		{"a long text under a minion's name", job.SweepPointers, [][]any{member, {"set", "m:blob", fmt.Sprintf("%0300d", 1)}}, "m:blob", keptForeign, 0},
		{"a list under a minion's name", job.SweepPointers, [][]any{member, {"rpush", "m:test.ping", old}}, "m:test.ping", keptForeign, 0},
		{"a pointer's form of somebody unknown", job.SweepPointers, [][]any{member, {"set", "session:17", old}}, "session:17", "untouched", 0},
		{"a pointer that expires", job.SweepPointers, [][]any{member, {"set", "m:test.ping", old, "ex", 9000}}, "m:test.ping", "untouched", 9000 * time.Second},
		{"a key without a colon", job.SweepPointers, [][]any{member, {"set", "m", old}}, "m", "untouched", 0},

		{"a history without an expiry", job.SweepHistories, [][]any{hash(young), {"rpush", "returnd/history:m", young + "\ttest.ping"}}, "returnd/history:m", "mended", 24 * time.Hour},
		{"a history of another type", job.SweepHistories, [][]any{{"set", "returnd/history:m", "v"}}, "returnd/history:m", keptForeign, 0},
	}
}

func TestSweepOfOneThing(t *testing.T) {
	onBoth(t, func(r *sweepRig) {
		for _, c := range sweepCases() {
			r.Run(c.name, func(t *testing.T) { r.in(t).sweepOne(c) })
		}
	})
}

// sweepOne sweeps without and with changing anything: both tell the same, and only one changes something.
func (r *sweepRig) sweepOne(c sweepCase) {
	r.bulk(c.put)
	before := r.keyspace()
	rules := everything()
	rules.Minions, rules.DryRun = false, true
	told := r.sweep(rules)
	if diff := cmp.Diff(before, r.keyspace()); diff != "" {
		r.Errorf("a dry run has changed (-before +after):\n%s", diff)
	}
	rules.DryRun = false
	report := r.sweep(rules)
	if diff := cmp.Diff(told.Of[c.kind], report.Of[c.kind]); diff != "" {
		r.Errorf("a dry run tells (-) another thing than a sweep (+):\n%s", diff)
	}
	r.checkOutcome(c, report.Count(c.kind), before)
	if left := r.ttl(c.key); c.ttl > 0 && (left <= c.ttl-2*time.Minute || left > c.ttl+time.Second) {
		r.Errorf("%s has %v left, want %v", c.key, left, c.ttl)
	}
}

func (r *sweepRig) checkOutcome(c sweepCase, count *job.SweepCount, before map[string]string) {
	r.Helper()
	after := r.keyspace()
	if got, want := r.has(c.key), c.want != "removed"; got != want {
		r.Errorf("%s is there: %v, want %v", c.key, got, want)
	}
	counted := map[string]int64{"removed": count.Removed, "mended": count.Mended, "untouched": 1}[c.want]
	if counted == 0 {
		counted = count.Kept[c.want]
	}
	if counted == 0 {
		r.Errorf("nothing counted as %s: %+v", c.want, *count)
	}
	if c.want != "removed" && c.want != "mended" && after[c.key] != before[c.key] {
		r.Errorf("%s was touched: %s, before %s", c.key, after[c.key], before[c.key])
	}
}

func TestSweepOfNothing(t *testing.T) {
	onBoth(t, func(r *sweepRig) {
		steps := 0
		report, err := r.store.Sweep(r.Context(), job.Database{DB: job.NoDB}, everything(), "", func(job.SweepReport, string) error { steps++; return nil })
		if err != nil || report.Keys != 0 || len(report.Of) != 0 || steps == 0 {
			r.Errorf("report %+v after %d steps, %v", report, steps, err)
		}
	})
}

func TestSweepRulesSwitchedOff(t *testing.T) {
	old := jidAt(longAgo)
	r := onSingle(t)
	r.bulk([][]any{
		{"hset", "ret:" + old, "m", body(old, "m")},
		{"set", "load:" + jidAt(longAgo+time.Hour), "{}"},
		{"sadd", "minions", "m"},
		{"set", "m:test.ping", old},
		{"rpush", "returnd/history:m", old + "\ttest.ping"},
		{"zadd", "returnd/jobs", time.Now().Add(-longAgo).UnixMicro(), old},
		{"zadd", "returnd/seen", time.Now().Add(-60 * days).UnixMicro(), "n"},
	})
	before := r.keyspace()
	if report := r.sweep(job.SweepRules{MinionKeep: time.Hour}); report.Keys == 0 || len(report.Of) != 0 {
		t.Errorf("report %+v, want keys and nothing of them", report)
	}
	if diff := cmp.Diff(before, r.keyspace()); diff != "" {
		t.Errorf("a sweep of nothing has changed (-before +after):\n%s", diff)
	}
}

func TestSweepWhereAllIsKeptForEver(t *testing.T) {
	old := jidAt(longAgo)
	r := onSingle(t, func(c *Config) { c.KeepJobsSeconds = 0 })
	r.bulk([][]any{
		{"hset", "ret:" + old, "m", body(old, "m")},
		{"hset", "ret:my job", "m", body("my job", "m")},
		{"set", "load:" + jidAt(longAgo+time.Hour), "{}"},
		{"set", "load:my job", "{}"},
		{"sadd", "minions", "m"},
		{"set", "m:test.ping", old},
		{"set", "m:cmd.run", "my job"},
		{"rpush", "returnd/history:m", old + "\ttest.ping"},
		{"zadd", "returnd/jobs", time.Now().Add(-longAgo).UnixMicro(), old},
		{"zadd", "returnd/seen", time.Now().Add(-60 * days).UnixMicro(), "n", time.Now().UnixMicro(), "m"},
		{"hset", "returnd/job:" + old, "minion:m", ""},
	})
	before := r.keyspace()
	r.sweep(everything())
	after := r.keyspace()
	delete(after, keyIndexed)
	delete(before, keyJobs) // loads of others are added there
	delete(after, keyJobs)
	if diff := cmp.Diff(before, after); diff != "" {
		t.Errorf("a sweep has changed what is kept for ever (-before +after):\n%s", diff)
	}
}

// The clock is the server's: a worker that is hours off sweeps the same.
func TestSweepByTheServersClock(t *testing.T) {
	for _, skew := range []time.Duration{-30 * time.Hour, 30 * time.Hour} {
		t.Run(skew.String(), func(t *testing.T) {
			r := onSingle(t)
			old, young := jidAt(longAgo), jidAt(lately)
			r.bulk([][]any{{"hset", "ret:" + old, "m", "{}"}, {"hset", "ret:" + young, "m", "{}"}})
			r.store.clock.ahead.Store(int64(skew))
			r.sweep(everything())
			if r.has("ret:"+old) || !r.has("ret:"+young) {
				t.Errorf("old there: %v, young there: %v", r.has("ret:"+old), r.has("ret:"+young))
			}
		})
	}
}
