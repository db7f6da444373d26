package cleanup

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// Keep renews the lease at a third of its time while f runs, and answers f's error. f's context ends with trust, for
// the reason ErrLeaseLost; its Err goes by the clock, so that it is never late. What f has begun by then Keep waits for.
func (h *Held) Keep(ctx context.Context, f func(context.Context) error) error {
	inner, cancel := context.WithCancelCause(ctx)
	life := &trustedContext{Context: inner, held: h, cancel: cancel}
	var running sync.WaitGroup
	running.Go(func() { h.watch(life) })
	running.Go(func() { h.renewing(life) })
	err := f(life)
	if lost := h.Err(); err != nil && lost != nil {
		err = fmt.Errorf("%w (%w)", lost, err)
	}
	cancel(nil)
	running.Wait()
	return err
}

// trustedContext is a context that has ended as soon as the clock says so. A timer alone is late after a process was
// stopped: what runs before it would still find the context alive.
type trustedContext struct {
	context.Context
	held   *Held
	cancel context.CancelCauseFunc
}

// Err looks at the clock.
func (c *trustedContext) Err() error {
	if lost := c.held.Err(); lost != nil {
		c.cancel(lost)
	}
	return c.Context.Err()
}

// watch ends the context when trust ends.
func (h *Held) watch(life *trustedContext) {
	for life.Err() == nil {
		if !sleep(life, max(h.Left(), time.Millisecond)) {
			return
		}
	}
}

// renewing renews until the context ends. What fails is tried again soon, while there is still trust.
func (h *Held) renewing(life *trustedContext) {
	pause := h.lease.ttl / 3
	for sleep(life, pause) {
		switch err := h.renewOnce(life); {
		case err == nil:
			pause = h.lease.ttl / 3
		case errors.Is(err, ErrLeaseLost):
			_ = life.Err() // ends it
			return
		default:
			pause = min(h.lease.ttl/15, maxPoll)
		}
	}
}

// renewOnce leaves time for another try where the server does not answer.
func (h *Held) renewOnce(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, h.lease.ttl/3)
	defer cancel()
	return h.renew(ctx)
}
