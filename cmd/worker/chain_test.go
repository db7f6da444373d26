package main

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// record notes in which order things happen.
type record struct {
	mu    sync.Mutex
	order []string
}

func (r *record) add(what string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.order = append(r.order, what)
}

// part runs until it is told to stop, and takes a second to do so.
func (r *record) part(name string) stage {
	return stage{name, func(ctx context.Context) error {
		<-ctx.Done()
		time.Sleep(time.Second)
		r.add(name)
		return nil
	}}
}

func TestChainStopsInOrder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var r record
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := runChain(ctx, stopLimit, r.part("a"), r.part("b"), r.part("c")); err != nil {
			t.Error(err)
		}
		if diff := cmp.Diff([]string{"a", "b", "c"}, r.order); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

// A part in the middle fails: those before it still stop before those behind it.
func TestChainFails(t *testing.T) {
	t.Parallel()
	fault := errors.New("the disk is full")
	for name, failing := range map[string]stage{
		"b: the disk is full": {"b", func(context.Context) error { time.Sleep(time.Minute); return fault }},
		"b ended by itself":   {"b", func(context.Context) error { return nil }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var r record
				err := runChain(t.Context(), stopLimit, r.part("a"), failing, r.part("c"))
				if err == nil || err.Error() != name {
					t.Errorf("got %v, want %q", err, name)
				}
				if diff := cmp.Diff([]string{"a", "c"}, r.order); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
			})
		})
	}
}

// What fails while it stops is told too, and holds up nobody.
func TestChainFailsWhileStopping(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var r record
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		err := runChain(ctx, stopLimit, stage{"a", func(ctx context.Context) error {
			<-ctx.Done()
			return errors.New("not flushed")
		}}, r.part("b"))
		if err == nil || err.Error() != "a: not flushed" || len(r.order) != 1 {
			t.Errorf("got %v, then %v", err, r.order)
		}
	})
}

func TestChainNamesWhatHangs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		var r record
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		began := time.Now()
		err := runChain(ctx, stopLimit, r.part("a"), stage{"b", func(context.Context) error { <-release; return nil }}, r.part("c"))
		if err == nil || !strings.HasSuffix(err.Error(), ": b, c") {
			t.Errorf("got %v, want b and c named", err)
		}
		if got := time.Since(began) - time.Minute; got != stopLimit {
			t.Errorf("gave up after %v, want %v", got, stopLimit)
		}
		close(release)
		time.Sleep(time.Minute) // of the bubble's own clock: c, left behind, still has to end
	})
}
