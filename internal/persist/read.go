package persist

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"returnd/internal/job"
)

const (
	// scanStep bounds one SSCAN or SCAN call, page how many small values are asked for at once.
	scanStep = 500
	page     = 500
	// returnsStep is how many whole returns are asked for at once: up to a megabyte each.
	returnsStep = 32
	// stepBytes is what one step of reading returns should bring.
	stepBytes = 1 << 20
)

// Returns hands over the returns of a job, each minion once, in no order, until yield fails.
func (s *Store) Returns(ctx context.Context, profile, jid, _ string, yield func(minion string, ret []byte) error) (next string, err error) {
	return "", s.returns(ctx, profile, jid, yield)
}

func (s *Store) returns(ctx context.Context, profile, jid string, yield func(minion string, ret []byte) error) error {
	c, err := s.reading(ctx, profile)
	if err != nil {
		return err
	}
	reader, release, err := c.target.redis.pinned(ctx, c.reader, retKey(jid))
	if err != nil {
		return fmt.Errorf("read returns: %w", classify(err, retPrefix))
	}
	defer release()
	seen := map[string]struct{}{}
	for cursor, count := uint64(0), int64(returnsStep); ; {
		fields, next, err := reader.HScan(ctx, retKey(jid), cursor, "", count).Result()
		if err != nil {
			return fmt.Errorf("read returns: %w", classify(err, retPrefix))
		}
		size := 0
		for i := 0; i+1 < len(fields); i += 2 {
			size += len(fields[i+1])
			if _, twice := seen[fields[i]]; twice {
				continue
			}
			seen[fields[i]] = struct{}{}
			if err := yield(fields[i], []byte(fields[i+1])); err != nil {
				return err
			}
		}
		if cursor = next; cursor == 0 {
			return nil
		}
		count = nextStep(count, size)
	}
}

// nextStep aims at stepBytes a step.
func nextStep(count int64, size int) int64 {
	if size == 0 {
		return min(2*count, scanStep)
	}
	return min(max(count*stepBytes/int64(size), 1), 2*count, scanStep)
}

// Load is a job's load, or nil where there is none.
func (s *Store) Load(ctx context.Context, profile, jid string) ([]byte, error) {
	c, err := s.reading(ctx, profile)
	if err != nil {
		return nil, err
	}
	load, err := c.reader.Get(ctx, loadKey(jid)).Bytes()
	if err = classify(err, loadPrefix); err != nil {
		return nil, fmt.Errorf("read load: %w", err)
	}
	return load, nil
}

// Jobs hands over the loads of all jobs, newest first, until yield fails. Beside our own index it looks for loads that
// Salt's own returner wrote.
func (s *Store) Jobs(ctx context.Context, profile string, _ job.Span, _ string, yield func(jid string, load []byte) error) (next string, err error) {
	return "", s.allJobs(ctx, profile, yield)
}

func (s *Store) allJobs(ctx context.Context, profile string, yield func(jid string, load []byte) error) error {
	c, err := s.reading(ctx, profile)
	if err != nil {
		return err
	}
	jids, err := s.jids(ctx, c)
	if err != nil {
		return err
	}
	for step := int64(returnsStep); len(jids) > 0; {
		chunk := jids[:min(int(step), len(jids))]
		jids = jids[len(chunk):]
		loads, err := get(ctx, c, chunk, loadKey)
		if err != nil {
			return fmt.Errorf("read loads: %w", err)
		}
		size := 0
		for i, load := range loads {
			if size += len(load); load == "" {
				continue
			}
			if err := yield(chunk[i], []byte(load)); err != nil {
				return err
			}
		}
		step = nextStep(step, size)
	}
	return nil
}

// jids lists the jobs that have, or had, a load: newest first.
func (s *Store) jids(ctx context.Context, c *connection) ([]string, error) {
	known := map[string]struct{}{}
	for from := int64(0); ; from += page {
		part, err := c.reader.ZRange(ctx, keyJobs, from, from+page-1).Result()
		if err != nil {
			return nil, fmt.Errorf("read the index of jobs: %w", classify(err, keyJobs))
		}
		for _, jid := range part {
			known[jid] = struct{}{}
		}
		if len(part) < page {
			break
		}
	}
	var mu sync.Mutex // the servers of a cluster are scanned side by side
	err := c.eachPrimary(ctx, func(ctx context.Context, server *redis.Client) error {
		scan := server.Scan(ctx, 0, loadPrefix+"*", scanStep).Iterator()
		for scan.Next(ctx) {
			mu.Lock()
			known[jidOfLoad(scan.Val())] = struct{}{}
			mu.Unlock()
		}
		return scan.Err()
	})
	if err != nil {
		return nil, fmt.Errorf("scan for loads: %w", classify(err, ""))
	}
	return newestFirst(known, s.clock.now()), nil
}

func newestFirst(known map[string]struct{}, now time.Time) []string {
	ranks := make(map[string]job.Rank, len(known))
	jids := make([]string, 0, len(known))
	for jid := range known {
		ranks[jid] = job.RankOf(jid, now)
		jids = append(jids, jid)
	}
	slices.SortFunc(jids, func(a, b string) int {
		switch {
		case ranks[b].Less(ranks[a]):
			return -1
		case ranks[a].Less(ranks[b]):
			return 1
		}
		return 0
	})
	return jids
}

