package persist

import (
	"context"
	"time"

	"github.com/redis/go-redis/v9"

	"returnd/internal/job"
)

// Write stores a batch and answers entry by entry: nil once the server has confirmed all of the entry's commands, a
// *job.Rejection where the entry itself is at fault, job.ErrUnavailable where trying again will help.
func (s *Store) Write(ctx context.Context, entries []job.Entry) []error {
	began := time.Now()
	defer func() { s.metrics.writeTime.Record(ctx, time.Since(began).Seconds()) }()
	errs := make([]error, len(entries))
	if oneDatabase(entries) {
		s.writeTo(ctx, job.NoDB, entries, errs)
		return errs
	}
	for db, members := range byDatabase(entries) {
		part, partErrs := make([]job.Entry, len(members)), make([]error, len(members))
		for i, m := range members {
			part[i] = entries[m]
		}
		s.writeTo(ctx, db, part, partErrs)
		for i, m := range members {
			errs[m] = partErrs[i]
		}
	}
	return errs
}

func oneDatabase(entries []job.Entry) bool {
	for i := range entries {
		if databaseOf(&entries[i]) != job.NoDB {
			return false
		}
	}
	return true
}

func byDatabase(entries []job.Entry) map[int][]int {
	groups := map[int][]int{}
	for i := range entries {
		db := databaseOf(&entries[i])
		groups[db] = append(groups[db], i)
	}
	return groups
}

func databaseOf(e *job.Entry) int {
	if e.Load != nil {
		return job.NoDB
	}
	return e.Return.DB
}

// writeTo stores entries in one database. A server that has lost the scripts gets them again, once; everything a
// pipeline does may be done twice.
func (s *Store) writeTo(ctx context.Context, db int, entries []job.Entry, errs []error) {
	t, err := s.database(ctx, db)
	for attempt := 0; err == nil && attempt < 2; attempt++ {
		if !t.loaded.Load() {
			if err = s.prepare(ctx, t); err != nil {
				break
			}
		}
		if !s.writeOnce(ctx, t, entries, errs) || attempt > 0 {
			return // each entry has its own answer
		}
		t.loaded.Store(false)
	}
	if err != nil {
		for i := range errs {
			errs[i] = err
		}
	}
}

// writeOnce reports whether the server had lost the scripts.
func (s *Store) writeOnce(ctx context.Context, t *target, entries []job.Entry, errs []error) (lost bool) {
	p := newPlan(s, entries)
	pipe := t.writer.Pipeline()
	clock := redis.NewTimeCmd(ctx, "time")
	_ = pipe.Process(ctx, clock)
	p.queueReturns(ctx, pipe)
	p.queueLoads(ctx, pipe)
	sent := time.Now()
	_, _ = pipe.Exec(ctx) // each command has its own error
	if now, err := clock.Result(); err == nil {
		s.clock.observe(now, sent)
	}
	if p.scriptsMissing() {
		lost = true
	}
	if len(p.loads) > 0 && !lost {
		lost = s.finishLoads(ctx, t, p.loads)
	}
	p.collect(errs)
	if !lost {
		s.mendRepeated(ctx, t, p, errs)
	}
	s.count(ctx, p)
	return lost
}

// mendRepeated looks after jobs whose returns were in Redis before: the same job may stand in a history under another
// function, where an earlier return of it had another body.
func (s *Store) mendRepeated(ctx context.Context, t *target, p *plan, errs []error) {
	pipe := t.writer.Pipeline()
	var cmds []*redis.Cmd
	var owners []int32
	for i := range p.groups {
		g := &p.groups[i]
		repeated := g.repeated()
		if repeated == 0 || g.set.Err() != nil {
			continue
		}
		s.metrics.repeated.Add(ctx, int64(repeated))
		for _, position := range g.members {
			if errs[p.returns[position]] != nil {
				continue
			}
			cmd := redis.NewCmd(ctx, "evalsha", s.scripts.repeated.Hash(), 1, histPrefix+p.returnAt(position).Minion, g.entry, g.jid+"\t")
			_ = pipe.Process(ctx, cmd)
			cmds, owners = append(cmds, cmd), append(owners, p.returns[position])
		}
	}
	_, _ = pipe.Exec(ctx)
	for i, cmd := range cmds {
		if err := classify(cmd.Err(), histPrefix); err != nil && errs[owners[i]] == nil {
			errs[owners[i]] = err
		}
	}
}

func (s *Store) count(ctx context.Context, p *plan) {
	if p.withoutPointer > 0 {
		s.metrics.noPointer.Add(ctx, int64(p.withoutPointer))
	}
	if p.unknownProfiles > 0 {
		s.metrics.unknownProfile.Add(ctx, int64(p.unknownProfiles))
	}
}
