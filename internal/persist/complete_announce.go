package persist

import (
	"context"
	"crypto/rand"
	"fmt"

	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/errgroup"

	"returnd/internal/job"
)

// announcedAtOnce bounds the announcements under way: each waits for the server's answer, all of them together hardly
// longer than one.
const announcedAtOnce = 64

// claimAll claims the announcements of the jobs that are complete.
func (s *Store) claimAll(ctx context.Context, c *connection, open []*completion) {
	pipe := s.pipes(c)
	for _, d := range open {
		if d.stage != claiming {
			continue
		}
		d.token = rand.Text() // of this claim alone: two batches of one worker are strangers to each other
		d.cmd = redis.NewCmd(ctx, "evalsha", s.scripts.claim.Hash(), 1, jobKey(d.jid), d.expected, d.token, claimMillis)
		pipe.add(ctx, jobKey(d.jid), d.cmd)
	}
	pipe.exec(ctx)
	for _, d := range open {
		if d.stage == claiming {
			d.claimed(s.completer, c.target.key)
		}
	}
}

// claimed takes the answer to a claim in. While another has it, this one is asked for again.
func (d *completion) claimed(m *completer, target targetKey) {
	if d.refused(d.cmd) {
		return
	}
	switch got, err := d.cmd.Int64(); {
	case err != nil:
		d.fail(unavailable(err))
	case got == 0:
		m.hints.drop(target, d.jid)
		d.stage = finished
	case got == d.expected:
		m.hints.drop(target, d.jid)
		d.stage = announcing
	case got > 0: // others have added to it, and may be gone before they look
		d.expected, d.stage = got, checking
		d.check.begin("")
	}
}

// announceAll announces what was claimed.
func (s *Store) announceAll(ctx context.Context, open []*completion) {
	var all errgroup.Group
	all.SetLimit(announcedAtOnce)
	for _, d := range open {
		if d.stage == announcing {
			all.Go(func() error { s.announce(ctx, d); return nil })
		}
	}
	_ = all.Wait()
}

func (s *Store) announce(ctx context.Context, d *completion) {
	err := s.completer.announcer.Announce(ctx, job.Completion{JID: d.jid, Expected: int(d.expected), Returned: int(max(d.returned, d.expected))})
	if err != nil {
		d.err = fmt.Errorf("announce that the job is complete: %w", shared(hold(err)))
		return
	}
	s.completer.announced.Add(ctx, 1)
}

// finishAll notes what was announced, and gives back the claims on what could not be.
func (s *Store) finishAll(ctx context.Context, c *connection, open []*completion) {
	pipe := s.pipes(c)
	for _, d := range open {
		if d.stage != announcing {
			continue
		}
		made := d.expected
		if d.err != nil {
			made = 0
		}
		d.cmd = redis.NewCmd(ctx, "evalsha", s.scripts.finish.Hash(), 1, jobKey(d.jid), made, d.token)
		pipe.add(ctx, jobKey(d.jid), d.cmd)
	}
	pipe.exec(ctx)
	for _, d := range open {
		if d.stage != announcing {
			continue
		}
		if d.stage = finished; d.err == nil { // a claim that could not be given back ends by itself
			d.refused(d.cmd)
		}
	}
}
