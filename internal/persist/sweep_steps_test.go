package persist

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"
	"go.opentelemetry.io/otel/metric/noop"

	"returnd/internal/job"
	"returnd/test/servers"
)

var errEnough = errors.New("enough")

// seed puts a keyspace of every kind there, with n old jobs.
func (r *sweepRig) seed(n int) {
	r.Helper()
	var puts [][]any
	for i, jid := range numbered(longAgo, n) {
		puts = append(puts,
			[]any{"hset", "ret:" + jid, "m", "{}"},
			[]any{"zadd", "returnd/jobs", 1000 * i, jid},
			[]any{"zadd", "returnd/seen", 1000 * i, "minion" + jid}, []any{"sadd", "minions", "minion" + jid})
	}
	r.bulk(puts)
}

// A sweep that is ended after each step, and gone on with by another worker, does the whole work.
func TestSweepGoesOnWhereAnotherEnded(t *testing.T) {
	onBoth(t, func(r *sweepRig) {
		const n = 3000
		r.seed(n)
		var total job.SweepReport
		place, passes := "", 0
		for ended := true; ended; passes++ {
			var report job.SweepReport
			report, err := r.store.Sweep(r.Context(), job.Database{DB: job.NoDB}, everything(), place, func(_ job.SweepReport, at string) error {
				if at == place {
					r.Fatal("a sweep does not get on")
				}
				place = at
				return errEnough
			})
			ended = errors.Is(err, errEnough)
			if err != nil && !ended {
				r.Fatal(err)
			}
			total.Add(report)
		}
		if passes < 10 {
			r.Errorf("%d passes", passes)
		}
		for _, kind := range []job.SweepKind{job.SweepReturns, job.SweepIndex, job.SweepMinions} {
			if got := total.Count(kind).Removed; got != n {
				r.Errorf("%d %s removed, want %d", got, kind, n)
			}
		}
		if diff := cmp.Diff([]string{"returnd/indexed"}, r.keys()); diff != "" {
			r.Errorf("keys (-want +got):\n%s", diff)
		}
		if total.Keys < n || total.Keys > 2*n {
			r.Errorf("%d keys scanned, want about %d: none from the beginning again", total.Keys, n)
		}
	})
}

// A cursor means something to one life of a server only.
func TestSweepFromTheBeginningAfterARestart(t *testing.T) {
	p := servers.Redis(t, "--appendonly", "yes")
	r := &sweepRig{t, storeOn(t, p), clientOn(t, p)}
	const n = 3000
	r.seed(n)
	rules := everything()
	rules.DryRun = true
	place := ""
	_, err := r.store.Sweep(t.Context(), job.Database{DB: job.NoDB}, rules, "", func(_ job.SweepReport, at string) error {
		place = at
		return errEnough
	})
	if !errors.Is(err, errEnough) || markOf(place).Cursor == 0 {
		t.Fatalf("ended at %+v with %v", markOf(place), err)
	}
	p.Kill()
	p.Restart()
	rest := job.SweepReport{}
	servers.Eventually(t, 10*time.Second, "a sweep of the restarted server", func() bool {
		rest, err = r.store.Sweep(t.Context(), job.Database{DB: job.NoDB}, rules, place, goOn)
		return err == nil
	})
	if got := rest.Count(job.SweepReturns).Looked; got < n {
		t.Errorf("looked at %d returns after the restart, want all %d", got, n)
	}
}

// A server that restarts under a sweep ends it: its cursor would be wrong.
func TestSweepEndsWhenTheServerRestarts(t *testing.T) {
	p := servers.Redis(t, "--appendonly", "yes")
	r := &sweepRig{t, storeOn(t, p), clientOn(t, p)}
	r.seed(3000)
	restarted := false
	_, err := r.store.Sweep(t.Context(), job.Database{DB: job.NoDB}, everything(), "", func(job.SweepReport, string) error {
		if !restarted {
			p.Kill()
			p.Restart()
			restarted = true
		}
		return nil
	})
	if !errors.Is(err, job.ErrUnavailable) {
		t.Errorf("error = %v, want it unavailable", err)
	}
}

func TestSweepFromAPlaceNobodyUnderstands(t *testing.T) {
	r := onSingle(t)
	for _, from := range []string{"%", "bm9uZQ", mark{Phase: "another"}.String(), mark{Phase: phaseKeys, Server: "other", Cursor: 7}.String()} {
		r := r.in(t)
		r.seed(10)
		report, err := r.store.Sweep(t.Context(), job.Database{DB: job.NoDB}, everything(), from, goOn)
		if err != nil || report.Count(job.SweepReturns).Removed != 10 {
			t.Errorf("from %q: %+v, %v", from, report, err)
		}
	}
}

// After the end of its context, or an error of its caller, a sweep changes nothing.
func TestSweepEndsAtOnce(t *testing.T) {
	onBoth(t, func(r *sweepRig) {
		for name, ending := range map[string]func(end func()) error{
			"by its context": func(end func()) error { end(); return nil },
			"by its caller":  func(func()) error { return errEnough },
		} {
			r.Run(name, func(t *testing.T) { r.in(t).endAfterOneStep(ending) })
		}
	})
}

func (r *sweepRig) endAfterOneStep(ending func(end func()) error) {
	r.Helper()
	ctx, end := context.WithCancel(r.Context())
	defer end()
	r.seed(3000)
	var at map[string]string
	steps := 0
	_, err := r.store.Sweep(ctx, job.Database{DB: job.NoDB}, everything(), "", func(job.SweepReport, string) error {
		steps++
		at = r.keyspace()
		return ending(end)
	})
	if err == nil || steps != 1 {
		r.Errorf("%v after %d steps, want an error after the first", err, steps)
	}
	if diff := cmp.Diff(at, r.keyspace()); diff != "" {
		r.Errorf("something was done after the end:\n%s", diff)
	}
}

