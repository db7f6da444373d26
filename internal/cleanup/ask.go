package cleanup

import (
	"context"
	"errors"
	"sync"
)

// errNotRunning is for a worker that has not begun to run, or stops.
var errNotRunning = errors.New("this worker does not sweep now: it starts or stops")

// begin lets Ask begin sweeps that end with ctx.
func (c *Cleaner) begin(ctx context.Context) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.life = ctx
}

func (c *Cleaner) end() {
	c.mu.Lock()
	c.life = nil
	c.mu.Unlock()
	c.running.Wait()
}

// background runs f with Run's context until it returns.
func (c *Cleaner) background(f func(context.Context)) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.life == nil || c.life.Err() != nil {
		return false
	}
	life := c.life
	c.running.Go(func() { f(life) })
	return true
}

// Ask is Now for a caller who cannot wait for long: when ctx ends the answer is what was done so far, marked as running,
// and the sweep goes on until its end or Run's.
func (c *Cleaner) Ask(ctx context.Context, o Order) (Result, error) {
	var mu sync.Mutex
	var sofar Result
	var failed error
	done := make(chan struct{})
	begun := c.background(func(life context.Context) {
		defer close(done)
		r, err := c.Now(life, o, func(r Result) {
			mu.Lock()
			defer mu.Unlock()
			sofar = r
		})
		mu.Lock()
		defer mu.Unlock()
		sofar, failed = r, err
	})
	if !begun {
		return Result{}, errNotRunning
	}
	select {
	case <-done:
	case <-ctx.Done():
	}
	mu.Lock()
	defer mu.Unlock()
	if failed == nil && sofar.Token == 0 {
		return Result{Running: true, DryRun: o.DryRun, Profile: o.Profile, By: c.lease.owner}, nil // it has not made a step yet
	}
	return sofar, failed
}
