package persist

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"returnd/internal/job"
)

// jobsSideBySide is how many jobs are read at once while minions are recovered.
const jobsSideBySide = 4

// recovered makes the set of minions anew from the returns, where it has gone (deleted, evicted) and they have not; and
// since every return is looked at for that, pointers, histories and returnd/seen as well. It tells whether there were any
// returns. It waits as long as ctx lives: in a large keyspace a later request will find it done.
func (s *Store) recovered(ctx context.Context, c *connection) (bool, error) {
	found, err := s.once(flightKey{c.target.key, keyMinions}, func(ctx context.Context) (bool, error) {
		return s.recoverAll(ctx, c)
	}).wait(ctx)
	if err != nil {
		return false, fmt.Errorf("recover the minions from the returns: %w", err)
	}
	return found, nil
}

func (s *Store) recoverAll(ctx context.Context, c *connection) (found bool, err error) {
	if err := s.prepare(ctx, c); err != nil {
		return false, err
	}
	var jobs atomic.Int64
	err = c.eachKey(ctx, retPrefix+"*", func(ctx context.Context, keys []string) error {
		jobs.Add(int64(len(keys)))
		return s.recoverJobs(ctx, c, keys)
	})
	return jobs.Load() > 0, err
}

func (s *Store) recoverJobs(ctx context.Context, c *connection, keys []string) error {
	var jids []string
	for _, key := range keys {
		if jid := jidOfReturns(key); job.CheckJID(jid) == nil {
			jids = append(jids, jid)
		}
	}
	starts, err := s.starts(ctx, c, jids, retKey)
	if err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(jobsSideBySide)
	for jid, start := range starts {
		group.Go(func() error { return s.recoverJob(ctx, c, jid, start) })
	}
	return group.Wait()
}

// recoverJob does with a job's stored returns what was to be done when they were written, but for writing them again:
// a newer one may have taken the place of one just read. A key that is no job's, or goes meanwhile, is passed over.
func (s *Store) recoverJob(ctx context.Context, c *connection, jid string, start time.Time) error {
	_, err := newScan(c, scanHash, retKey(jid)).run(ctx, "", func(fields []field) (string, error) {
		var minions, runs []job.Entry
		for _, f := range fields {
			if job.CheckMinion(f.name) != nil {
				continue
			}
			// The key's names are the return's, as for every reader.
			minions = append(minions, job.Entry{Return: job.Return{JID: jid, Minion: f.name}, Published: start})
			if ret, err := job.ParseReturn(f.bytes()); err == nil {
				ret.JID, ret.Minion = jid, f.name
				runs = append(runs, job.Entry{Return: ret, Published: start})
			}
		}
		return "", s.noteAgain(ctx, c, minions, runs)
	})
	if isWrongType(err) || errors.Is(err, errGone) {
		return nil
	}
	return err
}

// noteAgain writes what a batch of returns leaves besides themselves: their minions, and of those that can be read,
// pointers and histories. A server that has lost the scripts gets them once.
func (s *Store) noteAgain(ctx context.Context, c *connection, minions, runs []job.Entry) error {
	if len(minions) == 0 {
		return nil
	}
	for attempt := 0; ; attempt++ {
		pipe := s.pipes(c)
		set, records := newPlan(s, minions), newPlan(s, runs)
		set.pipes, records.pipes = pipe, pipe
		set.queueMinions(ctx)
		if c.cluster == nil {
			records.queueAgain(ctx)
		} else {
			records.queueApart(ctx)
		}
		pipe.exec(ctx)
		if !records.scriptsMissing() || attempt > 0 {
			return errors.Join(set.noted(), records.noted())
		}
		if err := s.scripts.install(ctx, c); err != nil {
			return err
		}
	}
}

// noted is the first error that is not one return's own.
func (p *plan) noted() error {
	for _, w := range p.shared {
		if err := confirmed(w.cmd.Err(), w.key); err != nil {
			return err
		}
	}
	var first error
	note := func(_ int32, err error) {
		if first == nil && !isWrongType(err) {
			first = err
		}
	}
	p.collectRecords(note)
	p.collectApart(note)
	return first
}
