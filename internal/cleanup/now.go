package cleanup

import (
	"context"
	"errors"
	"time"

	"returnd/internal/job"
)

// Order is what a single sweep is to do.
type Order struct {
	// DryRun counts and removes nothing.
	DryRun bool
	// Profile is the only one to sweep; empty is all, and one that there is not is the default one, as in Salt.
	Profile string
}

// whole tells a sweep that can be gone on with by another, and after which the next one is planned.
func (o Order) whole() bool { return !o.DryRun && o.Profile == "" }

const (
	// busyPatience is how long Now waits for a lease: two replicas that look at the same time do so for milliseconds.
	busyPatience = 2 * time.Second
	// releaseLimit is what giving the lease back may take, within the stop of a worker.
	releaseLimit = 300 * time.Millisecond
)

// Now sweeps at once. Where another replica sweeps right now, the error is a *BusyError. It goes on with an unfinished
// sweep where there is one. progress, if any, is told the numbers so far after each small step.
func (c *Cleaner) Now(ctx context.Context, o Order, progress func(Result)) (Result, error) {
	waiting, cancel := context.WithTimeout(ctx, busyPatience)
	defer cancel()
	held, err := c.lease.Acquire(waiting)
	if err != nil {
		busy := new(BusyError)
		if ctx.Err() == nil && errors.As(err, &busy) {
			return Result{}, busy
		}
		return Result{}, err
	}
	return c.under(ctx, held, pass{order: o, progress: progress})
}

// under sweeps under the lease, and gives it back. The result is empty where there was nothing to do.
func (c *Cleaner) under(ctx context.Context, held *Held, p pass) (Result, error) {
	defer c.release(ctx, held)
	c.held.Add(1)
	defer c.held.Add(-1)
	c.token.Store(held.Token())
	p.c, p.held = c, held
	err := held.Keep(ctx, p.run)
	switch {
	case !p.begun.IsZero():
		return p.result, p.end(ctx, err)
	case err != nil && ctx.Err() == nil:
		c.log.Warn("sweep not begun", "error", err)
	}
	return Result{}, err
}

// release gives the lease back even when the worker stops.
func (c *Cleaner) release(ctx context.Context, held *Held) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), releaseLimit)
	defer cancel()
	if err := held.Release(ctx); err != nil && !errors.Is(err, ErrNotOwned) {
		c.log.Warn("the lease could not be given back: it ends by itself", "within", c.lease.ttl, "error", err)
	}
}

// ofProfile leaves out the databases of the other profiles.
func ofProfile(all []job.Database, profile string) []job.Database {
	if profile == "" {
		return all
	}
	var own, fallback []job.Database
	for _, db := range all {
		switch db.Profile {
		case profile:
			own = append(own, db)
		case "":
			fallback = append(fallback, db)
		}
	}
	if own == nil {
		return fallback
	}
	return own
}
