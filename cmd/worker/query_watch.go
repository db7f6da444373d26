package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/nats-io/nats.go"

	"returnd/client"
	"returnd/internal/job"
)

const (
	// firstGlance to lastGlance is the pause between two questions: it grows while nothing happens. The announcement of the job's end comes
	// between; asking is for the case that it was missed.
	firstGlance = 250 * time.Millisecond
	lastGlance  = 2 * time.Second
	// idleShare bounds the work that watching makes: a large job's missing minions take time to list.
	idleShare = 10
)

// watch waits until the job is complete, and shows meanwhile how far it is.
func (q *question) watch(ctx context.Context, notes io.Writer) error {
	var asked struct{ JID, Profile string }
	_ = json.Unmarshal(q.request, &asked) // a jid that is no text is the worker's to refuse
	c := q.client.With(client.Profile(asked.Profile))
	announced := make(chan *nats.Msg, 16)
	sub, err := q.nc.ChanSubscribe(q.subjects.Complete(asked.JID), announced)
	if err != nil {
		return fmt.Errorf("listen for the job's end: %w", err)
	}
	defer func() { _ = sub.Unsubscribe() }() // the connection ends anyway
	w := &watching{jid: asked.JID, bar: newWatchBar(notes), notes: notes, began: time.Now()}
	defer w.bar.clear()
	for pause := firstGlance; ; {
		began := time.Now()
		changed, err := w.look(ctx, c)
		if !errors.Is(err, errNotYet) && (err != nil || w.seen.Complete) {
			return w.ended(ctx, q, err)
		}
		if pause = min(2*pause, lastGlance); changed {
			pause = firstGlance
		}
		w.rest(ctx, max(pause, idleShare*time.Since(began)), announced)
	}
}

// watching is how far one job has come.
type watching struct {
	jid    string
	seen   client.Progress
	looked bool // at least once
	hinted bool
	bar    *watchBar
	notes  io.Writer
	began  time.Time
}

// errNotYet is a failure that may be over at the next look.
var errNotYet = errors.New("not yet")

// look asks once. After a first answer, a worker or Redis that is away is waited for.
func (w *watching) look(ctx context.Context, c *client.Client) (changed bool, _ error) {
	p, err := c.GetProgress(ctx, w.jid)
	switch {
	case err != nil && w.looked && ctx.Err() == nil && client.IsRetryable(err):
		return false, errNotYet
	case err != nil:
		return false, err
	}
	changed = !w.looked || p.Returned != w.seen.Returned || p.Expected != w.seen.Expected
	w.seen, w.looked = p, true
	w.bar.show(p)
	if !p.Known && !w.hinted {
		w.hinted = true
		w.bar.clear()
		fmt.Fprintf(w.notes, "nobody has said yet whom job %s is meant for, and without its load its end cannot be seen\n", visible(w.jid))
	}
	return changed, nil
}

// rest waits for the next look, which an announcement brings at once.
func (w *watching) rest(ctx context.Context, pause time.Duration, announced <-chan *nats.Msg) {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-announced:
	case <-ctx.Done():
	}
}

// ended tells how it ended.
func (w *watching) ended(ctx context.Context, q *question, err error) error {
	w.bar.clear()
	switch {
	case err == nil:
		_, err = fmt.Fprintf(w.notes, "job %s is complete: %d of %d returned, %d failed\n", visible(w.jid), w.seen.Returned, w.seen.Expected, w.seen.Failed)
		return err
	case errors.Is(ctx.Err(), context.DeadlineExceeded) && w.looked:
		return w.late(q.timeout)
	}
	asked := *q
	asked.endpoint = "get_progress"
	return asked.explain(err)
}

func (w *watching) late(limit time.Duration) error {
	if !w.seen.Known {
		return fmt.Errorf("job %s was not complete within %v: %d returned, and nobody has said whom it is meant for", visible(w.jid), limit, w.seen.Returned)
	}
	return fmt.Errorf("job %s was not complete within %v: %d of %d returned, %s missing%s", visible(w.jid), limit,
		w.seen.Returned, w.seen.Expected, counted(len(w.seen.Missing), "minion"), named(w.seen.Missing, len(w.seen.Missing)))
}

// A job's jid is what its announcement is named for, so it must be there before anything is asked.
func watchedJID(request []byte) error {
	found := false
	err := job.Members(request, func(name string, _ []byte) error {
		found = found || name == "jid"
		return nil
	})
	if err == nil && !found {
		err = errors.New("--watch needs jid=JID")
	}
	return err
}
