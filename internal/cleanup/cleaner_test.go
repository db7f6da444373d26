package cleanup

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"returnd/internal/job"
)

// bubble runs a test of a fleet in its own time.
func bubble(t *testing.T, f func(*fleet)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		t.Helper()
		f(newFleet(t))
	})
}

func TestOneReplicaSweepsOnceAnInterval(t *testing.T) {
	bubble(t, func(f *fleet) {
		f.start("a", "b", "c", "d", "e")
		time.Sleep(35 * time.Minute)
		f.until(5*time.Minute, "nobody sweeps", func() bool { return f.client.Exists(f.Context(), keyLease).Val() == 0 })
		f.oneAtATime()
		sweeps := 0
		for _, n := range f.times() {
			sweeps = max(sweeps, n)
		}
		// The interval is ten minutes, a tenth more or less.
		if sweeps < 3 || sweeps > 4 {
			t.Errorf("swept %d times in 35 minutes", sweeps)
		}
		s := f.state()
		if s.Holder != nil || s.Running != nil || s.Last == nil {
			t.Fatalf("got %+v", s)
		}
		want := Result{Looked: 100, Removed: 50, Kept: map[string]int64{"young": 50}}
		got := Result{Looked: s.Last.Looked, Removed: s.Last.Removed, Kept: s.Last.Kept}
		if diff := cmp.Diff(want, got); diff != "" || s.Last.Keys != 100 || s.Last.Error != "" || s.Last.Token != s.Token || s.Last.Running {
			t.Errorf("(-want +got):\n%s%+v", diff, s.Last)
		}
		took := s.Last.Finished.Sub(s.Last.Started)
		if took < 100*time.Second || took > 101*time.Second || s.Last.Seconds != took.Seconds() {
			t.Errorf("a sweep took %v, %v s", took, s.Last.Seconds)
		}
		if in := s.Last.Next.Sub(s.Last.Started); in < 9*time.Minute || in > 11*time.Minute {
			t.Errorf("the next one is due after %v", in)
		}
	})
}

// However a holder goes, another goes on where it left off, in time, and the first one does nothing more.
func TestTakeover(t *testing.T) {
	tests := []struct {
		name string
		// lose has the holder go, and mend is what happens when it is back.
		lose, mend func(f *fleet, r *replica)
		within     time.Duration
	}{
		{
			"stopped in order",
			func(_ *fleet, r *replica) { r.stop() }, nil,
			2 * time.Second, // a step, and a poll
		},
		{
			"paused beyond its time, and cut off",
			func(_ *fleet, r *replica) { r.cut.hangs.Store(true); r.sweeper.paused.Store(true) },
			func(_ *fleet, r *replica) { r.sweeper.paused.Store(false); r.cut.hangs.Store(false) },
			30*time.Second + time.Second,
		},
		{
			"cut off from Redis alone",
			func(_ *fleet, r *replica) { r.cut.fails.Store(true) },
			func(_ *fleet, r *replica) { r.cut.fails.Store(false) },
			30*time.Second + time.Second,
		},
		{
			"the lease was deleted",
			func(f *fleet, _ *replica) { f.client.Del(f.Context(), keyLease) }, nil,
			2 * time.Second,
		},
		{
			"the lease was put into another's hands",
			func(f *fleet, _ *replica) { f.client.Set(f.Context(), keyLease, "intruder", 5*time.Second) }, nil,
			6 * time.Second,
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			bubble(t, func(f *fleet) {
				all := f.start("a", "b", "c")
				holder := f.holder(all)
				token := holder.token.Load()
				time.Sleep(20 * time.Second)
				lost := time.Now()
				test.lose(f, holder)
				f.until(time.Minute, "another sweep", func() bool {
					return slices.ContainsFunc(all, func(r *replica) bool { return r.held.Load() == 1 && r.token.Load() > token })
				})
				if took := time.Since(lost); took > test.within {
					t.Errorf("taken over after %v, want %v at most", took, test.within)
				}
				if test.mend != nil {
					test.mend(f, holder)
				}
				f.until(5*time.Minute, "the sweep's end", f.finished)
				f.oneAtATime()
				last := f.state().Last
				if last.Takeovers != 1 || last.Removed < 50 || last.Removed > 51 {
					t.Errorf("got %+v", last)
				}
				for key, n := range f.times() {
					if n > 2 {
						t.Errorf("key %s was removed %d times", key, n)
					}
				}
				if repeated := len(f.space.removals()) - 50; repeated < 0 || repeated > 2 {
					t.Errorf("%d removals more than there are keys", repeated)
				}
			})
		})
	}
}

