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
	return stage{name, 2 * time.Second, func(ctx context.Context) error {
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
		if err := runChain(ctx, quiet(), r.part("a"), r.part("b"), r.part("c")); err != nil {
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
		"b: the disk is full": {"b", time.Second, func(context.Context) error { time.Sleep(time.Minute); return fault }},
		"b: ended by itself":  {"b", time.Second, func(context.Context) error { return nil }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var r record
				err := runChain(t.Context(), quiet(), r.part("a"), failing, r.part("c"))
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
		err := runChain(ctx, quiet(), stage{"a", time.Second, func(ctx context.Context) error {
			<-ctx.Done()
			return errors.New("not flushed")
		}}, r.part("b"))
		if err == nil || err.Error() != "a: not flushed" || len(r.order) != 1 {
			t.Errorf("got %v, then %v", err, r.order)
		}
	})
}

// What hangs is left behind after its patience; the others stop in order, and the end counts as clean.
func TestChainLeavesBehindWhatHangs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		var r record
		var log syncBuffer
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		began := time.Now()
		err := runChain(ctx, logTo(&log), r.part("a"), stage{"b", 3 * time.Second, func(context.Context) error { <-release; return nil }}, r.part("c"))
		if took := time.Since(began) - time.Minute; err != nil || took != 5*time.Second {
			t.Errorf("ended with %v after %v, want nil after 5s", err, took)
		}
		if diff := cmp.Diff([]string{"a", "c"}, r.order); diff != "" || !strings.Contains(log.String(), "part=b") {
			t.Errorf("(-want +got):\n%s, logged:\n%s", diff, &log)
		}
		close(release)
	})
}

// The worst stop of all stages together leaves a supervisor's 10 s room.
func TestStopFitsTheSupervisor(t *testing.T) {
	t.Parallel()
	var sum time.Duration
	w := &worker{}
	for _, s := range w.stages((&embedded{}).stages()...) {
		sum += s.patience
	}
	if sum >= stopGoal {
		t.Errorf("%v, want less than %v", sum, stopGoal)
	}
}
