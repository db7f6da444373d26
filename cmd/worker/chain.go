package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// stage is a part of the worker with a life of its own. Its run blocks until the context ends, and returns nil after
// a clean stop; to return before is a failure.
type stage struct {
	name string
	run  func(ctx context.Context) error
}

// stopLimit leaves room below the 10 s that supervisors wait before they kill.
const stopLimit = 9 * time.Second

// runChain starts all stages at once. When ctx ends, or one of them fails, it ends them one after the other in the order
// given: the next one is told to stop only when the one before has returned. The first failure is returned.
func runChain(ctx context.Context, limit time.Duration, stages ...stage) error {
	c := &chain{running: make(map[string]bool, len(stages))}
	life, stop := context.WithCancel(ctx)
	defer stop()
	var group errgroup.Group
	before := life.Done()
	for _, s := range stages {
		c.set(s.name, true)
		ended, previous := make(chan struct{}), before
		group.Go(func() error {
			defer close(ended)
			err := c.runStage(context.WithoutCancel(ctx), s, previous)
			c.set(s.name, false)
			if err != nil {
				stop()
				// Whoever comes behind must not end before those in front of this one have.
				<-previous
			}
			return err
		})
		before = ended
	}
	return c.wait(life, &group, limit)
}

// chain knows which stages are still running.
type chain struct {
	mu      sync.Mutex
	running map[string]bool
}

func (c *chain) set(name string, running bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if running {
		c.running[name] = true
	} else {
		delete(c.running, name)
	}
}

func (c *chain) runStage(ctx context.Context, s stage, stop <-chan struct{}) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		select {
		case <-stop:
			cancel()
		case <-ctx.Done():
		}
	}()
	err := s.run(ctx)
	switch {
	case err != nil:
		return fmt.Errorf("%s: %w", s.name, err)
	case ctx.Err() == nil:
		return fmt.Errorf("%s ended by itself", s.name)
	}
	return nil
}

// wait gives the stages limit from the end of life on: what hangs then is left behind, the process is about to end.
func (c *chain) wait(life context.Context, group *errgroup.Group, limit time.Duration) error {
	done := make(chan error, 1)
	go func() { done <- group.Wait() }()
	select {
	case err := <-done:
		return err
	case <-life.Done():
	}
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case err := <-done:
		return err
	case <-timer.C:
		return fmt.Errorf("still running %v after the stop: %s", limit, c.left())
	}
}

func (c *chain) left() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return strings.Join(slices.Sorted(maps.Keys(c.running)), ", ")
}
