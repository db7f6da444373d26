package persist

import (
	"context"
	"slices"

	"github.com/redis/go-redis/v9"

	"returnd/internal/job"
)

// wanted is a key of a job's, with what may be done to it.
type wanted struct {
	key, jid   string
	plan, kept string // see planFor
}

func (w *sweep) wanted(jids []string, prefix string, mayRemove bool) []wanted {
	list := make([]wanted, len(jids))
	for i, jid := range jids {
		list[i] = wanted{key: prefix + jid, jid: jid}
		list[i].plan, list[i].kept = w.planFor(jid, mayRemove)
	}
	return list
}

// sweepReturns removes old returns without a load, and gives the others an expiry that have none.
func (w *sweep) sweepReturns(ctx context.Context, keys []string) error {
	list := w.wanted(w.known(job.SweepReturns, keys, retPrefix), retPrefix, true)
	if w.inCluster() {
		var err error
		if list, err = w.withoutLoad(ctx, list); err != nil {
			return err
		}
	}
	return w.judgeHashes(ctx, job.SweepReturns, list, !w.inCluster())
}

// mendJobs gives returnd/job:<jid> an expiry where a writer came no further than its first command.
func (w *sweep) mendJobs(ctx context.Context, keys []string) error {
	list := w.wanted(w.known(job.SweepLoads, keys, jobPrefix), jobPrefix, false)
	for i := range list { // the name is our own: it proves the key to be a job's
		list[i].kept = keptExpiring
		if list[i].plan[:1] == planProve {
			list[i].plan = list[i].plan[1:]
		}
	}
	return w.judgeHashes(ctx, job.SweepLoads, list, false)
}

// withoutLoad leaves out the returns that may be removed and have a load. It is asked for just before the removal.
func (w *sweep) withoutLoad(ctx context.Context, list []wanted) ([]wanted, error) {
	jids := make([]string, 0, len(list))
	for _, k := range list {
		if k.plan == planRemove {
			jids = append(jids, k.jid)
		}
	}
	has, err := w.exist(ctx, jids, w.loadOf)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(list, func(k wanted) bool {
		if k.plan == planRemove && has[k.jid] {
			w.count(job.SweepReturns, hasLoad, "")
			return true
		}
		return false
	}), nil
}

// exist asks which of the names' keys are there.
func (w *sweep) exist(ctx context.Context, names []string, key func(string) string) (map[string]bool, error) {
	cmds := make([]redis.Cmder, len(names))
	for i, name := range names {
		cmds[i] = redis.NewIntCmd(ctx, "exists", key(name))
	}
	if err := w.do(ctx, cmds...); err != nil {
		return nil, err
	}
	has := make(map[string]bool, len(names))
	for i, cmd := range cmds {
		has[names[i]] = cmd.(*redis.IntCmd).Val() > 0
	}
	return has, nil
}

// judgeHashes runs the script of returns.
func (w *sweep) judgeHashes(ctx context.Context, kind job.SweepKind, list []wanted, withLoads bool) error {
	var cmds []redis.Cmder
	for part := range slices.Chunk(list, w.perScript()) {
		cmds = append(cmds, w.returnsCall(ctx, part, withLoads))
	}
	if err := w.do(ctx, cmds...); err != nil {
		return err
	}
	n := 0
	for _, cmd := range cmds {
		for _, v := range cmd.(*redis.IntSliceCmd).Val() {
			w.count(kind, verdict(v), list[n].kept)
			n++
		}
	}
	return nil
}

func (w *sweep) returnsCall(ctx context.Context, part []wanted, withLoads bool) redis.Cmder {
	args := make([]any, 0, 6+3*len(part))
	args = append(args, "evalsha", w.store.sweeps.returns.Hash(), len(part))
	for i := range part {
		args = append(args, part[i].key)
	}
	if withLoads {
		args[2] = 2 * len(part)
		for i := range part {
			args = append(args, w.loadOf(part[i].jid))
		}
	}
	args = append(args, len(part), w.dry(), w.store.late.Milliseconds())
	for i := range part {
		args = append(args, part[i].plan)
	}
	return redis.NewIntSliceCmd(ctx, args...)
}
