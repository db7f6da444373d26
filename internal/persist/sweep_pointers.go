package persist

import (
	"context"
	"slices"
	"strings"

	"github.com/redis/go-redis/v9"

	"returnd/internal/job"
)

// longestJID is as far as a pointer is read: no jid is longer, and the key may be a stranger's.
const longestJID = 255

// pointer is a key that looks like `<minion>:<fun>` and never expires.
type pointer struct{ key, minion, jid string }

// sweepPointers looks after the pointers that Salt's own returner leaves behind. Its keys have a form that any program's
// may have: so it touches only those of minions that we know, with a jid inside.
func (w *sweep) sweepPointers(ctx context.Context, keys []string) error {
	list, err := w.immortal(ctx, keys)
	if err != nil || len(list) == 0 {
		return err
	}
	if list, err = w.ofMinions(ctx, list); err != nil || len(list) == 0 {
		return err
	}
	if list, err = w.pointing(ctx, list); err != nil || len(list) == 0 {
		return err
	}
	if w.rules.Minions {
		if err := w.noteSeen(ctx, list); err != nil {
			return err
		}
	}
	if !w.rules.Pointers {
		return nil
	}
	return w.judgePointers(ctx, list)
}

// immortal are the keys without an expiry, split at their last colon as no function holds one.
func (w *sweep) immortal(ctx context.Context, keys []string) ([]pointer, error) {
	cmds := make([]redis.Cmder, len(keys))
	for i, key := range keys {
		cmds[i] = redis.NewIntCmd(ctx, "pttl", key)
	}
	if err := w.do(ctx, cmds...); err != nil {
		return nil, err
	}
	var list []pointer
	for i, key := range keys {
		minion := key[:strings.LastIndexByte(key, ':')]
		mayPoint := job.CheckMinion(minion) == nil && (&job.Return{Minion: minion}).HasPointer()
		if mayPoint && cmds[i].(*redis.IntCmd).Val() == -1 {
			list = append(list, pointer{key: key, minion: minion})
		}
	}
	return list, nil
}

// ofMinions leaves out what is of no minion that is known.
func (w *sweep) ofMinions(ctx context.Context, list []pointer) ([]pointer, error) {
	member, seen := []any{"smismember", keyMinions}, []any{"zmscore", keySeen}
	for _, p := range list {
		member, seen = append(member, p.minion), append(seen, p.minion)
	}
	members, scores := redis.NewSliceCmd(ctx, member...), redis.NewSliceCmd(ctx, seen...)
	if err := w.do(ctx, members, scores); err != nil {
		return nil, err
	}
	known := list[:0]
	for i, p := range list {
		isMember := i < len(members.Val()) && members.Val()[i] == int64(1)
		wasSeen := i < len(scores.Val()) && scores.Val()[i] != nil
		if isMember || wasSeen {
			known = append(known, p)
		}
	}
	return known, nil
}

// pointing reads the jids, and leaves out what is none.
func (w *sweep) pointing(ctx context.Context, list []pointer) ([]pointer, error) {
	cmds := make([]redis.Cmder, len(list))
	for i, p := range list {
		cmds[i] = redis.NewStringCmd(ctx, "getrange", p.key, 0, longestJID)
	}
	if err := w.do(ctx, cmds...); err != nil {
		return nil, err
	}
	pointing := list[:0]
	for i, p := range list {
		p.jid = cmds[i].(*redis.StringCmd).Val()
		if cmds[i].Err() == nil && job.CheckJID(p.jid) == nil {
			pointing = append(pointing, p)
		} else if w.rules.Pointers {
			w.count(job.SweepPointers, isForeign, "")
		}
	}
	return pointing, nil
}

// noteSeen learns from the pointers of others when their minions were last heard of.
func (w *sweep) noteSeen(ctx context.Context, list []pointer) error {
	if w.rules.DryRun {
		return nil
	}
	var cmds []redis.Cmder
	for part := range slices.Chunk(list, perIndexCall) {
		args := []any{"zadd", keySeen, "gt"}
		for _, p := range part {
			if _, timed := job.JIDTime(p.jid); timed {
				args = append(args, hourOf(job.Start(p.jid, w.now)), p.minion)
			}
		}
		if len(args) > 3 {
			cmds = append(cmds, redis.NewIntCmd(ctx, args...))
		}
	}
	return w.doShared(ctx, keySeen, cmds...)
}

// judgePointers removes those of jobs that are old and gone, and gives the others an expiry.
func (w *sweep) judgePointers(ctx context.Context, list []pointer) error {
	has, err := w.pointed(ctx, list)
	if err != nil {
		return err
	}
	cmds := make([]redis.Cmder, 0, len(list))
	for i, p := range list {
		plan, stays := w.planOfPointer(p.jid, has[i])
		if stays != "" {
			w.count(job.SweepPointers, isStaying, stays)
			continue
		}
		cmds = append(cmds, redis.NewIntCmd(ctx, "evalsha", w.store.sweeps.pointer.Hash(), 1, p.key, w.dry(), p.jid, plan))
	}
	if err := w.do(ctx, cmds...); err != nil {
		return err
	}
	for _, cmd := range cmds {
		w.count(job.SweepPointers, verdict(cmd.(*redis.IntCmd).Val()), "")
	}
	return nil
}

// pointed asks which of the returns are there.
func (w *sweep) pointed(ctx context.Context, list []pointer) ([]bool, error) {
	cmds := make([]redis.Cmder, len(list))
	for i, p := range list {
		cmds[i] = redis.NewBoolCmd(ctx, "hexists", retKey(p.jid), p.minion)
	}
	if err := w.do(ctx, cmds...); err != nil {
		return nil, err
	}
	has := make([]bool, len(list))
	for i, cmd := range cmds {
		has[i] = cmd.(*redis.BoolCmd).Val()
	}
	return has, nil
}

// planOfPointer says what is done with a pointer, or why it stays. A value that is no time jid is a jid only if its return
// is there: it may be any word of a stranger's.
func (w *sweep) planOfPointer(jid string, has bool) (plan, stays string) {
	_, timed := job.JIDTime(jid)
	switch {
	case w.old(jid) && has:
		return "", keptReturn
	case w.old(jid):
		return planRemove, ""
	case !timed && !has:
		return "", keptForeign
	case w.store.keep == 0:
		return "", keptForEver
	}
	return w.expiryOf(jid), ""
}
