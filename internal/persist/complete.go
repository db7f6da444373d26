package persist

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"
	"go.opentelemetry.io/otel/metric"

	"returnd/internal/job"
)

// Announcer tells whoever listens that a job is complete. It returns nil once nothing keeps the announcement from going
// out; job.ErrUnavailable where trying again will help.
type Announcer interface {
	Announce(ctx context.Context, done job.Completion) error
}

// completer has it announced that a job is complete: that every minion it is known to be meant for has returned,
// whatever came last, the last return or the last of the expected minions, at whichever worker.
//
// Nobody counts. After every write of a return, or of expected minions, its writer looks at the job in Redis; nothing is
// remembered that could spare it the look. That is enough: of all writes that a job's completion takes, one is the last
// to be carried out, and its writer's look comes behind it, so it sees them all. On one server the look comes behind the
// write in the same pipeline, and reads both keys at one instant. On a cluster they lie on two servers, whose pipelines
// run side by side: there the look is a round of its own, after the servers have confirmed the writes. Expected minions
// are only ever added, so whoever finds one missing has not been the last.
//
// The look (look.lua) compares numbers, which costs next to nothing. Where as many have returned as are expected, each
// expected minion is looked for (check), since strangers may return too. Who finds them all puts down a claim, announces,
// and notes how many it was announced for; so it is done once, mostly. Nothing of the batch is settled before: if the
// worker dies meanwhile, its messages come again, and their next writer looks again. Whoever finds the fresh claim of
// another waits for the outcome, and announces the job itself once the claim is older than claimLasts.
type completer struct {
	announcer Announcer
	announced metric.Int64Counter
	hints     hints
}

const (
	// claimLasts is when an announcement counts as given up that was begun and not finished: it takes milliseconds.
	claimLasts = 500 * time.Millisecond
	// completeRounds bounds how often a batch comes back to jobs that others are announcing, or that grow meanwhile. The
	// pauses between add up to more than claimLasts.
	completeRounds = 16
	shortestPause  = 2 * time.Millisecond
	longestPause   = 50 * time.Millisecond
)

// claimMillis is claimLasts as the scripts take it.
var claimMillis = strconv.FormatInt(claimLasts.Milliseconds(), 10)

func newCompleter(announcer Announcer, meter metric.Meter) (*completer, error) {
	if announcer == nil {
		return nil, nil //nolint:nilnil // nobody is told, so nobody looks
	}
	announced, err := meter.Int64Counter("returnd.jobs.announced", metric.WithUnit("{job}"),
		metric.WithDescription("Jobs announced as complete"))
	return &completer{announcer: announcer, announced: announced}, err
}

// completion is a job on its way from perhaps being complete to having been announced.
type completion struct {
	jid                string
	expected, returned int64
	stage              stage
	check              check
	token              string
	cmd                *redis.Cmd
	err                error
	lost               bool // because a server has lost the scripts
}

// stage is what is to be done next.
type stage int

const (
	checking stage = iota // whether every expected minion has returned
	claiming              // the announcement
	announcing
	finished // nothing: it is announced, or not complete, or that failed
)

// keyOfCompletion stands for the keys that a job's completion is judged by.
const keyOfCompletion = jobPrefix

// notYet is the answer to entries whose job's completion could not be found out, or announced: they are stored, and come
// again. That is never their own fault.
func notYet(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("find out whether the job is complete: %w", shared(hold(err)))
}

func (d *completion) fail(err error) { d.err, d.stage = notYet(err), finished }

// refused tells that a command did not work out.
func (d *completion) refused(cmd redis.Cmder) bool {
	err := classify(cmd.Err(), keyOfCompletion)
	if err != nil {
		d.lost = missing(cmd.Err())
		d.fail(err)
	}
	return err != nil
}

// complete announces what is due of the jobs that were looked at. It tells for which of them that failed, and whether
// that was because a server had lost the scripts.
func (s *Store) complete(ctx context.Context, c *connection, looks []look) (failed map[string]error, lost bool) {
	open, failed, lost := s.due(ctx, c, looks)
	pause := shortestPause
	for round := 0; len(open) > 0; round++ {
		if round > 0 && !sleep(ctx, pause) || round == completeRounds {
			giveUp(open)
		}
		pause = min(2*pause, longestPause)
		s.checkAll(ctx, c, open)
		s.claimAll(ctx, c, open)
		s.announceAll(ctx, open)
		s.finishAll(ctx, c, open)
		rest := open[:0]
		for _, d := range open {
			switch {
			case d.stage != finished:
				rest = append(rest, d)
			case d.err != nil:
				failed[d.jid] = d.err
				lost = lost || d.lost
			}
		}
		open = rest
	}
	return failed, lost
}

func giveUp(open []*completion) {
	for _, d := range open {
		d.fail(fmt.Errorf("%w: others keep announcing the job, or adding to its minions", job.ErrUnavailable))
	}
}

// completeOne does the same for one job that expected minions were added to.
func (s *Store) completeOne(ctx context.Context, c *connection, jid string) error {
	if s.completer == nil {
		return nil
	}
	p := &plan{store: s, pipes: s.pipes(c), looks: []look{{jid: jid}}}
	p.queueLooks(ctx)
	p.pipes.exec(ctx)
	failed, lost := s.complete(ctx, c, p.looks)
	if lost {
		c.loaded.Store(false)
	}
	return failed[jid]
}

// completeBatch answers the entries of the jobs whose completion is due and could not be announced: they come again.
func (s *Store) completeBatch(ctx context.Context, c *connection, p *plan, errs []error) (lost bool) {
	if len(p.looks) == 0 {
		return false
	}
	failed, lost := s.complete(ctx, c, p.looks)
	if len(failed) == 0 {
		return lost
	}
	for i := range p.entries {
		if errs[i] == nil {
			errs[i] = failed[p.entries[i].JID()]
		}
	}
	return lost
}

// sleep reports false if ctx ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
