package persist

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"returnd/internal/job"
	"returnd/test/servers"
)

// While it cannot be announced, what completes the job is held, and nothing else.
func TestFailedAnnouncement(t *testing.T) {
	r := newRig(t)
	l := &listener{}
	s := announcingStore(t, r.proc, l)
	stored(t, s, completing{"load", "a b", ""}.entries(t, "j")...)
	l.set(func(context.Context, job.Completion) error { return job.ErrUnavailable })
	batch := append(completing{"return", "a b", ""}.entries(t, "j"), ret("other", "a", "f.x"))
	errs := s.Write(t.Context(), batch)
	if !errors.Is(errs[0], job.ErrUnavailable) || !errors.Is(errs[1], job.ErrUnavailable) || errs[2] != nil {
		t.Fatalf("errors = %v, want the job's held, the other stored", errs)
	}
	if n := r.redis.HLen(t.Context(), "ret:j").Val(); n != 2 {
		t.Errorf("%d returns are stored, want 2", n)
	}
	l.set(func(context.Context, job.Completion) error { return errors.New("strange") })
	if err := s.Write(t.Context(), batch[:1])[0]; !errors.Is(err, job.ErrUnavailable) {
		t.Errorf("error = %v, want a hold: a stored return is never a dead letter", err)
	}
	if err := s.SaveMinions(t.Context(), "", "j", []string{"a"}); !errors.Is(err, job.ErrUnavailable) {
		t.Errorf("save_minions: %v, want a hold", err)
	}
	l.set(nil)
	began := time.Now()
	stored(t, s, batch...)
	if took := time.Since(began); took >= claimLasts {
		t.Errorf("took %v: the claim on what failed was not given back", took)
	}
	if got := l.of("j"); got != "2/2" {
		t.Errorf("announced %q, want 2/2", got)
	}
}

// A worker dies between its claim and the announcement: its messages come again, at another, and that one announces.
func TestAnnouncerDies(t *testing.T) {
	for form, start := range forms {
		t.Run(form, func(t *testing.T) {
			t.Parallel()
			p := start(t)
			dying := &listener{}
			s := announcingStore(t, p, dying)
			batch := completing{"both", "a b", ""}.entries(t, "j")
			ctx, die := context.WithCancel(t.Context())
			dying.set(func(ctx context.Context, _ job.Completion) error {
				die()
				return ctx.Err()
			})
			for _, err := range s.Write(ctx, batch) {
				if err == nil {
					t.Fatal("an entry was confirmed before its job was announced")
				}
			}
			l := &listener{}
			next := announcingStore(t, p, l)
			stored(t, next, batch[1])
			if got := l.of("j"); got != "2/2" {
				t.Errorf("announced %q, want 2/2", got)
			}
		})
	}
}

// Who comes upon the claim of another that is alive waits for the outcome, and does not announce again.
func TestAnnouncedByAnother(t *testing.T) {
	p := servers.Redis(t)
	first, second := &listener{}, &listener{}
	claimed, release := make(chan struct{}), make(chan struct{})
	first.set(func(context.Context, job.Completion) error {
		close(claimed)
		<-release
		return nil
	})
	batch := completing{"both", "a b", ""}.entries(t, "j")
	var both sync.WaitGroup
	both.Go(func() { stored(t, announcingStore(t, p, first), batch...) })
	<-claimed
	other := announcingStore(t, p, second)
	before := calls(t, p, "evalsha")
	both.Go(func() { stored(t, other, batch[2]) })
	servers.Eventually(t, 10*time.Second, "the second has asked for the claim twice", func() bool {
		return calls(t, p, "evalsha") >= before+5 // behind three scripts that it runs once
	})
	close(release)
	both.Wait()
	if first.of("j") != "2/2" || second.of("j") != "" {
		t.Errorf("announced %q by the first and %q by the second, want the first alone", first.of("j"), second.of("j"))
	}
}

// calls is how often a server was given a command.
func calls(t testing.TB, p *servers.Process, command string) (n int) {
	t.Helper()
	stats, err := p.Do("INFO", "commandstats").Text()
	if err != nil {
		t.Fatal(err)
	}
	_, stats, _ = strings.Cut(stats, "cmdstat_"+command+":calls=")
	if stats == "" {
		return 0
	}
	stats, _, _ = strings.Cut(stats, ",")
	if n, err = strconv.Atoi(stats); err != nil {
		t.Fatal(err)
	}
	return n
}

// A server that forgets the scripts in the middle costs a second announcement at most.
func TestScriptsAreLostMeanwhile(t *testing.T) {
	r := newRig(t)
	l := &listener{}
	s := announcingStore(t, r.proc, l)
	l.set(func(ctx context.Context, _ job.Completion) error { l.set(nil); return r.redis.ScriptFlush(ctx).Err() })
	stored(t, s, completing{"both", "a", ""}.entries(t, "j")...)
	if got := l.of("j"); got != "1/1 1/1" {
		t.Errorf("announced %q, want twice: the first could not be noted", got)
	}
	if got := r.redis.HGet(t.Context(), "returnd/job:j", "announced").Val(); got != "1" {
		t.Errorf("noted %q, want 1", got)
	}
}

// What others keep under the job's keys harms no return.
func TestStrangersKeys(t *testing.T) {
	for form, start := range forms {
		t.Run(form, func(t *testing.T) {
			t.Parallel()
			p := start(t)
			l := &listener{}
			s := announcingStore(t, p, l)
			look := redis.NewClusterClient(&redis.ClusterOptions{Addrs: []string{p.Addr}})
			if form == "standalone" {
				look = nil
			}
			set := func(key string) {
				t.Helper()
				var err error
				if look != nil {
					err = look.Set(t.Context(), key, "x", 0).Err()
				} else {
					err = p.Do("SET", key, "x").Err()
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			if look != nil {
				defer look.Close()
			}
			set("returnd/job:j")
			stored(t, s, ret("j", "a", "f.x"))
			set("ret:k")
			stored(t, s, load(t, "k", `{"fun": "f.x", "minions": ["a"]}`))
			if diff := cmp.Diff([]string{"", ""}, []string{l.of("j"), l.of("k")}); diff != "" {
				t.Errorf("announced:\n%s", diff)
			}
		})
	}
}
