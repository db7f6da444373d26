package persist

import (
	"context"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"

	"returnd/internal/job"
)

// sweepLoads removes old loads that would never expire, gives an expiry to younger ones, and puts those of others into
// the index.
func (w *sweep) sweepLoads(ctx context.Context, keys []string) error {
	kind := job.SweepLoads
	if !w.rules.Loads {
		kind = job.SweepIndex
	}
	list := w.wanted(w.known(kind, keys, loadPrefix), loadPrefix, w.rules.Loads)
	for i := range list {
		switch k := &list[i]; {
		case k.plan == planRemove:
			k.kept = keptExpiring
		case !w.rules.Loads && k.plan[:1] == planProve:
			k.plan = planProve + planNothing
		case !w.rules.Loads:
			k.plan = planNothing
		}
	}
	var cmds []redis.Cmder
	for part := range slices.Chunk(list, w.perScript()) {
		cmds = append(cmds, w.loadsCall(ctx, part))
	}
	if err := w.do(ctx, cmds...); err != nil {
		return err
	}
	var there []foundLoad
	n := 0
	for _, cmd := range cmds {
		answers := cmd.(*redis.IntSliceCmd).Val()
		for i := 0; i+1 < len(answers); i += 2 {
			v, left := verdict(answers[i]), time.Duration(answers[i+1])*time.Millisecond
			if w.rules.Loads {
				w.count(job.SweepLoads, v, list[n].kept)
			}
			if v == isStaying || v == isMended {
				there = append(there, foundLoad{list[n].jid, w.startOf(list[n].jid, left)})
			}
			n++
		}
	}
	if !w.rules.Index {
		return nil
	}
	return w.fillIndex(ctx, there)
}

func (w *sweep) loadsCall(ctx context.Context, part []wanted) redis.Cmder {
	args := make([]any, 0, 4+2*len(part))
	args = append(args, "evalsha", w.store.sweeps.loads.Hash(), len(part))
	for i := range part {
		args = append(args, part[i].key)
	}
	args = append(args, w.dry())
	for i := range part {
		args = append(args, part[i].plan)
	}
	return redis.NewIntSliceCmd(ctx, args...)
}
