package persist

import (
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"returnd/internal/job"
)

func TestSweepCutsHistories(t *testing.T) {
	old, young := numbered(longAgo, 60), numbered(lately, 3)
	entries := func(jids ...string) []string {
		list := make([]string, len(jids))
		for i, jid := range jids {
			list[i] = jid + "\ttest.ping"
		}
		return list
	}
	tests := []struct {
		name    string
		list    []string // the newest first
		returns []string // jids whose returns are there
		want    []string
	}{
		{"old ones at the end, more than one step of them", append(slices.Clone(young), old...), nil, young},
		{"all old", old, nil, nil},
		{"nothing old", young, nil, young},
		{"an old job that is there", []string{young[0], old[2], old[1], old[0]}, old[1:2], []string{young[0], old[2], old[1]}},
		{"an old one before a young one", []string{old[0], young[0]}, nil, []string{old[0], young[0]}},
		{"a custom jid that is there", []string{young[0], "my job", old[0]}, []string{"my job"}, []string{young[0], "my job"}},
	}
	onBoth(t, func(r *sweepRig) {
		for _, tt := range tests {
			r.Run(tt.name, func(t *testing.T) {
				r := r.in(t)
				push := []any{"rpush", "returnd/history:m"}
				for _, entry := range entries(tt.list...) {
					push = append(push, entry)
				}
				r.bulk([][]any{push, {"expire", "returnd/history:m", 80000}})
				for _, jid := range tt.returns {
					r.bulk([][]any{{"hset", "ret:" + jid, "m", "{}"}, {"expire", "ret:" + jid, 600}})
				}
				dry := everything()
				dry.DryRun = true
				told := r.sweep(dry)
				report := r.sweep(everything())
				if diff := cmp.Diff(told.Of[job.SweepHistories], report.Of[job.SweepHistories]); diff != "" {
					t.Errorf("a dry run tells (-) another thing than a sweep (+):\n%s", diff)
				}
				got := r.look.LRange(t.Context(), "returnd/history:m", 0, -1).Val()
				if diff := cmp.Diff(append([]string{}, entries(tt.want...)...), got); diff != "" {
					t.Errorf("history (-want +got):\n%s", diff)
				}
				if removed := report.Count(job.SweepHistories).Removed; removed != int64(len(tt.list)-len(tt.want)) {
					t.Errorf("%d removed, want %d", removed, len(tt.list)-len(tt.want))
				}
			})
		}
	})
}

// On a single server the return is written before the entry, so that a missing one is gone. In a cluster it may still
// be under way.
func TestSweepOfCustomJobsThatAreGone(t *testing.T) {
	onBoth(t, func(r *sweepRig) {
		r.bulk([][]any{{"rpush", "returnd/history:m", "my job\ttest.ping"}, {"expire", "returnd/history:m", 86000}})
		r.sweep(everything())
		_, cluster := r.look.(*redis.ClusterClient)
		if got := r.has("returnd/history:m"); got != cluster {
			r.Errorf("the entry is there: %v, want %v", got, cluster)
		}
		r.bulk([][]any{{"del", "returnd/history:m"}, {"rpush", "returnd/history:m", "my job\ttest.ping"}, {"expire", "returnd/history:m", 7200}})
		r.sweep(everything())
		if r.has("returnd/history:m") {
			r.Error("the entry of a job that was gone for long is there")
		}
	})
}