// A holder whose lease was deleted finds out within a step of its own, long before it would renew.
func TestDeletedLeaseIsNoticedAtTheNextStep(t *testing.T) {
	bubble(t, func(f *fleet) {
		r := f.start("a")[0]
		f.holder([]*replica{r})
		time.Sleep(5*time.Second + 500*time.Millisecond)
		f.client.Set(f.Context(), keyLease, "other nonce", time.Hour)
		before := len(f.space.removals())
		time.Sleep(5 * time.Second)
		if n := len(f.space.removals()) - before; n > 1 {
			t.Errorf("%d keys were removed after the lease was another's", n)
		}
		if !strings.Contains(r.log.String(), "the lease is lost") {
			t.Errorf("logged:\n%s", r.log)
		}
	})
}

func TestNow(t *testing.T) {
	bubble(t, func(f *fleet) {
		r := f.add("a")
		var told []int64
		got, err := r.Now(f.Context(), Order{}, func(r Result) { told = append(told, r.Looked) })
		if err != nil {
			t.Fatal(err)
		}
		if got.Looked != 100 || got.Removed != 50 || got.Running || got.By != "a" || len(told) < 100 || told[len(told)-1] != 100 {
			t.Errorf("got %+v, told %v", got, told)
		}
		want := []job.SweepRules{f.config.rules(false), f.config.rules(false)}
		if diff := cmp.Diff(want, r.sweeper.rules); diff != "" {
			t.Errorf("rules (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(&got, f.state().Last); diff != "" {
			t.Errorf("kept (-returned +kept):\n%s", diff)
		}
	})
}

func TestNowIsRefusedWhileAnotherSweeps(t *testing.T) {
	bubble(t, func(f *fleet) {
		all := f.start("a", "b")
		holder := f.holder(all)
		start := time.Now()
		_, err := f.add("c").Now(f.Context(), Order{DryRun: true}, nil)
		busy := new(BusyError)
		if !errors.As(err, &busy) || busy.By != holder.lease.owner {
			t.Errorf("got %v, want ErrBusy with %s", err, holder.lease.owner)
		}
		if took := time.Since(start); took > busyPatience {
			t.Errorf("refused after %v", took)
		}
	})
}

// A trial removes nothing, is no reason to put off the next sweep, and does not stand in for one that is unfinished.
func TestDryRun(t *testing.T) {
	bubble(t, func(f *fleet) {
		unfinished := encode(place{Result: Result{Started: f.began, Token: 7}, Database: second, Cursor: "38"})
		f.client.Set(f.Context(), keyAt, unfinished, 0)
		got, err := f.add("a").Now(f.Context(), Order{DryRun: true}, nil)
		if err != nil || got.Looked != 100 || got.Removed != 0 || !got.DryRun || got.Kept["young"] != 100 {
			t.Errorf("got %+v, %v", got, err)
		}
		if s := f.state(); len(f.space.removals()) != 0 || s.Last != nil || f.client.Get(f.Context(), keyAt).Val() != unfinished {
			t.Errorf("it has left %+v, and removed %v", s, f.space.removals())
		}
		// The unfinished one is gone on with.
		got, err = f.add("b").Now(f.Context(), Order{}, nil)
		if err != nil || got.Looked != 2 || got.Takeovers != 1 || !got.Started.Equal(f.began) || f.state().place != nil {
			t.Errorf("got %+v, %v", got, err)
		}
	})
}

func TestOneProfile(t *testing.T) {
	for profile, want := range map[string]int64{"archive": 40, "unknown": 60, "": 100} {
		t.Run(profile, func(t *testing.T) {
			bubble(t, func(f *fleet) {
				got, err := f.add("a").Now(f.Context(), Order{Profile: profile}, nil)
				if err != nil || got.Looked != want {
					t.Errorf("got %+v, %v, want %d keys", got, err, want)
				}
				if whole := f.state().Last != nil; whole != (profile == "") {
					t.Errorf("counts as a sweep of everything: %v", whole)
				}
			})
		})
	}
}

func TestPlacesThatAreWorthless(t *testing.T) {
	tests := map[string]string{
		"a cursor that the store refuses": encode(place{Database: first, Cursor: "worthless"}),
		"a database that is gone":         encode(place{Database: job.Database{Profile: "gone"}, Cursor: "5"}),
		"no JSON":                         "{",
	}
	for name, at := range tests {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(f *fleet) {
				f.client.Set(f.Context(), keyAt, at, 0)
				got, err := f.add("a").Now(f.Context(), Order{}, nil)
				if err != nil || got.Looked != 100 {
					t.Errorf("got %+v, %v, want everything swept", got, err)
				}
			})
		})
	}
}

