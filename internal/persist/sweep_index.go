package persist

import (
	"context"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"

	"returnd/internal/job"
)

// perIndexCall is how many entries one command on the index may name.
const perIndexCall = 128

// foundLoad is a load that is there, with its job's start as far as it can be told.
type foundLoad struct {
	jid   string
	start time.Time
}

// startOf is when a job began: its jid says it, or what is left of its load's keep.
func (w *sweep) startOf(jid string, left time.Duration) time.Time {
	if _, timed := job.JIDTime(jid); timed {
		return job.Start(jid, w.now)
	}
	if left > 0 && left <= w.store.keep {
		return w.now.Add(left - w.store.keep)
	}
	return w.now
}

// fillIndex puts loads into the index that are not in it: another program wrote them. An entry that is there keeps its
// score: it is its writer's.
func (w *sweep) fillIndex(ctx context.Context, loads []foundLoad) error {
	parts := slices.Collect(slices.Chunk(loads, perIndexCall))
	asked := make([]redis.Cmder, len(parts))
	for i, part := range parts {
		args := []any{"zmscore", keyJobs}
		for _, l := range part {
			args = append(args, l.jid)
		}
		asked[i] = redis.NewSliceCmd(ctx, args...)
	}
	if err := w.doShared(ctx, keyJobs, asked...); err != nil {
		return err
	}
	var adds []redis.Cmder
	for i, part := range parts {
		add := []any{"zadd", keyJobs, "nx"}
		for k, score := range asked[i].(*redis.SliceCmd).Val() {
			if score != nil {
				w.count(job.SweepIndex, isStaying, keptIndexed)
				continue
			}
			add = append(add, microseconds(part[k].start), part[k].jid)
			w.count(job.SweepIndex, isMended, "")
		}
		if len(add) > 3 && !w.rules.DryRun {
			adds = append(adds, redis.NewIntCmd(ctx, add...))
		}
	}
	return w.doShared(ctx, keyJobs, adds...)
}

// markIndexed notes that a scan of all servers has come to its end.
func (w *sweep) markIndexed(ctx context.Context) error {
	if !w.rules.Index || w.rules.DryRun {
		return nil
	}
	return w.store.markIndexed(ctx, w.conn)
}

// trimIndex removes entries whose load is gone. A load's entry is written before the load itself, so a young entry
// without one proves nothing; a job that comes late may lose its entry, and has it back at the next sweep.
func (w *sweep) trimIndex(ctx context.Context) error {
	limit := func() int64 { return w.horizon().UnixMicro() }
	return w.below(ctx, keyJobs, limit, func(ctx context.Context, jids []string) (map[string]bool, error) {
		has, err := w.exist(ctx, jids, loadKey)
		if err != nil {
			return nil, err
		}
		gone, remove := map[string]bool{}, []any{"zrem", keyJobs}
		for _, jid := range jids {
			if has[jid] {
				w.count(job.SweepIndex, hasLoad, "")
				continue
			}
			w.count(job.SweepIndex, isRemoved, "")
			remove = append(remove, jid)
			gone[jid] = !w.rules.DryRun
		}
		if len(gone) == 0 || w.rules.DryRun {
			return gone, nil
		}
		return gone, w.doShared(ctx, keyJobs, redis.NewIntCmd(ctx, remove...))
	})
}

// doShared is do for a key that everybody shares: that it holds another type is an error.
func (w *sweep) doShared(ctx context.Context, key string, cmds ...redis.Cmder) error {
	if err := w.do(ctx, cmds...); err != nil {
		return err
	}
	for _, cmd := range cmds {
		if err := shared(classify(cmd.Err(), key)); err != nil {
			return err
		}
	}
	return nil
}