func TestSweepFillsAndTrimsTheIndex(t *testing.T) {
	old, young := numbered(longAgo, 700), numbered(lately, 4)
	onBoth(t, func(r *sweepRig) {
		for i, jid := range old {
			start, _ := job.JIDTime(jid)
			r.bulk([][]any{{"zadd", "returnd/jobs", start.Truncate(time.Second).UnixMicro(), jid}}) // many with one score
			if i%7 == 0 {
				r.bulk([][]any{{"set", "load:" + jid, "{}", "ex", 9000}})
			}
		}
		r.bulk([][]any{
			{"zadd", "returnd/jobs", 17, young[0]},                          // an earlier publication than its jid
			{"set", "load:" + young[0], "{}", "ex", 9000},                   // keeps its score
			{"set", "load:" + young[1], "{}", "ex", 9000},                   // another program's
			{"zadd", "returnd/jobs", time.Now().UnixMicro(), young[2]},      // its load is not written yet
			{"set", "load:my job", `{"fun": "x"}`, "ex", 80000},             // 6400 s ago
			{"set", "load:average", "0.5", "ex", 80000},                     // a stranger's
			{"rpush", "load:" + young[3], "a stranger's"},                   // another
			{"zadd", "returnd/jobs", time.Now().UnixMicro(), "my next job"}, // its load is not written yet
		})
		report := r.sweep(everything())
		entries, err := r.look.ZRangeWithScores(r.Context(), "returnd/jobs", 0, -1).Result()
		if err != nil {
			r.Fatal(err)
		}
		scores := map[string]float64{}
		for _, e := range entries {
			scores[e.Member.(string)] = e.Score
		}
		want := 100 + 5
		if len(scores) != want || scores[young[0]] != 17 || scores[young[2]] == 0 || scores["my next job"] == 0 {
			r.Errorf("%d entries, want %d, of those %v %v %v", len(scores), want, scores[young[0]], scores[young[2]], scores["my next job"])
		}
		start, _ := job.JIDTime(young[1])
		if got := scores[young[1]]; got != float64(start.UnixMicro()) {
			r.Errorf("score of another program's load = %v, want %v", got, start.UnixMicro())
		}
		if ago := time.Since(time.UnixMicro(int64(scores["my job"]))); ago < 6300*time.Second || ago > 6500*time.Second {
			r.Errorf("a custom job began %v ago, want 6400 s", ago)
		}
		if got := report.Of[job.SweepIndex]; got.Removed != 600 || got.Mended != 2 {
			r.Errorf("counted %+v", *got)
		}
		if left := r.ttl("returnd/indexed"); left <= indexedFor-time.Minute || left > indexedFor {
			r.Errorf("the mark of a finished scan has %v left", left)
		}
	})
}

func TestSweepMarksTheIndexOnlyWhenAllWasScanned(t *testing.T) {
	r := onSingle(t)
	for name, change := range map[string]func(*job.SweepRules){
		"a dry run":         func(s *job.SweepRules) { s.DryRun = true },
		"not the index":     func(s *job.SweepRules) { s.Index = false },
		"ended in the scan": nil,
	} {
		t.Run(name, func(t *testing.T) {
			r := r.in(t)
			rules := everything()
			if change != nil {
				change(&rules)
			}
			_, _ = r.store.Sweep(t.Context(), job.Database{DB: job.NoDB}, rules, "", func(job.SweepReport, string) error {
				if change == nil {
					return errEnough
				}
				return nil
			})
			if r.has("returnd/indexed") {
				t.Error("marked")
			}
		})
	}
}

