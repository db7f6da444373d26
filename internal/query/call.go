package query

import (
	"context"
	"strconv"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"
	"go.opentelemetry.io/otel/trace"
)

// call is one request on its way to its answer: parts, perhaps, and one last message, behind which nothing is sent.
// Three may want to send that last one: the work itself, the deadline, and the service that stops. Who comes second is
// not heard, and the work learns from its next part that it is over.
type call struct {
	service *Service
	tally   *tally
	msg     micro.Request
	began   time.Time
	accept  accept
	span    trace.Span // nil: not followed

	// ctx is the request's own and ends with it. Its cause is the failure to answer with.
	ctx    context.Context
	cancel context.CancelCauseFunc
	// flow is there once a part has been sent. It belongs to the work, as the turn at the gate does.
	flow *flow
	turn turn

	mu    sync.Mutex // from here on
	ended bool
	sent  int       // messages
	due   time.Time // when the caller has waited long enough
	timer *time.Timer
}

// begin starts the clock, and sees to an answer when it runs out or the service stops, even if the store does not
// come back then. The work calls end when it is done.
func (c *call) begin(work context.Context) (end func()) {
	c.ctx, c.cancel = context.WithCancelCause(work)
	limit := c.service.cfg.Timeout
	c.mu.Lock()
	c.due = time.Now().Add(limit)
	c.timer = time.AfterFunc(limit, c.expire)
	c.mu.Unlock()
	watch := context.AfterFunc(c.ctx, func() { c.fail(c.service.cutOff(c.ctx)) })
	return func() {
		watch()
		c.timer.Stop()
		c.cancel(nil)
		c.leave()
		if c.span != nil {
			c.span.End()
		}
	}
}

// expire ends the request, unless it got on meanwhile.
func (c *call) expire() {
	c.mu.Lock()
	left := time.Until(c.due)
	if left > 0 {
		c.timer.Reset(left)
	}
	c.mu.Unlock()
	if left <= 0 {
		c.cancel(c.service.late())
	}
}

// extend sets the deadline to so long from now.
func (c *call) extend(limit time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.extendLocked(limit)
}

// extendLocked touches the timer only where it would fire too late.
func (c *call) extendLocked(limit time.Duration) {
	due := time.Now().Add(limit)
	if due.Before(c.due) {
		c.timer.Reset(limit)
	}
	c.due = due
}

// succeed sends the last message of data.
func (c *call) succeed(out *reply) {
	body := out.closed()
	switch {
	case len(body)+out.headroom > int(c.service.nc.MaxPayload()): // the server's limit has shrunk since it was assembled
		c.fail(out.tooLarge())
		return
	case c.flow.broken():
		c.fail(lost())
		return
	}
	header := nats.Header{}
	if out.skipped > 0 {
		header.Set(HeaderSkipped, strconv.Itoa(out.skipped))
	}
	if out.next != "" {
		header.Set(HeaderCursor, out.next)
	}
	c.last(nil, &nats.Msg{Data: body, Header: header})
}

// fail sends a code and a sentence. Not by micro's Request.Error, which is not safe outside of the handler's goroutine.
func (c *call) fail(f *failure) {
	header := nats.Header{}
	header.Set(micro.ErrorCodeHeader, strconv.Itoa(f.code))
	header.Set(micro.ErrorHeader, f.sentence)
	if f.code == codeUnavailable {
		header.Set(HeaderRetryAfter, "1")
	}
	c.last(f, &nats.Msg{Header: header})
}

// last sends the one last message, and counts before it does: who has the answer finds it counted. An answer that could
// not be sent has no other way to the caller, so it is only logged.
func (c *call) last(f *failure, msg *nats.Msg) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended {
		return
	}
	c.ended = true
	c.number(msg, f == nil)
	c.tally.add(f, time.Since(c.began), c.sent)
	c.answered(f, c.sent)
	if err := c.publish(msg); err != nil {
		c.service.log.WarnContext(c.ctx, "answer not sent", "endpoint", c.tally.endpoint, "error", err)
	}
}

// number counts a message, and tells those about it who read parts.
func (c *call) number(msg *nats.Msg, whole bool) {
	c.sent++
	if !c.accept.parts {
		return
	}
	msg.Header.Set(HeaderSeq, strconv.Itoa(c.sent))
	if whole {
		msg.Header.Set(HeaderMore, "false")
		msg.Header.Set(HeaderTotal, strconv.Itoa(c.sent))
	}
}

func (c *call) publish(msg *nats.Msg) error {
	msg.Subject = c.msg.Reply()
	c.tally.bytes(len(msg.Data))
	return c.service.nc.PublishMsg(msg)
}
