package query

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"
)

// Large answers wait for each other, and are refused rather than made to wait long; small ones do not notice.
func TestHeavyRequestsAreFew(t *testing.T) {
	t.Parallel()
	store, stuck, inside := endless(), make(chan struct{}), make(chan struct{})
	var values atomic.Int64
	store.between = func(context.Context) error { // the first request stays inside
		if values.Add(1) == 10_000 {
			close(inside)
			<-stuck
		}
		return nil
	}
	r := start(t, store, func(c *Config) { c.Heavy, c.HeavyRateBytes, c.Timeout = 1, 0, 2*time.Second })
	r.stream(t, "get_jid", `{"jid": "j"}`)
	<-inside
	defer close(stuck)
	parts, one := r.stream(t, "get_jid", `{"jid": "j"}`), r.later(t, "get_jid", `{"jid": "j"}`)
	if diff := cmp.Diff(ok("{}"), r.ask(t, "get_jid", `{"jid": "none"}`)); diff != "" {
		t.Errorf("a small one (-want +got):\n%s", diff)
	}
	messages := all(t, parts)
	for name, got := range map[string]answer{"in parts": answerOf(t, messages[len(messages)-1]), "one that would end with 413": <-one} {
		if got.Code != codeUnavailable || got.Retry != "1" || !strings.Contains(got.Sentence, "query.heavy): try again in a second") {
			t.Errorf("%s: %+v, want 503 with a hint", name, got)
		}
	}
	if got := r.count(t, "returnd.query.streams.cut", "reason=busy"); got != 1 {
		t.Errorf("%d were counted", got)
	}
}

// A slow reader does not keep the others waiting.
func TestSlowReaderGivesItsTurn(t *testing.T) {
	t.Parallel()
	r := startAt(t, startNATS(t, 1<<20), newGiant(), func(c *Config) { c.Heavy, c.HeavyRateBytes = 1, 0 })
	slow := r.stream(t, "get_jid", `{"jid": "j"}`, HeaderWindow, "3")
	var parts []*nats.Msg
	for range 3 { // beyond heavyBytes: it had its turn, and waits for confirmations
		parts = append(parts, next(t, slow))
	}
	whole := merge(all(t, r.stream(t, "get_jid", `{"jid": "j"}`)))
	for more := true; more; {
		last := parts[len(parts)-1]
		if more = last.Header.Get(HeaderMore) == "true"; more {
			r.confirm(t, last.Reply, last.Header.Get(HeaderSeq))
			parts = append(parts, next(t, slow))
		}
	}
	if got := merge(parts); got != whole {
		t.Errorf("the slow one got %d bytes, the other one %d", len(got), len(whole))
	}
}

func TestGate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(Config{Heavy: 1, Concurrent: 4})
		for range 2 {
			if err := g.queue(); err != nil {
				t.Fatal(err)
			}
		}
		if err := g.queue(); err == nil {
			t.Error("more than half of all requests are in the line")
		}
		if err := g.enter(t.Context(), time.Second); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		if err := g.enter(t.Context(), time.Second); err == nil || time.Since(began) != time.Second {
			t.Errorf("who waited got %v after %v", err, time.Since(began))
		}
		ended, end := context.WithCancelCause(t.Context())
		end(errStopping)
		if err := g.enter(ended, time.Second); !errors.Is(err, errStopping) {
			t.Errorf("whose request ended got %v", err)
		}
		g.exit()
		g.leave()
		if err := errors.Join(g.queue(), g.enter(t.Context(), time.Second)); err != nil {
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
			if err := p.take(t.Context(), bytes, false); err != nil || time.Since(began) != want {
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
		<-time.After(time.Minute)
		began = time.Now()
		if err := p.take(t.Context(), rate/2, true); err != nil || time.Since(began) < 450*time.Millisecond {
			t.Errorf("among many, %v after %v", err, time.Since(began))
		}
		ended, end := context.WithCancelCause(t.Context())
		end(errStopping)
		if err := p.take(ended, rate, false); !errors.Is(err, errStopping) {
			t.Errorf("whose request ended got %v", err)
		}
	})
}
