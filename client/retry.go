package client

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	// ackTimeout is how long an ack may take before the document is sent again; writing is idempotent.
	ackTimeout = 5 * time.Second
	// patience is how long a document is sent again and again before it is given up.
	patience = 30 * time.Second
	// The pauses between tries double from the first to the longest, half of each by chance: many publishers lose their server at once.
	firstPause   = 200 * time.Millisecond
	longestPause = 5 * time.Second
)

// publish tries until the stream has the message, or says that it will not take it. cause is what became of a try before, nil if
// there was none. The message keeps its Nats-Msg-Id, so that a try whose ack was lost is not stored twice.
func publish(ctx context.Context, js jetstream.JetStream, m *nats.Msg, cause error) (Ack, error) {
	limit := time.Now().Add(patience)
	for pause := firstPause; ; pause = min(2*pause, longestPause) {
		if cause == nil {
			var ack Ack
			if ack, cause = try(ctx, js, m); cause == nil {
				return ack, nil
			}
		}
		again, err := judge(cause)
		if !again || time.Now().Add(pause).After(limit) {
			return Ack{}, err
		}
		pause := pause/2 + rand.N(pause/2) //nolint:gosec // spreads tries over time, guards nothing
		if ended := rest(ctx, pause); ended != nil {
			return Ack{}, fmt.Errorf("%w; the last try said: %w", ended, err)
		}
		cause = nil
	}
}

func try(ctx context.Context, js jetstream.JetStream, m *nats.Msg) (Ack, error) {
	ctx, cancel := context.WithTimeout(ctx, ackTimeout)
	defer cancel()
	ack, err := js.PublishMsg(ctx, m)
	if err != nil {
		return Ack{}, err
	}
	return ackOf(ack), nil
}

func ackOf(ack *jetstream.PubAck) Ack {
	return Ack{Stream: ack.Stream, Sequence: ack.Sequence, Duplicate: ack.Duplicate}
}

// judge tells what another try may mend from what it cannot.
func judge(err error) (again bool, _ error) {
	var refused *jetstream.APIError
	switch {
	case errors.Is(err, jetstream.ErrNoStreamResponse), errors.Is(err, nats.ErrNoResponders):
		return false, ErrNoStream
	case errors.As(err, &refused):
		return false, fmt.Errorf("the stream refused it: %w", err)
	case errors.Is(err, nats.ErrConnectionClosed), errors.Is(err, context.Canceled):
		return false, err
	}
	return true, err
}

func rest(ctx context.Context, pause time.Duration) error {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
