package persist

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"returnd/internal/job"
)

// History is a minion's latest jobs, by the order of jids, the greatest first; none twice, limit at most.
func (s *Store) History(ctx context.Context, profile, minion string, limit int) ([]job.Past, error) {
	c, err := s.reading(ctx, profile)
	if err != nil {
		return nil, err
	}
	entries, err := c.reader.LRange(ctx, histPrefix+minion, 0, s.longestHistory()).Result()
	if err = classify(err, histPrefix); err != nil {
		return nil, fmt.Errorf("read a history: %w", err)
	}
	return newest(s.pasts(entries), limit), nil
}

// longestHistory is the index of the last entry that a history may have before it is cut; see limits.
func (s *Store) longestHistory() int64 { return int64(s.cfg.History.Limit + s.cfg.History.Limit/4 + 8) }

// ranked is a job in a history, and its rank by the server's clock.
type ranked struct {
	job.Past
	rank job.Rank
}

// pasts reads the entries, in the order of their arrival. A job that is in the list under two functions had two bodies;
// the one that arrived last counts.
func (s *Store) pasts(entries []string) []ranked {
	now := s.clock.now()
	pasts := make([]ranked, 0, len(entries))
	seen := make(map[string]bool, len(entries))
	for _, entry := range entries {
		jid, fun, ok := strings.Cut(entry, "\t")
		if !ok || seen[jid] {
			continue
		}
		seen[jid] = true
		pasts = append(pasts, ranked{job.Past{JID: jid, Fun: fun}, job.RankOf(jid, now)})
	}
	return pasts
}

func newest(pasts []ranked, limit int) []job.Past {
	slices.SortFunc(pasts, func(a, b ranked) int {
		switch {
		case b.rank.Less(a.rank):
			return -1
		case a.rank.Less(b.rank):
			return 1
		}
		return 0
	})
	pasts = pasts[:min(max(limit, 0), len(pasts))]
	list := make([]job.Past, len(pasts))
	for i, p := range pasts {
		list[i] = p.Past
	}
	return list
}