// LastReturns hands over each minion's last return of a function, until yield fails.
func (s *Store) LastReturns(ctx context.Context, profile, fun, _ string, yield func(minion string, ret []byte) error) (next string, err error) {
	return "", s.lastReturns(ctx, profile, fun, yield)
}

func (s *Store) lastReturns(ctx context.Context, profile, fun string, yield func(minion string, ret []byte) error) error {
	c, err := s.reading(ctx, profile)
	if err != nil {
		return err
	}
	return s.eachMinion(ctx, c, func(ids []string) error {
		ids = slices.DeleteFunc(ids, func(id string) bool { return !(&job.Return{Minion: id}).HasPointer() })
		jids, err := get(ctx, c, ids, func(id string) string { return pointerKey(id, fun) })
		if err != nil {
			return fmt.Errorf("read pointers: %w", err)
		}
		return s.pointedAt(ctx, c, ids, jids, yield)
	})
}

// pointedAt reads the return of each minion that has a jid.
func (s *Store) pointedAt(ctx context.Context, c *connection, ids, jids []string, yield func(string, []byte) error) error {
	for from := 0; from < len(ids); from += returnsStep {
		to := min(from+returnsStep, len(ids))
		pipe := c.reader.Pipeline()
		cmds := make([]*redis.StringCmd, to-from)
		for i := from; i < to; i++ {
			if jids[i] != "" {
				cmds[i-from] = pipe.HGet(ctx, retKey(jids[i]), ids[i])
			}
		}
		_, _ = pipe.Exec(ctx)
		for i, cmd := range cmds {
			if cmd == nil {
				continue
			}
			ret, err := cmd.Bytes()
			if err = classify(err, retPrefix); err != nil && !isWrongType(err) {
				return fmt.Errorf("read returns: %w", err)
			}
			if ret == nil { // the job is gone, its pointer will be
				continue
			}
			if err := yield(ids[from+i], ret); err != nil {
				return err
			}
		}
	}
	return nil
}

// Minions hands over every known minion once, in no order, until yield fails.
func (s *Store) Minions(ctx context.Context, profile, _ string, yield func(id string) error) (next string, err error) {
	return "", s.allMinions(ctx, profile, yield)
}

func (s *Store) allMinions(ctx context.Context, profile string, yield func(id string) error) error {
	c, err := s.reading(ctx, profile)
	if err != nil {
		return err
	}
	return s.eachMinion(ctx, c, func(ids []string) error {
		for _, id := range ids {
			if err := yield(id); err != nil {
				return err
			}
		}
		return nil
	})
}

// eachMinion hands over the known minions in steps, each once.
func (s *Store) eachMinion(ctx context.Context, c *connection, step func(ids []string) error) error {
	reader, release, err := c.target.redis.pinned(ctx, c.reader, keyMinions)
	if err != nil {
		return fmt.Errorf("read minions: %w", classify(err, keyMinions))
	}
	defer release()
	seen := map[string]struct{}{}
	for cursor := uint64(0); ; {
		ids, next, err := reader.SScan(ctx, keyMinions, cursor, "", scanStep).Result()
		if err != nil {
			return fmt.Errorf("read minions: %w", classify(err, keyMinions))
		}
		ids = slices.DeleteFunc(ids, func(id string) bool {
			_, twice := seen[id]
			seen[id] = struct{}{}
			return twice
		})
		if err := step(ids); err != nil {
			return err
		}
		if cursor = next; cursor == 0 {
			return nil
		}
	}
}

// get reads one string value for each name; a missing one, or one of another type, is empty.
func get(ctx context.Context, c *connection, names []string, key func(string) string) ([]string, error) {
	if len(names) == 0 {
		return nil, nil
	}
	pipe := c.reader.Pipeline()
	cmds := make([]*redis.StringCmd, len(names))
	for i, name := range names {
		cmds[i] = pipe.Get(ctx, key(name))
	}
	_, _ = pipe.Exec(ctx)
	values := make([]string, len(names))
	for i, cmd := range cmds {
		err := classify(cmd.Err(), key(names[i]))
		if err != nil && !isWrongType(err) {
			return nil, err
		}
		values[i] = cmd.Val()
	}
	return values, nil
}

// reading is the database of a profile; an unknown one means the default, and is counted.
func (s *Store) reading(ctx context.Context, profile string) (*connection, error) {
	if _, known := s.configured(profile); !known {
		s.metrics.unknownProfile.Add(ctx, 1)
	}
	return s.target(profile, job.NoDB).connect(ctx)
}

// History is a minion's latest jobs.
func (s *Store) History(context.Context, string, string, int) ([]job.Past, error) { return nil, nil }

// Progress counts a job's returns.
func (s *Store) Progress(context.Context, string, string, func(string) error) (job.Progress, error) {
	return job.Progress{}, nil
}

// EndTime is what SetEndTime was told.
func (s *Store) EndTime(context.Context, string, string) (string, error) { return "", nil }

// SetEndTime notes when a job has ended.
func (s *Store) SetEndTime(context.Context, string, string, string) error { return nil }
