package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"golang.org/x/sync/errgroup"
)

// stage is a part of the worker with a life of its own.
type stage struct {
	name string
	// patience is how long the stages behind wait for this one to stop. One that hangs, on a server that does not answer,
	// is left behind: what it holds unsettled the stream delivers again. Together they stay below the 10 s that
	// supervisors wait before they kill.
	patience time.Duration
	// run blocks until the context ends, and returns nil after a clean stop; to return before is a failure.
	run func(ctx context.Context) error
}

// runChain starts all stages at once. When ctx ends, or one of them fails, it ends them one after the other in the order
// given: the next one is told to stop only when the one before has returned. The first failure is returned.
func runChain(ctx context.Context, log *slog.Logger, stages ...stage) error {
	life, stop := context.WithCancel(ctx)
	defer stop()
	var group errgroup.Group
	turn := life.Done()
	for _, s := range stages {
		own, next := turn, make(chan struct{})
		group.Go(func() error {
			defer close(next)
			err := s.live(context.WithoutCancel(ctx), own, stop, log)
			if err != nil {
				return fmt.Errorf("%s: %w", s.name, err)
			}
			return nil
		})
		turn = next
	}
	return group.Wait()
}

// live runs the stage until it is its turn to stop. Should it end before, it has all others stop.
func (s stage) live(ctx context.Context, turn <-chan struct{}, stopAll func(), log *slog.Logger) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- s.run(ctx) }()
	select {
	case <-turn:
		cancel()
		return s.end(done, log)
	case err := <-done:
		stopAll()
		<-turn // those behind must not stop before those in front have
		if err == nil {
			err = errors.New("ended by itself")
		}
		return err
	}
}

// end waits for a stage that was told to stop.
func (s stage) end(done <-chan error, log *slog.Logger) error {
	timer := time.NewTimer(s.patience)
	defer timer.Stop()
	select {
	case err := <-done:
		return err
	case <-timer.C:
		log.Warn("a part does not stop and is left behind; what it has not settled is delivered again", "part", s.name, "waited", s.patience)
		return nil
	}
}
