package cleanup

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// trusted is the part of a granted time in which the lease is trusted. The rest is the margin: for clocks that run
// unevenly, and for what was sent in time and arrives later. Of the default 30 s it is 6 s, which is a write and a read at
// their time limits.
func trusted(granted time.Duration) time.Duration { return granted - granted/5 }

// Held is the lease while it is ours. Nothing renews it by itself: Keep does. It is safe for concurrent use.
type Held struct {
	lease *Lease
	value string
	token int64

	// turn lets one request at a time change the lease's end: of two answers nobody could tell which is the later one.
	turn sync.Mutex

	mu sync.Mutex
	// until is when trust ends.
	until time.Time
	// lost is why it has ended. Once ended, it never comes back.
	lost error
}

// Token is greater than that of everybody who had the lease before.
func (h *Held) Token() int64 { return h.token }

// Err is nil while the lease can be trusted, by the clock and not by a timer: after a process was stopped for a while, it
// is the first to know. Ask before every step.
func (h *Held) Err() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.lost == nil && !h.lease.now().Before(h.until) {
		h.lost = fmt.Errorf("%w: it was not renewed in time", ErrLeaseLost)
	}
	return h.lost
}

// Left is for how long it can still be trusted, unless it is renewed.
func (h *Held) Left() time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	return max(h.until.Sub(h.lease.now()), 0)
}

// lose ends trust, for the first reason given, and gives that one back.
func (h *Held) lose(reason error) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.lost == nil {
		h.lost = fmt.Errorf("%w: %w", ErrLeaseLost, reason)
	}
	return h.lost
}

// Extend gives the lease so much more time or, with replace, just so much from now on.
func (h *Held) Extend(ctx context.Context, by time.Duration, replace bool) error {
	if replace {
		return h.replace(ctx, by)
	}
	return h.extend(ctx, by, "more")
}

// Reacquire gives the lease its full time again, counted from now on.
func (h *Held) Reacquire(ctx context.Context) error { return h.replace(ctx, h.lease.ttl) }

// replace may shorten the lease. So it does before it is sent, and trust ends where the answer is lost: the request may
// take effect at any later time.
func (h *Held) replace(ctx context.Context, by time.Duration) error {
	if by < time.Millisecond {
		return errTime
	}
	h.shorten(by)
	err := h.extend(ctx, by, "exact")
	if err != nil {
		_ = h.lose(err)
	}
	return err
}

func (h *Held) shorten(by time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if end := h.lease.now().Add(trusted(by)); end.Before(h.until) {
		h.until = end
	}
}

// renew sees to it that the full time is left. It never shortens, so that it does no harm whenever it arrives.
func (h *Held) renew(ctx context.Context) error { return h.extend(ctx, h.lease.ttl, "least") }

var errTime = errors.New("a lease is prolonged by a millisecond or more")

// extend changes the lease's end by the script's rules. What is not trusted any more is not prolonged either.
func (h *Held) extend(ctx context.Context, by time.Duration, rule string) error {
	if by < time.Millisecond {
		return errTime
	}
	h.turn.Lock()
	defer h.turn.Unlock()
	if err := h.Err(); err != nil {
		return err
	}
	began := h.lease.now() // the server counts from later on
	s := h.lease.scripts
	left, err := s.number(ctx, s.extend, []string{keyLease}, h.value, by.Milliseconds(), rule)
	switch {
	case err != nil:
		return fmt.Errorf("renew the lease: %w", err)
	case left < 0:
		return h.lose(ErrNotOwned)
	}
	if err := h.Err(); err != nil {
		return err // it took too long
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.until = began.Add(trusted(time.Duration(left) * time.Millisecond))
	return nil
}

// Confirm asks the server whether the lease is ours, after a look at the clock. It is what finds out about a machine that
// slept (a clock may stand still meanwhile), a lease that was deleted and a server whose clock was set.
func (h *Held) Confirm(ctx context.Context) error { return h.note(ctx, unchanged, "") }

// unchanged stands for a place that stays as it is.
const unchanged = "="

// note writes down where the sweep stands and what came of it, on condition that the lease is still ours.
func (h *Held) note(ctx context.Context, at, last string) error {
	if err := h.Err(); err != nil {
		return err
	}
	s := h.lease.scripts
	done, err := s.number(ctx, s.note, []string{keyLease, keyAt, keyLast}, h.value, at, keepPlace.Milliseconds(), last)
	switch {
	case err != nil:
		return fmt.Errorf("ask whether the lease is ours: %w", err)
	case done == 0:
		return h.lose(ErrNotOwned)
	}
	return h.Err()
}

// Owned asks the server whether the lease is ours, trusted or not.
func (h *Held) Owned(ctx context.Context) (bool, error) {
	s := h.lease.scripts
	done, err := s.number(ctx, s.note, []string{keyLease, keyAt, keyLast}, h.value, unchanged, 1, "")
	if err != nil {
		return false, fmt.Errorf("ask whether the lease is ours: %w", err)
	}
	return done == 1, nil
}

var errReleased = errors.New("it was given back")

// Release gives the lease back. It is ErrNotOwned where it was not ours any more, and is another's left as it is.
func (h *Held) Release(ctx context.Context) error {
	_ = h.lose(errReleased) // whatever becomes of the request
	h.turn.Lock()
	defer h.turn.Unlock()
	s := h.lease.scripts
	done, err := s.number(ctx, s.release, []string{keyLease}, h.value)
	switch {
	case err != nil:
		return fmt.Errorf("give the lease back: %w", err)
	case done == 0:
		return ErrNotOwned
	}
	return nil
}
