package main

import (
	"context"
	"fmt"
	"time"
)

const (
	// probePause lets the probe's own returns be few beside the load.
	probePause = 20 * time.Millisecond
	// countPause is between two looks at a job that is not complete.
	countPause = 20 * time.Millisecond
)

// prober publishes one return at a time, and measures how long it takes until a query shows it.
type prober struct {
	*measurement
	times []time.Duration
}

// run goes on until ctx ends, which is no fault.
func (p *prober) run(ctx context.Context) error {
	for ctx.Err() == nil {
		if err := p.once(ctx); err != nil && ctx.Err() == nil {
			return err
		}
		_ = pause(ctx, probePause)
	}
	return nil
}

func (p *prober) once(ctx context.Context) error {
	const minion = "bench-probe.returnd.invalid"
	began := time.Now()
	jid := p.newJID(began)
	if _, err := p.client.Publish(ctx, benchReturn(p.subjects, jid, minion, "bench.probe", p.size)); err != nil {
		return fmt.Errorf("publish: %w", err)
	}
	for {
		all, err := p.client.GetJID(ctx, jid)
		switch {
		case err != nil:
			return err
		case len(all) == 1:
			p.times = append(p.times, time.Since(began))
			return nil
		case time.Since(began) > p.patience:
			return fmt.Errorf("a return that was published %v ago cannot be read: see /readyz of the workers", p.patience)
		}
		if err := pause(ctx, probePoll); err != nil {
			return err
		}
	}
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
		if err != nil {
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
