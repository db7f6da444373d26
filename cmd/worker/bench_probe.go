package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"returnd/client"
)

const (
	// probePace starts so many probes that they are few beside the load, whatever becomes of those before: were each to
	// wait for the last one, a slow moment would be measured once.
	probePace = 50 * time.Millisecond
	// probesAtOnce bounds them, at half of what one worker answers at once (query.concurrent).
	probesAtOnce = 32
	// probeShare of its time so far is what a probe waits before it asks again: exact to that.
	probeShare = 20
	// countPause is between two looks at a job that is not complete.
	countPause = 20 * time.Millisecond
)

// prober publishes returns of its own, and measures how long it takes until a query shows them.
type prober struct {
	*measurement
	mu    sync.Mutex
	times []time.Duration
}

// run starts one at a steady pace until it is told to stop, and then waits for those under way: they count as well.
func (p *prober) run(ctx context.Context, stop <-chan struct{}) error {
	var group errgroup.Group
	group.SetLimit(probesAtOnce)
	tick := time.NewTicker(probePace)
	defer tick.Stop()
	for {
		select {
		case <-stop:
			return group.Wait()
		case <-tick.C:
			group.Go(func() error { return p.once(ctx) })
		}
	}
}

func (p *prober) once(ctx context.Context) error {
	const minion = "bench-probe.returnd.invalid"
	began := time.Now()
	jid := p.newJID(began)
	ctx, cancel := context.WithTimeoutCause(ctx, p.patience, fmt.Errorf("a return that was published %v ago cannot be read: see /readyz of the workers", p.patience))
	defer cancel()
	if _, err := p.client.Publish(ctx, benchReturn(p.subjects, jid, minion, "bench.probe", p.size)); err != nil {
		return fmt.Errorf("publish: %w", err)
	}
	for {
		all, err := p.client.GetJID(ctx, jid)
		took := time.Since(began)
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case err != nil && !client.IsRetryable(err):
			return err
		case err == nil && len(all) == 1:
			p.add(took)
			return nil
		}
		_ = pause(ctx, max(time.Millisecond, took/probeShare)) // an ended ctx is seen above
	}
}

func (p *prober) add(took time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.times = append(p.times, took)
}

// count looks at every job until all its returns can be read.
func (m *measurement) count(ctx context.Context) (readable int, err error) {
	for i, jid := range m.jids {
		n, err := m.countJob(ctx, jid, m.expected(i))
		readable += n
		if err != nil {
			return readable, err
		}
	}
	return readable, nil
}

// countJob gives up where nothing has come for so long that nothing will.
func (m *measurement) countJob(ctx context.Context, jid string, expected int) (returned int, err error) {
	for changed := time.Now(); time.Since(changed) < m.patience; {
		progress, err := m.client.GetProgress(ctx, jid)
		if err != nil && !client.IsRetryable(err) {
			return returned, err
		}
		if progress.Returned > returned {
			returned, changed = progress.Returned, time.Now()
		}
		if returned >= expected {
			return returned, nil
		}
		if err := pause(ctx, countPause); err != nil {
			return returned, err
		}
	}
	return returned, nil
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
