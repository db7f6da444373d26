package consume

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"

	"returnd/internal/job"
)

// announceLimit is how long the server may take to answer that it has an announcement.
const announceLimit = 2 * time.Second

// Announcer tells on <prefix>.job.<jid>.complete that jobs are complete. It may be used concurrently.
type Announcer struct {
	nc       *nats.Conn
	subjects job.Subjects
}

// NewAnnouncer makes an Announcer. It does no I/O.
func NewAnnouncer(nc *nats.Conn, subjects job.Subjects) *Announcer {
	return &Announcer{nc: nc, subjects: subjects}
}

// Announce publishes one announcement, and returns nil once the server has it: whoever is subscribed is told, and nobody
// later. Any error is job.ErrUnavailable; it may have gone out nevertheless.
func (a *Announcer) Announce(ctx context.Context, done job.Completion) error {
	if !a.nc.IsConnected() { // it would be kept, and go out once more with the next attempt
		return fmt.Errorf("%w: NATS is not connected", job.ErrUnavailable)
	}
	body, err := json.Marshal(done)
	if err == nil {
		err = a.nc.Publish(a.subjects.Complete(done.JID), body)
	}
	if err == nil {
		ctx, cancel := context.WithTimeout(ctx, announceLimit)
		defer cancel()
		err = a.nc.FlushWithContext(ctx)
	}
	if err != nil {
		return fmt.Errorf("%w: publish: %w", job.ErrUnavailable, err)
	}
	return nil
}
