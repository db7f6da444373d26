package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
)

// The headers of requests and replies.
const (
	headerAccept  = "Returnd-Accept"
	headerWindow  = "Returnd-Window"
	headerSeq     = "Returnd-Seq"
	headerMore    = "Returnd-More"
	headerTotal   = "Returnd-Total"
	headerSkipped = "Returnd-Skipped"
	headerCursor  = "Returnd-Cursor"
)

// maxSubject is more than the subjects of a message that the server's max_payload does not count.
const maxSubject = 1024

// Part is one message of a reply: complete JSON of the reply's own shape.
type Part struct {
	Body json.RawMessage
	// Header has whatever else the worker says.
	Header nats.Header
	// Seq counts from 1.
	Seq int
	// Last is false where more parts follow.
	Last bool
}

// Skipped is how many stored values the reply leaves out because they are not JSON, all parts together; only the last one tells.
func (p Part) Skipped() int {
	n, err := strconv.Atoi(p.Header.Get(headerSkipped))
	if err != nil {
		return 0
	}
	return n
}

// Cursor begins the next page; empty behind the last one, and where no limit was asked for.
func (p Part) Cursor() string { return p.Header.Get(headerCursor) }

func (c *Client) subject(endpoint string) string { return c.subjects.Returner() + "." + endpoint }

// Parts asks any endpoint and yields the parts of its reply as they come, one at least. It ends after the last part or with the first
// error. The request is a JSON object, or nothing; the client's profile is not added to it.
func (c *Client) Parts(ctx context.Context, endpoint string, request []byte) iter.Seq2[Part, error] {
	return func(yield func(Part, error) bool) {
		s, end, err := c.open(ctx, endpoint, request)
		defer func() { end(err) }()
		if err != nil {
			yield(Part{}, c.explain(ctx, endpoint, err))
			return
		}
		defer s.close()
		for !s.ended {
			var part Part
			part, err = s.next(ctx)
			if !yield(part, err) || err != nil {
				return
			}
			s.confirm()
		}
	}
}

// stream is a reply on its way.
type stream struct {
	sequence
	client   *Client
	endpoint string
	sub      *nats.Subscription
}

// open sends the request, with an inbox of its own for the reply. What becomes of it, end is told.
func (c *Client) open(ctx context.Context, endpoint string, request []byte) (_ *stream, end func(error), err error) {
	header := nats.Header{headerAccept: {"parts"}, headerWindow: {strconv.Itoa(c.window)}}
	end = c.traceRequest(ctx, c.subject(endpoint), header)
	// Not an inbox of the kind that Request uses: there somebody always listens, and a reader that leaves would go unnoticed.
	inbox := c.nc.NewInbox()
	sub, err := c.nc.SubscribeSync(inbox)
	if err != nil {
		return nil, end, err
	}
	s := &stream{client: c, endpoint: endpoint, sub: sub}
	// Beyond the window comes one message at most, an error. More would be a worker that does not keep to it, which may cost its reply
	// but not our memory.
	room := c.window + 2
	err = errors.Join(sub.SetPendingLimits(room, room*(int(c.nc.MaxPayload())+len(inbox)+maxSubject)), c.nc.PublishMsg(&nats.Msg{
		Subject: c.subject(endpoint), Reply: inbox, Data: request, Header: header,
	}))
	if err != nil {
		s.close()
		return nil, end, err
	}
	return s, end, nil
}

// close tells the worker, too: nobody listens on the inbox any more, which its next part will find.
func (s *stream) close() { _ = s.sub.Unsubscribe() } // fails only where the connection is gone

func (s *stream) next(ctx context.Context) (Part, error) {
	m, err := s.await(ctx)
	if err != nil {
		return Part{}, s.broken(s.client.explain(ctx, s.endpoint, err))
	}
	if err := answeredError(m); err != nil {
		return Part{}, s.broken(err)
	}
	part, err := s.take(m)
	if err != nil {
		return Part{}, fmt.Errorf("%w: %s", ErrIncomplete, err.Error())
	}
	return part, nil
}

// stillThere is how often a silent worker is looked after.
const stillThere = time.Second

// await waits for a message. A worker that has died in mid-answer is noticed by a confirmation that nobody takes.
func (s *stream) await(ctx context.Context) (*nats.Msg, error) {
	ctx, cancel := context.WithTimeout(ctx, s.client.timeout)
	defer cancel()
	for {
		look, done := context.WithTimeout(ctx, stillThere)
		m, err := s.sub.NextMsgWithContext(look)
		done()
		if err == nil || ctx.Err() != nil || !errors.Is(err, context.DeadlineExceeded) {
			return m, s.gone(err)
		}
		s.confirm()
	}
}

// gone explains that nobody listens where the worker of this reply did.
func (s *stream) gone(err error) error {
	if s.seq > 0 && errors.Is(err, nats.ErrNoResponders) {
		return errWorkerGone
	}
	return err
}

// broken says that an error does not stand for the whole reply.
func (s *stream) broken(err error) error {
	if s.seq == 0 {
		return err
	}
	return fmt.Errorf("%w: after %d parts: %w", ErrIncomplete, s.seq, err)
}

// confirm lets the worker send on. It goes only where workers listen for it: whoever answered in a worker's place does not choose
// what we publish to. Where nobody listens any more, the server says so to the reply subject.
func (s *stream) confirm() {
	if s.ended || !strings.HasPrefix(s.reply, s.client.subject("more.")) {
		return
	}
	// What cannot be sent leaves the worker waiting, which the next part's absence tells.
	_ = s.client.nc.PublishRequest(s.reply, s.sub.Subject, strconv.AppendInt(nil, int64(s.seq), 10))
}
