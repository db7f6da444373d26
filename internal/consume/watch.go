package consume

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// watchEvery spaces the looks at stream and consumer.
const watchEvery = 2 * time.Second

// watch is what was last seen of stream and consumer.
type watch struct {
	mu    sync.Mutex
	state watched
}

type watched struct {
	fault            error  // why no returns are flowing; nil when they are
	refusal          string // the server's answer to every pull request; "" where it is returns
	pending, unacked uint64
	oldest           time.Duration // age of the oldest unsettled message
	maxAge           time.Duration // age at which the stream drops messages; 0 is never
	at               time.Time     // when the loop last turned
}

func (w *watch) load() watched {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.state
}

func (w *watch) update(change func(*watched)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	change(&w.state)
}

func (w *watch) turn() { w.update(func(s *watched) { s.at = time.Now() }) }

// Alive fails when the loop that pulls has not turned for a long time.
func (c *Consumer) Alive() error {
	if idle := time.Since(c.watch.load().at); idle > time.Minute {
		return fmt.Errorf("the loop that pulls returns has not turned for %v", idle.Round(time.Second))
	}
	return nil
}

// Ready tells why no returns are flowing, or that the stream is about to lose what nobody has stored.
func (c *Consumer) Ready(context.Context) error {
	s := c.watch.load()
	switch {
	case s.fault != nil:
		return s.fault
	case s.refusal != "":
		return fmt.Errorf("the server refuses every pull request: %s: compare the limits of consumer %s with consume.batch.*", s.refusal, c.cfg.Durable)
	}
	if err := errors.Join(c.held.err(), c.letters.err()); err != nil {
		return err
	}
	if s.maxAge > 0 && s.oldest > s.maxAge/2 {
		return fmt.Errorf("the oldest return not stored is %v old, and the stream drops them at %v: see what holds the writes up, or raise stream.max_age",
			s.oldest.Round(time.Second), s.maxAge)
	}
	return nil
}

// watchOver looks at the consumer every now and then, and when it is told to. It returns once the consumer is gone.
func (c *Consumer) watchOver(ctx context.Context, consumer jetstream.Consumer, at <-chan struct{}) {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for c.look(ctx, consumer) == nil {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-at:
		}
	}
}

// look reads how far the consumer is. It reports errConsumerGone when it has to be made anew.
func (c *Consumer) look(ctx context.Context, consumer jetstream.Consumer) error {
	ctx, cancel := context.WithTimeout(ctx, watchEvery)
	defer cancel()
	info, err := consumer.Info(ctx)
	if errors.Is(err, jetstream.ErrConsumerNotFound) || errors.Is(err, jetstream.ErrStreamNotFound) {
		return errConsumerGone
	}
	if err != nil {
		c.watch.update(func(s *watched) {
			s.fault = fmt.Errorf("ask for the consumer: %w: check that nats-server runs and reaches its cluster", err)
		})
		return nil
	}
	oldest, maxAge := c.oldest(ctx, info)
	c.watch.update(func(s *watched) {
		s.fault, s.pending, s.unacked = nil, info.NumPending, uint64(info.NumAckPending)
		s.oldest, s.maxAge = oldest, maxAge
	})
	return nil
}

// oldest is the age of the first message not settled, 0 where there is none, and the age at which the stream drops one.
func (c *Consumer) oldest(ctx context.Context, info *jetstream.ConsumerInfo) (age, maxAge time.Duration) {
	if info.NumPending == 0 && info.NumAckPending == 0 {
		return 0, 0
	}
	stream, err := c.js.Stream(ctx, c.streams.cfg.Name)
	if err != nil {
		return 0, 0 // the next look finds out what is wrong
	}
	known := stream.CachedInfo()
	m, err := stream.GetMsg(ctx, max(info.AckFloor.Stream+1, known.State.FirstSeq))
	if err != nil {
		return 0, 0 // settled or dropped meanwhile
	}
	return info.TimeStamp.Sub(m.Time), known.Config.MaxAge
}
