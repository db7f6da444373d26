package consume

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"
)

const (
	// heldAwhile is how long a batch is held while others are being written: then what holds it is its own server or
	// itself, and its returns go back to the stream for a while, to leave room for the others.
	heldAwhile = 2 * time.Second
	// awayAfter is how long returns are held before the worker is no longer ready: one retry is nothing to tell of.
	awayAfter = 2 * time.Second
)

// held keeps the batches that cannot be written at the moment, and tries them again with growing pauses. The credit
// bounds them; the server hears that they are being worked on. While nothing at all can be written they stay.
type held struct {
	c       *Consumer
	came    chan struct{}
	closing chan struct{}
	closed  chan struct{}

	mu      sync.Mutex
	batches []heldBatch
	reason  error     // of the latest; nil when nothing is held
	since   time.Time // when the first of those held now came
	stored  time.Time // when something was last written
}

type heldBatch struct {
	*batch
	since time.Time
}

func newHeld(c *Consumer) *held {
	return &held{c: c, came: make(chan struct{}, 1), closing: make(chan struct{}), closed: make(chan struct{})}
}

// put takes a batch in.
func (h *held) put(b *batch, reason error) {
	h.mu.Lock()
	now := time.Now()
	if h.reason == nil {
		h.since = now
		h.c.log.Warn("returns are held until they can be written", "reason", reason)
	}
	h.reason = reason
	h.batches = append(h.batches, heldBatch{b, now})
	h.mu.Unlock()
	select {
	case h.came <- struct{}{}:
	default:
	}
}

// alive notes that something was written.
func (h *held) alive() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.stored = time.Now()
}

// next takes the batch out that has waited longest.
func (h *held) next() (b heldBatch, ok bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.batches) == 0 {
		if h.reason != nil {
			h.c.log.Info("nothing is held any more", "after", time.Since(h.since).Round(time.Millisecond))
		}
		h.reason = nil
		return heldBatch{}, false
	}
	b, h.batches = h.batches[0], h.batches[1:]
	return b, true
}

// back puts a batch behind the others again.
func (h *held) back(b heldBatch, reason error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.reason = reason
	h.batches = append(h.batches, b)
}

// others tells that something was written since a batch came, and that it has had its time.
func (h *held) others(b heldBatch) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return time.Since(b.since) > heldAwhile && h.stored.After(b.since)
}

// err is why returns are held, once they have been for a while.
func (h *held) err() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if lasted := time.Since(h.since); h.reason != nil && lasted > awayAfter {
		return fmt.Errorf("returns have been held for %v: %w", lasted.Round(time.Second), h.reason)
	}
	return nil
}

// close lets run try once more what is held, and give the rest back. Nothing is put any more.
func (h *held) close() {
	close(h.closing)
	<-h.closed
}

// run tries what is held until close. A batch that is written at last brings the next one on at once.
func (h *held) run(ctx context.Context) {
	defer close(h.closed)
	pause := backoff.NewExponentialBackOff()
	pause.InitialInterval, pause.MaxInterval = 50*time.Millisecond, 2*time.Second
	for {
		b, ok := h.next()
		if !ok {
			pause.Reset()
			select {
			case <-h.came:
				h.wait(pause.NextBackOff()) // what could not be written just now needs a moment
				continue
			case <-h.closing:
				return
			}
		}
		reason := h.c.writeOnce(ctx, b.batch)
		switch {
		case reason == nil:
			h.c.finish(ctx, b.batch)
			pause.Reset()
		case h.ending():
			h.c.giveBack(b.batch, stopDelay)
		case h.others(b):
			h.c.log.Warn("some returns could not be written while others could, and will come again", "returns", len(b.entries), "reason", reason)
			h.c.giveBack(b.batch, partDelay)
		default:
			h.back(b, reason)
			h.wait(pause.NextBackOff())
		}
	}
}

func (h *held) ending() bool {
	select {
	case <-h.closing:
		return true
	default:
		return false
	}
}

func (h *held) wait(d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-h.closing:
	}
}
