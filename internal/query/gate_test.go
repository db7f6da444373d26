package query

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// Large answers wait for each other, and are refused rather than made to wait long; small ones do not notice.
func TestHeavyRequestsAreFew(t *testing.T) {
	t.Parallel()
	r := start(t, endless(), func(c *Config) { c.Heavy, c.HeavyRateBytes, c.Timeout = 1, 0, 400*time.Millisecond })
	first := r.stream(t, "get_jid", `{"jid": "j"}`, HeaderWindow, "3")
	for range 3 { // beyond heavyBytes: it is inside, and waits for confirmations
		next(t, first)
	}
	got := answerOf(t, all(t, r.stream(t, "get_jid", `{"jid": "j"}`, HeaderWindow, "64"))[1])
	if got.Code != codeUnavailable || got.Retry != "1" || !strings.Contains(got.Sentence, "query.heavy): try again in a second") {
		t.Errorf("the second one: %+v, want 503 with a hint", got)
	}
	if got := r.ask(t, "get_jid", `{"jid": "j"}`); got.Code != codeUnavailable {
		t.Errorf("one that would end with 413: %+v, want 503", got)
	}
	if diff := cmp.Diff(ok("{}"), r.ask(t, "get_jid", `{"jid": "none"}`)); diff != "" {
		t.Errorf("a small one (-want +got):\n%s", diff)
	}
	if got := r.count(t, "returnd.query.streams.cut", "reason=busy"); got != 1 {
		t.Errorf("%d were counted", got)
	}
}

func TestGate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(Config{Heavy: 1, Concurrent: 4})
		if err := g.enter(t.Context(), time.Second); err != nil {
			t.Fatal(err)
		}
		waits := make(chan error, 1)
		go func() { waits <- g.enter(t.Context(), time.Second) }()
		synctest.Wait()
		began := time.Now()
		if err := g.enter(t.Context(), time.Second); err == nil || time.Since(began) > 0 {
			t.Errorf("with half of all requests in the line: %v after %v", err, time.Since(began))
		}
		if err := <-waits; err == nil || time.Since(began) != time.Second {
			t.Errorf("who waited got %v after %v", err, time.Since(began))
		}
		ended, end := context.WithCancelCause(t.Context())
		end(errStopping)
		if err := g.enter(ended, time.Second); !errors.Is(err, errStopping) {
			t.Errorf("whose request ended got %v", err)
		}
		g.leave()
		if err := g.enter(t.Context(), time.Second); err != nil {
			t.Errorf("a free place: %v", err)
		}
	})
}

func TestPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const rate = 1000
		p := &newGate(Config{Heavy: 1, HeavyRateBytes: rate}).pace
		began := time.Now()
		take := func(bytes int, want time.Duration) {
			t.Helper()
			if err := p.take(t.Context(), bytes); err != nil || time.Since(began) != want {
				t.Errorf("%v after %v, want %v", err, time.Since(began), want)
			}
		}
		take(rate/2, 0) // what was saved up
		take(rate, time.Second)
		take(rate, 2*time.Second)
		<-time.After(time.Minute)
		began = time.Now()
		take(rate/2, 0)
		take(rate, time.Second)
		ended, end := context.WithCancelCause(t.Context())
		end(errStopping)
		if err := p.take(ended, rate); !errors.Is(err, errStopping) {
			t.Errorf("whose request ended got %v", err)
		}
	})
}
