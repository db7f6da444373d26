package cleanup

import (
	"context"
	"fmt"
	"strconv"
	"time"
)

// Status is what an operator wants to see. Times are those of the Redis server.
type Status struct {
	Now time.Time `json:"now"`
	// Holder has the lease right now; nil where nobody does.
	Holder *Holder `json:"holder,omitempty"`
	// Token is the greatest so far; 0 where there was no sweep yet.
	Token int64 `json:"token"`
	// Next is when a sweep is due; zero where none will be by itself, and while one goes on: its end plans the next.
	Next time.Time `json:"next,omitzero"`
	// Running is the sweep that goes on, or waits for somebody to go on with it.
	Running *Result `json:"running,omitempty"`
	// Last is the last one that came to its end.
	Last *Result `json:"last,omitempty"`

	place *place
}

// Holder is who has the lease.
type Holder struct {
	By    string    `json:"by"`
	Since time.Time `json:"since"`
	// Until is when the lease ends unless it is renewed; zero is never: somebody has put it there by hand.
	Until time.Time `json:"until,omitzero"`
}

// state looks at all keys at once.
func (l *Lease) state(ctx context.Context) (Status, error) {
	reply, err := l.scripts.run(ctx, l.scripts.state, []string{keyLease, keyToken, keyAt, keyLast})
	if err != nil {
		return Status{}, fmt.Errorf("look at the lease: %w", err)
	}
	parts, _ := reply.([]any)
	if len(parts) != 7 {
		return Status{}, errReply
	}
	text := func(i int) string { s, _ := parts[i].(string); return s }
	whole := func(i int) int64 { n, _ := strconv.ParseInt(text(i), 10, 64); return n }
	s := Status{Now: time.Unix(whole(5), whole(6)*1000).UTC(), Token: whole(2), Last: decode[Result](text(4)), place: decode[place](text(3))}
	left, _ := parts[1].(int64)
	s.Holder = holder(text(0), s.Token, left, s.Now)
	if s.place != nil {
		s.Running = &s.place.Result
		s.Running.Running = true
	}
	return s, nil
}

// holder reads the key of the lease. A token is the time at which it was given, unless the server's clock was set back.
func holder(value string, token, left int64, now time.Time) *Holder {
	if value == "" {
		return nil
	}
	h := &Holder{By: ownerOf(value), Since: time.UnixMicro(token).UTC()}
	if left >= 0 {
		h.Until = now.Add(time.Duration(left) * time.Millisecond)
	}
	return h
}

// left is after how long the holder may be dead; negative is never.
func (h *Holder) left(now time.Time) time.Duration {
	if h.Until.IsZero() {
		return -1
	}
	return max(h.Until.Sub(now), 0)
}

// Locked tells whether anybody has the lease, and who.
func (l *Lease) Locked(ctx context.Context) (*Holder, error) {
	s, err := l.state(ctx)
	return s.Holder, err
}