// The server loses its scripts in the middle: they are loaded again.
func TestSweepWithoutScripts(t *testing.T) {
	onBoth(t, func(r *sweepRig) {
		r.seed(3000)
		report, err := r.store.Sweep(r.Context(), job.Database{DB: job.NoDB}, everything(), "", func(job.SweepReport, string) error {
			return r.each(func(ctx context.Context, c *redis.Client) error { return c.ScriptFlush(ctx).Err() })
		})
		if err != nil || report.Count(job.SweepReturns).Removed != 3000 {
			r.Errorf("%+v, %v", report.Of[job.SweepReturns], err)
		}
	})
}

func TestSweepKeepsItsPace(t *testing.T) {
	r := onSingle(t)
	r.seed(500)
	rules := everything()
	rules.Rate = 2000
	began := time.Now()
	r.sweep(rules) // 500 keys and as many minions and entries of the index, twice; the first step is free
	if took := time.Since(began); took < 500*time.Millisecond {
		t.Errorf("at 2000 a second it took %v", took)
	}
}

func TestSweepOfASharedKeyOfAnotherType(t *testing.T) {
	for _, key := range []string{"minions", "returnd/seen", "returnd/jobs"} {
		t.Run(key, func(t *testing.T) {
			r := onSingle(t)
			r.do("sadd", "minions", "m")
			r.do("set", "load:"+jidAt(lately), "{}")
			r.do("del", key)
			r.do("set", key, "a stranger's")
			_, err := r.store.Sweep(t.Context(), job.Database{DB: job.NoDB}, everything(), "", goOn)
			if !errors.Is(err, job.ErrUnavailable) || r.do("get", key) != "a stranger's" {
				t.Errorf("error = %v, key %v", err, r.do("get", key))
			}
		})
	}
}

// One shard is down: the others are swept, and the sweep says so.
func TestSweepWithAShardDown(t *testing.T) {
	g := servers.Cluster(t, 3, 0, "--cluster-require-full-coverage", "no")
	look := redis.NewClusterClient(&redis.ClusterOptions{Addrs: servers.Addrs(g.Nodes)})
	t.Cleanup(func() { _ = look.Close() })
	r := &sweepRig{t, storeOn(t, g.Nodes[0], func(c *Config) { c.Redis.Cluster.SkipFullCoverageCheck = true }), look}
	var puts [][]any
	for _, jid := range numbered(lately, 300) {
		puts = append(puts, []any{"hset", "ret:" + jid, "m", "{}"})
	}
	r.bulk(puts)
	r.sweep(job.SweepRules{Returns: true, DryRun: true}) // all of them are known
	g.Nodes[1].Kill()
	report, err := r.store.Sweep(t.Context(), job.Database{DB: job.NoDB}, job.SweepRules{Returns: true, Grace: time.Hour}, "", goOn)
	if err == nil {
		t.Error("no error")
	}
	if got := report.Count(job.SweepReturns).Mended; got < 100 {
		t.Errorf("%d returns of the others were mended", got)
	}
}

func TestDatabases(t *testing.T) {
	p, other := servers.Redis(t), servers.Redis(t)
	var away Redis
	s := storeOn(t, p, func(c *Config) {
		c.Profiles = map[string]Redis{"second": c.Redis, "same": c.Redis, "other": c.Redis}
		second := c.Redis
		second.DB = 2
		c.Profiles["second"] = second
		elsewhere := at(t, other.Addr)
		c.Profiles["other"] = elsewhere
		away = c.Redis
		away.Port = 1
		c.Profiles["away"] = away
	})
	to := func(profile string, db int) job.Entry {
		e := ret(jidAt(time.Minute), "m", "f.x")
		e.Return.Profile, e.Return.DB = profile, db
		return e
	}
	for _, e := range []job.Entry{to("", 2), to("", 5), to("", 0), to("other", 7), to("unknown", 6), to("second", 5)} {
		if err := s.Write(t.Context(), []job.Entry{e})[0]; err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Write(t.Context(), []job.Entry{to("", 99)})[0]; err == nil {
		t.Error("database 99 takes returns")
	}
	fresh, err := New(s.cfg, nil, s.log, noop.Meter{}) // another worker sees them too
	if err != nil {
		t.Fatal(err)
	}
	defer fresh.Close()
	got, err := fresh.Databases(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := []job.Database{
		{Profile: "", DB: job.NoDB},
		{Profile: "away", DB: job.NoDB},
		{Profile: "other", DB: job.NoDB},
		{Profile: "second", DB: job.NoDB},
		{Profile: "", DB: 5},
		{Profile: "", DB: 6},
		{Profile: "other", DB: 7},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("databases (-want +got):\n%s", diff)
	}
	for _, db := range got {
		report, err := fresh.Sweep(t.Context(), db, everything(), "", goOn)
		if db.Profile == "away" {
			if !errors.Is(err, job.ErrUnavailable) {
				t.Errorf("a sweep of what is away: %v", err)
			}
			continue
		}
		if err != nil || report.Keys == 0 {
			t.Errorf("%+v: %+v, %v", db, report, err)
		}
		checkSums(t, report)
	}
	if _, err := fresh.Sweep(t.Context(), job.Database{Profile: "nobody", DB: job.NoDB}, everything(), "", goOn); err == nil {
		t.Error("a profile that nobody has configured is swept")
	}
	if i := slices.IndexFunc(got, func(d job.Database) bool { return d.DB == 0 }); i >= 0 {
		t.Error("the configured database is listed twice")
	}
}
