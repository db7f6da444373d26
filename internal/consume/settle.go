package consume

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"returnd/internal/job"
)

const noCache = job.JIDNoCache

// The answers to a delivery: https://docs.nats.io/using-nats/developer/develop_jetstream/consumers
var (
	ack        = []byte("+ACK")
	inProgress = []byte("+WPI")
	term       = []byte("+TERM")
)

const (
	// nakDelay is how long a return is left alone that failed for a reason unknown.
	nakDelay = 5 * time.Second
	// partDelay is the same for one that could not be written while others could.
	partDelay = 2 * time.Second
	// stopDelay is the same for what a stopping worker gives back: another replica may take it at once.
	stopDelay = 100 * time.Millisecond
)

// settle answers a delivery and gives its credit back. A lost answer costs a redelivery, which does no harm.
func (c *Consumer) settle(d *delivery, answer []byte) {
	_ = c.nc.Publish(d.msg.Reply, answer)
	c.credit.release(1, d.size)
}

// nak gives a delivery back to the stream for later, not all at the same moment.
func (c *Consumer) nak(d *delivery, delay time.Duration) {
	delay += time.Duration(rand.Int64N(int64(delay)/2 + 1)) // #nosec G404 -- jitter
	c.metrics.naked.Add(context.Background(), 1)
	c.settle(d, fmt.Appendf(nil, `-NAK {"delay": %d}`, delay.Nanoseconds()))
}

func (c *Consumer) count(d *delivery) {
	c.metrics.fetched.Add(1)
	if d.delivered > 1 {
		c.metrics.redelivered.Add(1)
	}
}

// asRejection gives an error of the decoder its reason.
func asRejection(err error) *job.Rejection {
	var r *job.Rejection
	if errors.As(err, &r) {
		return r
	}
	return job.Reject(job.ReasonMalformed, "%v", err)
}

// write takes batches until the queue is closed and empty. What cannot be written now is held elsewhere: no batch keeps
// a writer from the others, which may be for another server.
func (c *Consumer) write(ctx context.Context) {
	for b := c.queue.take(); b != nil; b = c.queue.take() {
		c.metrics.batchSize.Record(ctx, int64(len(b.entries)))
		c.begin(ctx, b)
		if held := c.writeOnce(ctx, b); held != nil {
			c.held.put(b, held)
			continue
		}
		c.finish(ctx, b)
	}
}

// finish gives back a batch whose deliveries are all settled.
func (c *Consumer) finish(ctx context.Context, b *batch) {
	now := time.Now()
	c.metrics.batchAge.Record(ctx, now.Sub(b.born).Seconds())
	c.metrics.process.Record(ctx, now.Sub(b.taken).Seconds(), c.metrics.messaging)
	b.end("")
	c.queue.done(b)
}

func (c *Consumer) giveBack(b *batch, delay time.Duration) {
	for i := range b.deliveries {
		c.nak(&b.deliveries[i], delay)
	}
	b.end("given back to the stream")
	c.queue.done(b)
}

// writeOnce writes a batch and settles what it can. What stays in the batch is held, for the reason returned.
func (c *Consumer) writeOnce(ctx context.Context, b *batch) (held error) {
	ctx = b.within(ctx)
	errs := c.sink.Write(ctx, b.entries)
	written := time.Now()
	oldest := written
	stored, bytes, keep := 0, 0, []int(nil)
	for i := range errs {
		d := &b.deliveries[i]
		var rejection *job.Rejection
		switch err := errs[i]; {
		case err == nil:
			_ = c.nc.Publish(d.msg.Reply, ack) // a lost one costs a redelivery
			stored, bytes = stored+1, bytes+d.size
			if d.published.Before(oldest) {
				oldest = d.published
			}
		case errors.As(err, &rejection):
			b.dead(rejection.Reason)
			c.letters.post(*d, rejection)
		case errors.Is(err, job.ErrUnavailable):
			keep, held = append(keep, i), err
		case b.alone:
			b.dead(job.ReasonMaxDeliver)
			c.letters.post(*d, job.Reject(job.ReasonMaxDeliver, "delivered %d times, and still: %v", d.delivered, err))
		default:
			c.log.WarnContext(ctx, "a return could not be written and will be tried again", "sequence", d.sequence, "delivered", d.delivered, "error", err)
			c.nak(d, nakDelay)
		}
	}
	c.tracing.settled(ctx, written, len(errs), stored, len(keep))
	c.credit.release(stored, bytes)
	c.metrics.stored.Add(ctx, int64(stored))
	c.metrics.held.Add(ctx, int64(len(keep)))
	if stored > 0 {
		c.metrics.latency.Record(ctx, written.Sub(oldest).Seconds())
		c.held.alive()
	}
	b.keep(keep)
	return held
}
