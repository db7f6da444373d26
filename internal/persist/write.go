package persist

import (
	"context"
	"slices"
	"sync"
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
	first := s.keyOf(&entries[0])
	if !slices.ContainsFunc(entries, func(e job.Entry) bool { return s.keyOf(&e) != first }) {
		s.writeTo(ctx, first, entries, errs)
		return errs
	}
	var all sync.WaitGroup
	for key, members := range s.byTarget(entries) {
		all.Go(func() { s.writeSome(ctx, key, members, entries, errs) })
	}
	all.Wait()
	return errs
}

// keyOf says where an entry belongs.
func (s *Store) keyOf(e *job.Entry) targetKey {
	profile, db := e.Return.Profile, e.Return.DB
	if e.Load != nil {
		profile, db = e.Load.Profile, job.NoDB
	}
	if _, known := s.configured(profile); !known {
		profile = ""
	}
	return targetKey{profile, db}
}

func (s *Store) byTarget(entries []job.Entry) map[targetKey][]int {
	groups := map[targetKey][]int{}
	for i := range entries {
		key := s.keyOf(&entries[i])
		groups[key] = append(groups[key], i)
	}
	return groups
}

// writeSome writes the entries of one target among a batch. The targets' own entries are disjoint.
func (s *Store) writeSome(ctx context.Context, key targetKey, members []int, entries []job.Entry, errs []error) {
	part, partErrs := make([]job.Entry, len(members)), make([]error, len(members))
	for i, m := range members {
		part[i] = entries[m]
	}
	s.writeTo(ctx, key, part, partErrs)
	for i, m := range members {
		errs[m] = partErrs[i]
	}
}

// writeTo stores entries in one database. A server that has lost the scripts gets them again, once; everything a
// pipeline does may be done twice.
func (s *Store) writeTo(ctx context.Context, key targetKey, entries []job.Entry, errs []error) {
	c, err := s.database(ctx, key.profile, key.db)
	for attempt := 0; err == nil && attempt < 2; attempt++ {
		if !c.loaded.Load() {
			if err = s.prepare(ctx, c); err != nil {
				break
			}
		}
		if !s.writeOnce(ctx, c, entries, errs) || attempt > 0 {
			return // each entry has its own answer
		}
		c.loaded.Store(false)
	}
	if err != nil {
		for i := range errs {
			errs[i] = err
		}
	}
}

// writeOnce reports whether the server had lost the scripts.
func (s *Store) writeOnce(ctx context.Context, c *connection, entries []job.Entry, errs []error) (lost bool) {
	p := newPlan(s, entries)
	p.pipes = s.pipes(c)
	p.planLooks()
	clock := redis.NewTimeCmd(ctx, "time")
	// The first command is a write: by its answer the client library tells that a server has become a replica, and gives
	// the connection up.
	p.queueLoads(ctx)
	p.queueMinions(ctx)
	p.pipes.add(ctx, keyMinions, clock)
	p.queueReturns(ctx)
	p.queueLooks(ctx)
	sent := time.Now()
	p.pipes.exec(ctx)
	if now, err := clock.Result(); err == nil {
		s.clock.observe(now, sent)
	}
	if lost = p.scriptsMissing(); !lost && len(p.loads) > 0 {
		lost = s.finishLoads(ctx, c, p.loads)
	}
	p.collect(errs)
	if !lost {
		s.mendRepeated(ctx, p, errs)
	}
	lost = s.completeBatch(ctx, c, p, errs) || lost // always: what has no error is settled
	s.count(ctx, p)
	return lost
}

// mendRepeated looks after jobs whose returns were in Redis before: the same job may stand in a history under another
// function, where an earlier return of it had another body.
func (s *Store) mendRepeated(ctx context.Context, p *plan, errs []error) {
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
			r := p.returnAt(position)
			list := histPrefix + r.Minion
			cmd := redis.NewCmd(ctx, "evalsha", s.scripts.repeated.Hash(), 1, list, r.JID+"\t"+r.Fun, r.JID+"\t")
			p.pipes.add(ctx, list, cmd)
			cmds, owners = append(cmds, cmd), append(owners, p.returns[position])
		}
	}
	if len(cmds) > 0 {
		p.pipes.exec(ctx)
	}
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