// One database that cannot be swept is told, and no reason to leave out the others.
func TestOneDatabaseFails(t *testing.T) {
	bubble(t, func(f *fleet) {
		r := f.add("a")
		r.sweeper.fails = map[job.Database]error{first: errors.New("connection refused"), {}: nil}
		got, err := r.Now(f.Context(), Order{}, nil)
		if err != nil || got.Looked != 40 || got.Error != "redis: connection refused" || f.state().Last.Error == "" {
			t.Errorf("got %+v, %v", got, err)
		}
		if r.succeeded.Load() != 0 {
			t.Error("it counts as a success")
		}
	})
}

// Without Redis nothing is swept; the log says so once, and it goes on when Redis is back.
func TestRedisIsAway(t *testing.T) {
	bubble(t, func(f *fleet) {
		r := f.add("a")
		r.cut.fails.Store(true)
		f.run(r)
		time.Sleep(10 * time.Minute)
		if n := strings.Count(r.log.String(), "connection refused"); n != 1 {
			t.Errorf("told %d times:\n%s", n, r.log)
		}
		r.cut.fails.Store(false)
		f.until(10*time.Second, "a sweep", func() bool { return r.held.Load() == 1 })
	})
}

func TestIntervalOfZeroIsNever(t *testing.T) {
	bubble(t, func(f *fleet) {
		f.config.Interval = 0
		r := f.start("a")[0]
		time.Sleep(100 * time.Hour)
		if s, err := r.Status(f.Context()); err != nil || s.Token != 0 || !s.Next.IsZero() {
			t.Errorf("got %+v, %v", s, err)
		}
	})
}

// A sweep is due by the server's clock and by the reader's own interval, whoever planned it.
func TestDue(t *testing.T) {
	now := time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC)
	last := func(started, next time.Duration) Status {
		return Status{Now: now, Last: &Result{Started: now.Add(started), Next: now.Add(next)}}
	}
	tests := []struct {
		name  string
		state Status
		want  time.Duration
	}{
		{"never swept", Status{Now: now}, 0},
		{"unfinished", Status{Now: now, Last: &Result{Started: now, Next: now.Add(time.Hour)}, place: &place{}}, 0},
		{"planned", last(-20*time.Minute, 40*time.Minute), 40 * time.Minute},
		{"overdue", last(-2*time.Hour, -time.Hour), -time.Hour},
		{"planned with a longer interval", last(-20*time.Minute, 24*time.Hour), 46 * time.Minute},
		{"not planned", Status{Now: now, Last: &Result{Started: now}}, 66 * time.Minute},
		{"the server's clock was set back", last(100*time.Hour, 101*time.Hour), 66 * time.Minute},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := &Cleaner{cfg: Config{Interval: time.Hour}}
			if got := c.due(test.state); got != test.want {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}

func TestAsk(t *testing.T) {
	bubble(t, func(f *fleet) {
		f.config.Interval = 0
		r := f.start("a")[0]
		ask := func(limit time.Duration, o Order) (Result, error) {
			ctx, cancel := contextFor(f, limit)
			defer cancel()
			return r.Ask(ctx, o)
		}
		got, err := ask(4500*time.Millisecond, Order{})
		if err != nil || !got.Running || got.Looked != 4 {
			t.Errorf("a long one: got %+v, %v, want the first keys", got, err)
		}
		if _, err := ask(4*time.Second, Order{}); !errors.Is(err, ErrBusy) {
			t.Errorf("another one meanwhile: got %v, want ErrBusy", err)
		}
		f.until(2*time.Minute, "the sweep's end", f.finished)
		if got, err := ask(time.Hour, Order{DryRun: true}); err != nil || got.Running || got.Looked != 100 {
			t.Errorf("a patient caller: got %+v, %v", got, err)
		}
		r.stop()
		<-r.ended
		if _, err := ask(time.Second, Order{}); err == nil {
			t.Error("a cleaner that has ended begins to sweep")
		}
	})
}

// What was begun for a caller ends with Run, and is left to others.
func TestStopEndsWhatWasAsked(t *testing.T) {
	bubble(t, func(f *fleet) {
		f.config.Interval = 0
		r := f.start("a")[0]
		ctx, cancel := contextFor(f, 3500*time.Millisecond)
		defer cancel()
		if got, err := r.Ask(ctx, Order{}); err != nil || !got.Running {
			t.Fatalf("got %+v, %v", got, err)
		}
		start := time.Now()
		r.stop()
		<-r.ended
		if took := time.Since(start); took > 2*time.Second {
			t.Errorf("stopped after %v", took)
		}
		if s := f.state(); s.Holder != nil || s.Running == nil || s.place.Cursor == "" {
			t.Errorf("it has left %+v", s)
		}
	})
}
