package persist

import (
	"context"
	"strconv"

	"github.com/redis/go-redis/v9"

	"returnd/internal/job"
)

// meetMinions notes the minions that nobody knows the last job of: another program added them, and from now on they age.
func (w *sweep) meetMinions(ctx context.Context) error {
	server, err := w.conn.primary(ctx, keyMinions)
	if err != nil {
		return hold(classify(err, keyMinions))
	}
	return w.walk(ctx, server, func(cursor uint64, count int) *redis.ScanCmd {
		return redis.NewScanCmd(ctx, nil, "sscan", keyMinions, cursor, "count", min(count, sweepPage))
	}, w.meet)
}

func (w *sweep) meet(ctx context.Context, ids []string) error {
	if len(ids) == 0 {
		return nil
	}
	ask := []any{"zmscore", keySeen}
	for _, id := range ids {
		ask = append(ask, id)
	}
	scores := redis.NewSliceCmd(ctx, ask...)
	if err := w.doShared(ctx, keySeen, scores); err != nil {
		return err
	}
	add := []any{"zadd", keySeen, "nx"}
	for i, score := range scores.Val() {
		if score == nil {
			w.count(job.SweepMinions, isMended, "")
			add = append(add, hourOf(w.now), ids[i])
		} else if !w.long(score) { // the others are counted when they are forgotten
			w.count(job.SweepMinions, isStaying, w.keptMinion())
		}
	}
	if len(add) == 3 || w.rules.DryRun {
		return nil
	}
	return w.doShared(ctx, keySeen, redis.NewIntCmd(ctx, add...))
}

// keptMinion is why a minion stays.
func (w *sweep) keptMinion() string {
	if w.store.keep == 0 {
		return keptForEver
	}
	return keptYoung
}

// long tells that a score of returnd/seen is one to be forgotten.
func (w *sweep) long(score any) bool {
	if w.store.keep == 0 {
		return false
	}
	switch score := score.(type) {
	case float64:
		return score <= float64(w.forgotten().UnixMicro())
	case string:
		at, err := strconv.ParseFloat(score, 64)
		return err == nil && at <= float64(w.forgotten().UnixMicro())
	}
	return false
}

// forgetMinions removes the minions not heard of for long that have no jobs left.
//
// A minion may return at the very moment. Its writer raises returnd/seen first and adds to minions then, both down one
// connection. On a single server one script looks at the score and removes from both: if the score was raised before,
// it stays; if not, all of the writer's commands come later. In a cluster the keys are on two servers: the score is
// looked at and removed in one script, then the minion leaves minions, then the score is looked at again, and if it has
// come back, so does the minion. What remains is a writer whose command reaches one server two round trips later than
// the other; then the minion's next return brings it back.
func (w *sweep) forgetMinions(ctx context.Context) error {
	limit := func() int64 { return w.forgotten().UnixMicro() }
	return w.below(ctx, keySeen, limit, func(ctx context.Context, ids []string) (map[string]bool, error) {
		asked := ids
		if w.inCluster() {
			var err error
			if asked, err = w.idle(ctx, ids); err != nil {
				return nil, err
			}
		}
		removed, err := w.forget(ctx, asked, limit())
		if err != nil || w.rules.DryRun {
			return nil, err
		}
		gone := make(map[string]bool, len(removed))
		for _, id := range removed {
			gone[id] = true
		}
		if !w.inCluster() || len(removed) == 0 {
			return gone, nil
		}
		return gone, w.leave(ctx, removed)
	})
}

// idle leaves out those that still have jobs: a history lives as long as its newest job.
func (w *sweep) idle(ctx context.Context, ids []string) ([]string, error) {
	has, err := w.exist(ctx, ids, historyKey)
	if err != nil {
		return nil, err
	}
	var idle []string
	for _, id := range ids {
		if has[id] {
			w.count(job.SweepMinions, hasJobs, "")
		} else {
			idle = append(idle, id)
		}
	}
	return idle, nil
}

// forget runs the script over minions.
func (w *sweep) forget(ctx context.Context, ids []string, limit int64) (removed []string, err error) {
	var cmds []redis.Cmder
	for from := 0; from < len(ids); from += perCall {
		cmds = append(cmds, w.forgetCall(ctx, ids[from:min(from+perCall, len(ids))], limit))
	}
	if err := w.do(ctx, cmds...); err != nil {
		return nil, err
	}
	n := 0
	for _, cmd := range cmds {
		for _, v := range cmd.(*redis.IntSliceCmd).Val() {
			w.count(job.SweepMinions, verdict(v), "")
			if verdict(v) == isRemoved {
				removed = append(removed, ids[n])
			}
			n++
		}
	}
	return removed, nil
}

func (w *sweep) forgetCall(ctx context.Context, ids []string, limit int64) redis.Cmder {
	args := []any{"evalsha", w.store.sweeps.minions.Hash(), 1, keySeen}
	if !w.inCluster() {
		args[2] = 2 + len(ids)
		args = append(args, keyMinions)
		for _, id := range ids {
			args = append(args, historyKey(id))
		}
	}
	args = append(args, w.dry(), limit)
	for _, id := range ids {
		args = append(args, id)
	}
	return redis.NewIntSliceCmd(ctx, args...)
}

// leave takes minions out of minions, and puts back those that were heard of meanwhile.
func (w *sweep) leave(ctx context.Context, ids []string) error {
	remove, ask := []any{"srem", keyMinions}, []any{"zmscore", keySeen}
	for _, id := range ids {
		remove, ask = append(remove, id), append(ask, id)
	}
	if err := w.doShared(ctx, keyMinions, redis.NewIntCmd(ctx, remove...)); err != nil {
		return err
	}
	scores := redis.NewSliceCmd(ctx, ask...)
	if err := w.doShared(ctx, keySeen, scores); err != nil {
		return err
	}
	back := []any{"sadd", keyMinions}
	for i, score := range scores.Val() {
		if score != nil {
			back = append(back, ids[i])
		}
	}
	if len(back) == 2 {
		return nil
	}
	return w.doShared(ctx, keyMinions, redis.NewIntCmd(ctx, back...))
}