func TestSweepForgetsMinions(t *testing.T) {
	ancient := strconv.FormatInt(time.Now().Add(-40*days).UnixMicro(), 10)
	recent := strconv.FormatInt(time.Now().Add(-20*days).UnixMicro(), 10)
	onBoth(t, func(r *sweepRig) {
		r.bulk([][]any{
			{"sadd", "minions", "gone", "quiet", "busy", "foreign", "foreign-busy"},
			{"zadd", "returnd/seen", ancient, "gone", recent, "quiet", ancient, "busy", ancient, "half", ancient, "foreign-busy"},
			{"rpush", "returnd/history:busy", jidAt(lately) + "\ttest.ping"},
			{"set", "foreign-busy:test.ping", jidAt(lately)}, // Salt's own returner does not tell us
		})
		report := r.sweep(everything())
		members := r.look.SMembers(r.Context(), "minions").Val()
		slices.Sort(members)
		if diff := cmp.Diff([]string{"busy", "foreign", "foreign-busy", "quiet"}, members); diff != "" {
			r.Errorf("minions (-want +got):\n%s", diff)
		}
		seen := r.look.ZRange(r.Context(), "returnd/seen", 0, -1).Val()
		slices.Sort(seen)
		if diff := cmp.Diff(members, seen); diff != "" {
			r.Errorf("returnd/seen (- minions):\n%s", diff)
		}
		score := r.look.ZScore(r.Context(), "returnd/seen", "foreign").Val()
		if ago := time.Since(time.UnixMicro(int64(score))); ago < 0 || ago > time.Hour+time.Minute {
			r.Errorf("a minion without a last job was met %v ago", ago)
		}
		c := report.Of[job.SweepMinions]
		if c.Removed != 2 || c.Mended != 1 || c.Kept[keptJobs] != 1 {
			r.Errorf("counted %+v", *c)
		}
	})
}

// More minions than one step looks at, in a cluster and on one server.
func TestSweepForgetsManyMinions(t *testing.T) {
	onBoth(t, func(r *sweepRig) {
		var puts [][]any
		for i := range 1500 {
			id := "m" + strconv.Itoa(i)
			ago := 40 * days
			if i%3 == 0 {
				ago = days
			}
			puts = append(puts, []any{"sadd", "minions", id}, []any{"zadd", "returnd/seen", time.Now().Add(-ago).Truncate(time.Hour).UnixMicro(), id})
			if i%3 == 1 {
				puts = append(puts, []any{"rpush", "returnd/history:" + id, jidAt(lately) + "\tx"})
			}
		}
		r.bulk(puts)
		report := r.sweep(everything())
		if n := r.look.SCard(r.Context(), "minions").Val(); n != 1000 {
			r.Errorf("%d minions, want 1000; counted %+v", n, *report.Of[job.SweepMinions])
		}
	})
}

// A minion that returns while it is being forgotten is not lost. In a cluster it may be away for the moment between two
// servers' answers.
func TestSweepAndAMinionThatReturns(t *testing.T) {
	onBoth(t, func(r *sweepRig) {
		done := make(chan struct{})
		go func() { defer close(done); r.comeAndGo(400) }()
		rules := job.SweepRules{Minions: true, MinionKeep: 30 * days}
		for running := true; running; {
			select {
			case <-done:
				running = false
			default:
				r.sweep(rules)
			}
		}
		if err := r.store.Write(r.Context(), []job.Entry{ret(jidAt(0), "m", "f.x")})[0]; err != nil {
			r.Fatal(err)
		}
		r.sweep(rules)
		if !r.isMinion("m") || r.look.ZScore(r.Context(), "returnd/seen", "m").Val() == 0 {
			r.Error("a minion that has returned is forgotten")
		}
	})
}

// comeAndGo has a minion return, and then be one whose jobs ended long ago, again and again.
func (r *sweepRig) comeAndGo(times int) {
	_, cluster := r.look.(*redis.ClusterClient)
	ancient := redis.Z{Score: float64(time.Now().Add(-40 * days).UnixMicro()), Member: "m"}
	for i := range times {
		jid := jidAt(time.Duration(times-i) * time.Second)
		if err := r.store.Write(r.Context(), []job.Entry{ret(jid, "m", "f.x")})[0]; err != nil {
			r.Error(err)
			return
		}
		if !cluster && !r.isMinion("m") {
			r.Error("a minion has returned and is none")
			return
		}
		r.look.Del(r.Context(), "returnd/history:m")
		r.look.ZAdd(r.Context(), "returnd/seen", ancient)
	}
}

func (r *sweepRig) isMinion(id string) bool {
	return r.look.SIsMember(r.Context(), "minions", id).Val()
}
