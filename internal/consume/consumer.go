package consume

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.opentelemetry.io/otel/metric"
	"golang.org/x/sync/errgroup"

	"returnd/internal/job"
)

// Sink stores a batch. The i-th error tells what became of the i-th entry: nil is a confirmed write; a *job.Rejection
// the entry's own fault; job.ErrUnavailable means to hold and try again; anything else is unknown, and the entry is
// delivered again later.
type Sink interface {
	Write(ctx context.Context, entries []job.Entry) []error
}

const (
	// stopLimit bounds flush and settlement at the end: what is not written by then goes back to the stream.
	stopLimit = 2500 * time.Millisecond
	// lanesPerWriter keeps as much asked for as is being written: measured against one lane a writer.
	lanesPerWriter = 2
)

// errConsumerGone says that the consumer has to be made anew.
var errConsumerGone = errors.New("consumer is gone")

// Consumer takes returns off the stream and hands them to a Sink.
type Consumer struct {
	cfg     Config
	streams *streams
	nc      *nats.Conn
	js      jetstream.JetStream
	sink    Sink
	log     *slog.Logger
	metrics *metrics
	tracing tracing

	queue   *queue
	credit  *credit
	letters *letters
	held    *held
	watch   watch
	poke    chan struct{} // credit was freed, or a lane ended
	decoder *decoder
	// laneBytes is what one pull request may bring.
	laneBytes int
}

// New makes a Consumer. It does no I/O.
func New(cfg Config, stream StreamConfig, subjects job.Subjects, nc *nats.Conn, sink Sink, log *slog.Logger, meter metric.Meter) (*Consumer, error) {
	if err := errors.Join(cfg.Validate(), stream.Validate()); err != nil {
		return nil, err
	}
	js, err := jetstream.New(nc)
	if err != nil {
		return nil, fmt.Errorf("jetstream: %w", err)
	}
	m, err := newMetrics(meter)
	if err != nil {
		return nil, fmt.Errorf("metrics of the consumer: %w", err)
	}
	c := &Consumer{
		cfg: cfg, nc: nc, js: js, sink: sink, log: log, metrics: m,
		streams: &streams{cfg: stream, subjects: subjects, js: js},
		queue:   newQueue(cfg.Batch), poke: make(chan struct{}, 1),
	}
	m.messaging = c.conventions("process")
	c.watch.update(func(s *watched) { s.fault, s.at = errors.New("not started yet"), time.Now() })
	c.credit = newCredit(
		cfg.Batch.Returns*(lanesPerWriter*cfg.InFlight+cfg.InFlight+1),
		cfg.BufferBytes+cfg.InFlight*cfg.Batch.Bytes,
		c.wake,
	)
	c.held = newHeld(c)
	if c.letters, err = newLetters(c, subjects); err != nil {
		return nil, err
	}
	return c, c.observe(meter)
}

func (c *Consumer) lanes() int { return lanesPerWriter * c.cfg.InFlight }

func (c *Consumer) wake() {
	select {
	case c.poke <- struct{}{}:
	default:
	}
}

// Run pulls, writes and settles until ctx ends; then it stops asking, writes and settles what it has, and returns nil.
func (c *Consumer) Run(ctx context.Context) error {
	work, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	var writers, helpers errgroup.Group
	for range c.cfg.InFlight {
		writers.Go(func() error { c.write(work); return nil })
	}
	helpers.Go(func() error { c.letters.run(work); return nil })
	helpers.Go(func() error { c.held.run(work); return nil })
	helpers.Go(func() error { c.keepAlive(work); return nil })

	err := c.pull(ctx)
	// Everything asked for has arrived or been given up. What is left is written within a limit of its own.
	stop := time.AfterFunc(stopLimit, cancel)
	defer stop.Stop()
	c.queue.close()
	c.credit.close()
	_ = writers.Wait()
	c.held.close()
	c.letters.close()
	cancel()
	_ = helpers.Wait()
	if flushErr := c.nc.FlushTimeout(500 * time.Millisecond); flushErr != nil && err == nil && !c.nc.IsClosed() {
		c.log.Warn("the last acknowledgements may not have reached the server: it will deliver again", "error", flushErr)
	}
	return err
}

// pull keeps requests under way until ctx ends, over anything that happens to servers and consumer.
func (c *Consumer) pull(ctx context.Context) error {
	for first := true; ctx.Err() == nil; {
		c.watch.turn()
		consumer, err := c.prepare(ctx, first)
		if err != nil {
			if ctx.Err() == nil {
				c.fault(err)
				wait(ctx, watchEvery/2)
			}
			continue
		}
		first = false
		if err := c.session(ctx, consumer); err != nil {
			return err
		}
	}
	return nil
}

// prepare brings streams and consumer into being.
func (c *Consumer) prepare(ctx context.Context, first bool) (jetstream.Consumer, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	if c.decoder == nil {
		if err := c.limits(); err != nil {
			return nil, err
		}
	}
	if err := c.streams.ensure(ctx, first); err != nil {
		return nil, err
	}
	return c.consumer(ctx)
}

// limits settles how large a return may be, once the server has told what it takes.
func (c *Consumer) limits() error {
	room := int(c.nc.MaxPayload()) - Margin
	if room <= 0 {
		return errors.New("nats is not connected: check nats.url and that nats-server runs")
	}
	limit := c.cfg.MaxReturnBytes
	if limit == 0 || limit > room {
		if limit > room {
			c.log.Warn("consume.max_return_bytes is more than the server's max_payload less 8 KiB: that is what holds", "limit", room)
		}
		limit = room
	}
	d, err := newDecoder(c.streams.subjects, c.cfg.VerifySubject, limit)
	if err != nil {
		return err
	}
	c.decoder = d
	// Every lane must be able to ask for the largest message: a smaller request would never bring it.
	c.laneBytes = max(c.cfg.BufferBytes/c.lanes(), int(c.nc.MaxPayload())+Margin)
	c.credit.release(0, c.laneBytes*c.lanes()-c.cfg.BufferBytes)
	return nil
}

// fault makes a reason for standing still known, once while it lasts.
func (c *Consumer) fault(err error) {
	if before := c.watch.load().fault; before == nil || before.Error() != err.Error() {
		c.log.Warn("no returns are flowing", "reason", err)
	}
	c.watch.update(func(s *watched) { s.fault = err })
}

// wait sleeps, or until ctx ends.
func wait(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}

// keepAlive tells the server, well inside the ack wait, which deliveries are being worked on.
func (c *Consumer) keepAlive(ctx context.Context) {
	every := c.cfg.AckWait / 4
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			for _, reply := range c.queue.unsettled(now.Add(-every / 2)) {
				_ = c.nc.Publish(reply, inProgress) // a lost one costs a redelivery
			}
		}
	}
}
