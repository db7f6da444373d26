package persist

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"returnd/internal/job"
)

// Progress counts a job's returns, and hands over the expected minions that have not returned, sorted. A stored return
// that is no JSON counts as returned and not as failed: it does not say so.
func (s *Store) Progress(ctx context.Context, profile, jid string, missing func(minion string) error) (job.Progress, error) {
	c, err := s.reading(ctx, profile)
	if err != nil {
		return job.Progress{}, err
	}
	open, err := s.meantFor(ctx, c, jid) // before the returns: who is added meanwhile may have returned meanwhile
	if err != nil {
		return job.Progress{}, err
	}
	p := job.Progress{Known: len(open) > 0, Expected: len(open)}
	_, err = newScan(c, scanHash, retKey(jid)).run(ctx, "", each(func(f field) error {
		p.Returned++
		if job.Failed(f.bytes()) {
			p.Failed++
		}
		delete(open, f.name)
		return nil
	}))
	if err != nil {
		return job.Progress{}, err
	}
	p.Complete = p.Known && len(open) == 0
	for _, id := range slices.Sorted(maps.Keys(open)) {
		if err := missing(id); err != nil {
			return job.Progress{}, err
		}
	}
	return p, nil
}

// meantFor are the minions that a job is known to be meant for: those that were noted, else those that its load names,
// as one does that others have written.
func (s *Store) meantFor(ctx context.Context, c *connection, jid string) (map[string]struct{}, error) {
	ids := map[string]struct{}{}
	noted := newScan(c, scanHash, jobKey(jid))
	noted.match = fieldMinion + "*"
	_, err := noted.run(ctx, "", each(func(f field) error {
		ids[strings.TrimPrefix(f.name, fieldMinion)] = struct{}{}
		return nil
	}))
	if err != nil || len(ids) > 0 {
		return ids, err
	}
	body, err := c.reader.Get(ctx, loadKey(jid)).Bytes()
	if err = classify(err, loadPrefix); err != nil {
		return nil, fmt.Errorf("read load: %w", err)
	}
	load, err := job.ParseLoad(jid, body)
	if err != nil { // nothing can be known from a load that is none, or another's
		return ids, nil //nolint:nilerr // see above
	}
	for _, id := range load.Minions {
		ids[id] = struct{}{}
	}
	return ids, nil
}
