package consume

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/nats-io/nats.go"
	"go.opentelemetry.io/otel/codes"

	"returnd/internal/job"
)

const (
	// lettersWaiting bounds the letters that wait to be published. One more goes back to the stream for later.
	lettersWaiting = 1024
	// lettersAtOnce are published before their acknowledgements are awaited.
	lettersAtOnce = 128
	letterTimeout = 2 * time.Second
	// headerRoom is what the stream takes in headers: 64 KiB, less what JetStream itself adds.
	headerRoom = 60 << 10
)

// letters publishes dead letters, beside the batches: bad input delays nobody, even when the letters' stream is down.
type letters struct {
	c        *Consumer
	subjects job.Subjects
	zstd     *zstd.Encoder
	waiting  chan letter
	closing  chan struct{}
	closed   chan struct{}

	mu     sync.Mutex
	failed error // why the last letters could not be published
}

// err is why dead letters cannot be published at the moment.
func (l *letters) err() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.failed == nil {
		return nil
	}
	return fmt.Errorf("dead letters cannot be published, and their originals wait in the stream: %w: see to stream %s", l.failed, l.c.streams.cfg.Dead())
}

type letter struct {
	delivery delivery
	reason   *job.Rejection
}

func newLetters(c *Consumer, subjects job.Subjects) (*letters, error) {
	z, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
	if err != nil {
		return nil, fmt.Errorf("zstd encoder: %w", err)
	}
	return &letters{
		zstd: z, c: c, subjects: subjects, waiting: make(chan letter, lettersWaiting), closing: make(chan struct{}), closed: make(chan struct{}),
	}, nil
}

// post puts a delivery on its way to the dead letters. It never waits.
func (l *letters) post(d delivery, reason *job.Rejection) {
	select {
	case l.waiting <- letter{d, reason}:
	default:
		l.c.nak(&d, nakDelay)
	}
}

// close lets run publish what is waiting, and waits for it. What is posted later stays in the stream.
func (l *letters) close() {
	close(l.closing)
	<-l.closed
}

func (l *letters) run(ctx context.Context) {
	defer close(l.closed)
	for {
		select {
		case first := <-l.waiting:
			l.publish(ctx, l.more([]letter{first}))
			continue
		default:
		}
		select {
		case first := <-l.waiting:
			l.publish(ctx, l.more([]letter{first}))
		case <-l.closing:
			return
		}
	}
}

// more takes what is waiting already.
func (l *letters) more(some []letter) []letter {
	for len(some) < lettersAtOnce {
		select {
		case next := <-l.waiting:
			some = append(some, next)
		default:
			return some
		}
	}
	return some
}

// publish puts letters into their stream. Only then are the originals terminated; the others stay in the stream of
// returns and come again.
func (l *letters) publish(ctx context.Context, some []letter) {
	ctx, cancel := context.WithTimeout(ctx, letterTimeout)
	defer cancel()
	errs := make(chan error, len(some))
	for i := range some {
		go func() { errs <- l.publishOne(ctx, &some[i]) }()
	}
	var failed error
	for range some {
		if err := <-errs; err != nil {
			failed = err
		}
	}
	l.mu.Lock()
	l.failed = failed
	l.mu.Unlock()
	if failed != nil {
		l.c.log.Error("dead letters could not be published: their originals stay in the stream", "stream", l.c.streams.cfg.Dead(), "error", failed)
	}
}

func (l *letters) publishOne(ctx context.Context, d *letter) error {
	c := l.c
	ctx, span := c.tracing.letter(ctx, d)
	defer span.End()
	err := l.send(ctx, d)
	if err != nil {
		span.SetStatus(codes.Error, "not published")
		c.metrics.deadFailed.Add(ctx, 1)
		c.nak(&d.delivery, nakDelay)
		return err
	}
	c.metrics.deadLetter(ctx, d.reason.Reason)
	c.settle(&d.delivery, term)
	c.log.WarnContext(ctx, "dead letter", "reason", string(d.reason.Reason), "detail", d.reason.Detail,
		"sequence", d.delivery.sequence, "bytes", len(d.delivery.msg.Data))
	return nil
}

