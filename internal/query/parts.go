package query

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
)

// flushEvery is how many parts are on their way to the server at most when the caller confirms nothing. The flush also
// brings back, ahead of its own answer, the word that nobody listens.
const flushEvery = 4

// slowReader is how long a caller may take to confirm before others get its turn: some round trips on any network.
const slowReader = 50 * time.Millisecond

// errEnded tells the work that its request has had its last message.
var errEnded = errors.New("the request is over")

// part sends a part that more will follow. It waits for the caller, or where that confirms nothing for the connection, so
// that a slow reader slows the reading from the store. The body may be used again afterwards.
func (c *call) part(body []byte) error {
	if c.flow == nil {
		c.flow = c.service.flows.open(c)
		c.tally.streams(1)
	}
	if err := c.room(); err != nil {
		return err
	}
	if err := c.follow(body); err != nil {
		return err
	}
	if c.accept.window > 0 || c.flow.sent.Load()%flushEvery != 0 {
		return nil
	}
	return c.flush()
}

// room waits until the caller has confirmed enough. The request's own clock stands meanwhile.
func (c *call) room() error {
	limit := c.service.cfg.PartTimeout
	if c.flow.free() {
		return nil
	}
	c.extend(limit + c.service.cfg.Timeout)
	timer, slow := time.NewTimer(limit), time.NewTimer(slowReader)
	defer timer.Stop()
	defer slow.Stop()
	for !c.flow.free() {
		select {
		case <-c.flow.woken:
		case <-slow.C:
			c.rest()
		case <-timer.C:
			return because("slow_reader", fail(codeDeadline,
				"no part was confirmed for %v: publish each part's %s to its reply subject, or leave out the header %s", limit, HeaderSeq, HeaderWindow))
		case <-c.ctx.Done():
			return fmt.Errorf("await the caller: %w", context.Cause(c.ctx))
		}
	}
	return nil
}

// follow publishes the part, unless the request is over.
func (c *call) follow(body []byte) error {
	if c.flow.broken() {
		return lost()
	}
	msg := &nats.Msg{Data: body, Reply: c.flow.subject, Header: nats.Header{HeaderMore: {"true"}}}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended {
		return errEnded
	}
	c.number(msg, false)
	c.extendLocked(c.service.cfg.Timeout)
	c.flow.sent.Store(int64(c.sent)) // before the caller can confirm it
	if err := c.publish(msg); err != nil {
		return fmt.Errorf("send a part: %w", err)
	}
	return nil
}

// flush waits until the server has taken all parts so far.
func (c *call) flush() error {
	ctx, cancel := context.WithTimeout(c.ctx, c.service.cfg.PartTimeout)
	defer cancel()
	err := c.service.nc.FlushWithContext(ctx)
	switch {
	case c.ctx.Err() != nil:
		return fmt.Errorf("flush parts: %w", context.Cause(c.ctx))
	case err != nil:
		return lost()
	}
	return nil
}

// lost is the answer where the connection broke between two parts: what was under way may be missing, and a caller that
// does not count the parts would take the rest for the whole.
func lost() *failure {
	return because("connection", fail(codeUnavailable, "the worker's connection to NATS broke in mid-answer: ask again"))
}

// leave gives back what the request held.
func (c *call) leave() {
	if c.flow != nil {
		c.service.flows.close(c.flow)
		c.tally.streams(-1)
	}
	c.rest()
	if c.turn.queued {
		c.service.gate.leave()
	}
}
