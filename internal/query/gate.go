package query

import (
	"context"
	"fmt"
	"sync"
	"time"
)

const (
	// heavyBytes is what a request may read before it counts as one that reads much, and how much of it is weighed at once.
	heavyBytes = 256 << 10
	// gatePatience is how long a request waits for its turn, at most: who is refused has been read for in vain, and comes again.
	gatePatience = 5 * time.Second
)

// gate keeps the requests that read much from taking the machine: few at once, and only so many bytes a second. Small
// requests never meet it; those that would fill all slots of the service while they wait are turned away at once.
type gate struct {
	line  chan struct{} // those inside, those who wait, and those whose callers are slow
	slots chan struct{} // those inside
	pace  pace
}

func newGate(c Config) *gate {
	return &gate{
		line: make(chan struct{}, max(c.Heavy, c.Concurrent/2)), slots: make(chan struct{}, c.Heavy),
		pace: pace{rate: float64(c.HeavyRateBytes), credit: float64(c.HeavyRateBytes) / 2},
	}
}

// queue takes a place in the line, which a request keeps until it is over; it calls leave then.
func (g *gate) queue() error {
	select {
	case g.line <- struct{}{}:
		return nil
	default:
		return g.full()
	}
}

func (g *gate) leave() { <-g.line }

// enter waits for a slot. Who waits longest is next. Who got in calls exit.
func (g *gate) enter(ctx context.Context, patience time.Duration) error {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case g.slots <- struct{}{}:
		return nil
	case <-timer.C:
		return g.full()
	case <-ctx.Done():
		return fmt.Errorf("await a turn: %w", context.Cause(ctx))
	}
}

func (g *gate) exit() { <-g.slots }

func (g *gate) full() *failure {
	return because("busy", fail(codeUnavailable,
		"this worker reads %d large answers already (query.heavy): try again in a second", cap(g.slots)))
}

// crowded tells that some wait for their turn.
func (g *gate) crowded() bool { return len(g.line) > cap(g.slots) }

// pace spreads reading over time, but lets half a second's worth through at once, so that a single job does not wait. Where
// many want to read there is no such reserve: it would only take the machine from everybody else, and shorten no queue.
type pace struct {
	rate float64 // bytes a second; 0 is no bound

	mu     sync.Mutex
	credit float64 // bytes that may be read at once; below zero they have to be waited for
	at     time.Time
}

// take waits until so many bytes more may be read.
func (p *pace) take(ctx context.Context, bytes int, crowded bool) error {
	wait := p.reserve(float64(bytes), time.Now(), crowded)
	if wait <= 0 {
		return nil
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("pace: %w", context.Cause(ctx))
	}
}

func (p *pace) reserve(bytes float64, now time.Time, crowded bool) time.Duration {
	if p.rate == 0 {
		return 0
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.at.IsZero() {
		p.credit = min(p.rate/2, p.credit+now.Sub(p.at).Seconds()*p.rate)
	}
	if crowded {
		p.credit = min(p.credit, p.rate/100)
	}
	p.at = now
	p.credit -= bytes
	return time.Duration(-p.credit / p.rate * float64(time.Second))
}

// turn is what a request that reads much has of the gate.
type turn struct{ queued, inside bool }

// weigh is told what a request has read. From the first time on it counts as one that reads much.
func (c *call) weigh(bytes int) error {
	g := c.service.gate
	if !c.turn.queued {
		if err := g.queue(); err != nil {
			return err
		}
		c.turn.queued = true
	}
	if !c.turn.inside {
		if err := g.enter(c.ctx, min(gatePatience, c.service.cfg.Timeout/2)); err != nil {
			return err
		}
		c.turn.inside = true
	}
	return g.pace.take(c.ctx, bytes, g.crowded())
}

// rest lets others read while the caller is slow. The request has to enter again.
func (c *call) rest() {
	if c.turn.inside {
		c.service.gate.exit()
		c.turn.inside = false
	}
}