// send publishes a letter: in one message, compressed where it would not fit, in parts where even that is too much.
func (l *letters) send(ctx context.Context, d *letter) error {
	m := l.compose(d)
	limit := int(l.c.nc.MaxPayload())
	if wire(m) > limit {
		m.Header.Set("Returnd-Encoding", "zstd")
		m.Data = l.zstd.EncodeAll(m.Data, nil)
	}
	parts := split(m, limit)
	for i, part := range parts {
		id := fmt.Sprintf("%s-%d-%d-%d", l.c.streams.cfg.Name, d.delivery.sequence, d.delivery.published.UnixNano(), i)
		part.Header.Set("Nats-Msg-Id", id)
		if _, err := l.c.js.PublishMsg(ctx, part); err != nil {
			return fmt.Errorf("publish dead letter: %w", err)
		}
	}
	return nil
}

// compose copies the original under the headers that tell why it is here.
func (l *letters) compose(d *letter) *nats.Msg {
	m := nats.NewMsg(l.subjects.Dead(d.reason.Reason))
	m.Data = d.delivery.msg.Data
	for name, values := range d.delivery.msg.Header {
		m.Header[safeName(name)] = values
	}
	if m.Size()-len(m.Data) > headerRoom {
		m.Header = nats.Header{"Returnd-Headers": {"body"}}
		m.Data = append(headerBlock(d.delivery.msg.Header), m.Data...)
	}
	m.Header.Set("Returnd-Reason", string(d.reason.Reason))
	m.Header.Set("Returnd-Detail", d.reason.Detail)
	m.Header.Set("Returnd-Subject", d.delivery.msg.Subject)
	m.Header.Set("Returnd-Stream-Seq", strconv.FormatUint(d.delivery.sequence, 10))
	m.Header.Set("Returnd-Time", d.delivery.published.UTC().Format(time.RFC3339Nano))
	return m
}

// headerBlock writes headers as HTTP does, with an empty line behind them.
func headerBlock(h nats.Header) []byte {
	var b bytes.Buffer
	for _, name := range slices.Sorted(maps.Keys(h)) {
		for _, value := range h[name] {
			b.WriteString(name + ": " + value + "\r\n")
		}
	}
	b.WriteString("\r\n")
	return b.Bytes()
}

// safeName renames the server's own headers: a copied Nats-Expected-Stream or Nats-Msg-Id would make the letter itself
// fail, a copied Status make its readers take it for a message of the server.
func safeName(name string) string {
	switch lower := strings.ToLower(name); {
	case strings.HasPrefix(lower, "nats-"), strings.HasPrefix(lower, "returnd-"), lower == "status", lower == "description":
		return "Returnd-Orig-" + name
	}
	return name
}

// letterSlack is what a header block takes beyond names and values, the message id included.
const letterSlack = 512

// wire is what a message takes on the wire, rounded up.
func wire(m *nats.Msg) int { return m.Size() + letterSlack }

// split cuts a message whose bytes cannot be packed into parts that fit: Returnd-Part is "1/2", "2/2".
func split(m *nats.Msg, limit int) []*nats.Msg {
	if wire(m) <= limit {
		return []*nats.Msg{m}
	}
	room := max(limit-(wire(m)-len(m.Data)), 1024)
	count := (len(m.Data) + room - 1) / room
	parts := make([]*nats.Msg, count)
	for i := range parts {
		part := nats.NewMsg(m.Subject)
		for name, values := range m.Header {
			part.Header[name] = values
		}
		part.Header.Set("Returnd-Part", fmt.Sprintf("%d/%d", i+1, count))
		part.Data = m.Data[i*room : min((i+1)*room, len(m.Data))]
		parts[i] = part
	}
	return parts
}
