package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sync/semaphore"
)

const (
	// sendWindow bounds the bytes that wait for the stream's ack, and so the memory of a run.
	sendWindow = 32 << 20
	// sendFloor is what a small document counts in that window: at most 2048 wait, well below the library's own bound.
	sendFloor = 16 << 10
	// sendTimeout is how long an ack may take before the document is sent again; writes are idempotent.
	sendTimeout = 5 * time.Second
	// sendPatience is how long a document is sent again and again before it is given up.
	sendPatience = 30 * time.Second
)

// errNoStream comes with its remedy: it is what everybody meets who publishes before a worker ever ran.
var errNoStream = errors.New("no stream takes this subject: start `worker run`, which creates the stream (stream.manage: create), or create it yourself")

// sender publishes documents and waits for the stream's ack of each, many at a time.
type sender struct {
	nc      *nats.Conn
	js      jetstream.JetStream
	window  *semaphore.Weighted
	pending chan sending
	// settled is called for every document, in order, from one goroutine.
	settled func(d document, err error)
}

type sending struct {
	document
	weight int64
	future jetstream.PubAckFuture
}

func newSender(nc *nats.Conn, settled func(document, error)) (*sender, error) {
	js, err := jetstream.New(nc, jetstream.WithPublishAsyncTimeout(sendTimeout),
		jetstream.WithPublishAsyncMaxPending(2*sendWindow/sendFloor))
	if err != nil {
		return nil, fmt.Errorf("use JetStream: %w", err)
	}
	return &sender{
		nc: nc, js: js, settled: settled,
		window:  semaphore.NewWeighted(sendWindow),
		pending: make(chan sending, sendWindow/sendFloor),
	}, nil
}

// send publishes without waiting for the ack; the error is the document's own.
func (s *sender) send(ctx context.Context, d document, m *nats.Msg) error {
	if size, limit := int64(m.Size()), s.nc.MaxPayload(); size > limit {
		return fmt.Errorf("%d bytes with its headers, the server's max_payload is %d", size, limit)
	}
	weight := min(max(int64(len(m.Data)), sendFloor), sendWindow)
	if err := s.window.Acquire(ctx, weight); err != nil {
		return err
	}
	future, err := s.js.PublishMsgAsync(m)
	if err != nil {
		s.window.Release(weight)
		return err
	}
	s.pending <- sending{document: d, weight: weight, future: future}
	return nil
}

// close says that nothing more will be sent.
func (s *sender) close() { close(s.pending) }

// collect waits for the acks until close; it ends early where going on would be of no use.
func (s *sender) collect(ctx context.Context) error {
	for p := range s.pending {
		err := s.await(ctx, p)
		s.window.Release(p.weight)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if errors.Is(err, errNoStream) {
			return err
		}
		s.settled(p.document, err)
	}
	return nil
}

func (s *sender) await(ctx context.Context, p sending) error {
	select {
	case <-p.future.Ok():
		return nil
	case err := <-p.future.Err():
		return s.again(ctx, p.future.Msg(), err)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// again sends once more what a broken connection or a slow server left open.
func (s *sender) again(ctx context.Context, m *nats.Msg, cause error) error {
	_, err := backoff.Retry(ctx, func() (struct{}, error) {
		if cause == nil {
			ctx, cancel := context.WithTimeout(ctx, sendTimeout)
			defer cancel()
			_, cause = s.js.PublishMsg(ctx, m)
		}
		err := judge(cause)
		cause = nil
		return struct{}{}, err
	}, backoff.WithMaxElapsedTime(sendPatience))
	return err
}

// judge tells what another try may mend from what it cannot.
func judge(err error) error {
	var refused *jetstream.APIError
	switch {
	case err == nil:
		return nil
	case errors.Is(err, jetstream.ErrNoStreamResponse), errors.Is(err, nats.ErrNoResponders):
		return backoff.Permanent(errNoStream)
	case errors.As(err, &refused):
		return backoff.Permanent(fmt.Errorf("the stream refused it: %w", err))
	}
	return err
}
