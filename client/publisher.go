package client

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sync"

	"github.com/nats-io/nats.go/jetstream"
)

const (
	// sendWindow bounds the bytes that wait for the stream's ack, and so the memory of a publisher.
	sendWindow = 32 << 20
	// sendFloor is what a small document counts in that window: at most 2048 wait, well below the library's own bound.
	sendFloor = 16 << 10
)

// Publisher publishes many documents, a bounded number of them waiting for their acks. Run collects the acks while Send sends:
//
//	p, err := c.NewPublisher(settled)
//	group.Go(func() error { return p.Run(ctx) })
//	group.Go(func() error { defer p.Close(); return sendAll(ctx, p) })
//
// Where the documents are there already, PublishAll is simpler.
type Publisher struct {
	client  *Client
	js      jetstream.JetStream
	room    *room
	pending chan sending
	settled func(d Document, err error)
}

// sending is a document whose ack is awaited, or that was refused before it was sent.
type sending struct {
	Document
	weight int64
	future jetstream.PubAckFuture
	err    error
	end    func(error) // is told what became of it
}

// NewPublisher makes a publisher; it starts nothing. settled hears of every document, in order and from one goroutine: nil once the stream
// has it.
func (c *Client) NewPublisher(settled func(d Document, err error)) (*Publisher, error) {
	js, err := jetstream.New(c.nc, jetstream.WithPublishAsyncTimeout(ackTimeout),
		jetstream.WithPublishAsyncMaxPending(2*sendWindow/sendFloor))
	if err != nil {
		return nil, fmt.Errorf("use JetStream: %w", err)
	}
	return &Publisher{
		client: c, js: js, settled: settled, room: newRoom(sendWindow),
		pending: make(chan sending, sendWindow/sendFloor),
	}, nil
}

// Send publishes without waiting for the ack, and waits only while too much is on its way. Its error is that of ctx; what becomes of the
// document, settled hears.
func (p *Publisher) Send(ctx context.Context, d Document) error {
	weight := min(max(int64(len(d.Body)), sendFloor), sendWindow)
	if err := p.room.take(ctx, weight); err != nil {
		return err
	}
	s := sending{Document: d, weight: weight}
	m, end, err := p.client.message(ctx, d)
	s.end = end
	if err == nil {
		s.future, err = p.js.PublishMsgAsync(m)
	}
	s.err = err
	p.pending <- s // has room: every one in it weighs sendFloor at least
	return nil
}

// Close says that nothing more will be sent. It must not come before the last Send has returned.
func (p *Publisher) Close() { close(p.pending) }

// Run waits for the acks until Close; it ends early where going on would be of no use: ctx has ended, or there is no stream.
func (p *Publisher) Run(ctx context.Context) error {
	for s := range p.pending {
		err := p.await(ctx, s)
		s.end(err)
		p.room.give(s.weight)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if errors.Is(err, ErrNoStream) {
			return err
		}
		p.settled(s.Document, err)
	}
	return nil
}

func (p *Publisher) await(ctx context.Context, s sending) error {
	if s.err != nil {
		return s.err
	}
	select {
	case <-s.future.Ok():
		return nil
	case err := <-s.future.Err():
		_, err = publish(ctx, p.js, s.future.Msg(), err)
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// PublishAll publishes documents until they end, and waits for all acks. settled is that of NewPublisher.
func (c *Client) PublishAll(ctx context.Context, docs iter.Seq[Document], settled func(d Document, err error)) error {
	p, err := c.NewPublisher(settled)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	ran := make(chan error, 1)
	go func() {
		defer cancel() // no Send may wait for one that has gone
		ran <- p.Run(ctx)
	}()
	var ended error
	for d := range docs {
		if ended = p.Send(ctx, d); ended != nil {
			break
		}
	}
	p.Close()
	if err := <-ran; err != nil {
		return err // why sending ended
	}
	return ended
}

// room is what is left of a number of bytes.
type room struct {
	mu    sync.Mutex
	free  int64
	freed chan struct{} // holds one token where a waiter should look again
}

func newRoom(size int64) *room { return &room{free: size, freed: make(chan struct{}, 1)} }

func (r *room) take(ctx context.Context, n int64) error {
	for !r.takeNow(n) {
		select {
		case <-r.freed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return ctx.Err()
}

func (r *room) takeNow(n int64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.free < n {
		return false
	}
	r.free -= n
	if r.free > 0 {
		r.wake() // the token may have been meant for another one, who needs less
	}
	return true
}

func (r *room) give(n int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.free += n
	r.wake()
}

func (r *room) wake() {
	select {
	case r.freed <- struct{}{}:
	default:
	}
}
