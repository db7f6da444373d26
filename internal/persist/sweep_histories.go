package persist

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"returnd/internal/job"
)

// tailStep is how many entries of a history are looked at in one step, from its end: the oldest stand there, mostly.
const tailStep = 16

// tail is the end of one history.
type tail struct {
	key     string
	entries []string // the last one first
	jids    []string
	ttl     int64 // milliseconds; -1 is none
}

// sweepHistories takes entries of jobs that are gone off the histories' tails, and gives lists an expiry that have none.
func (w *sweep) sweepHistories(ctx context.Context, keys []string) error {
	for passed := 0; len(keys) > 0; {
		tails, err := w.tails(ctx, keys, passed)
		if err != nil {
			return err
		}
		if passed == 0 {
			if err := w.mendHistories(ctx, tails); err != nil {
				return err
			}
		}
		if keys, err = w.cutTails(ctx, tails); err != nil {
			return err
		}
		if w.rules.DryRun { // what stays is passed by
			passed += tailStep
		}
	}
	return nil
}

// tails reads the ends of lists, before what was passed by already.
func (w *sweep) tails(ctx context.Context, keys []string, passed int) ([]tail, error) {
	lists, ttls := make([]redis.Cmder, len(keys)), make([]redis.Cmder, len(keys))
	for i, key := range keys {
		lists[i] = redis.NewStringSliceCmd(ctx, "lrange", key, -tailStep-passed, -1-passed)
		ttls[i] = redis.NewIntCmd(ctx, "pttl", key)
	}
	if err := w.do(ctx, slices.Concat(lists, ttls)...); err != nil {
		return nil, err
	}
	tails := make([]tail, 0, len(keys))
	for i, key := range keys {
		if lists[i].Err() != nil {
			w.count(job.SweepHistories, isForeign, "")
			continue
		}
		t := tail{key: key, entries: lists[i].(*redis.StringSliceCmd).Val(), ttl: ttls[i].(*redis.IntCmd).Val()}
		slices.Reverse(t.entries)
		for _, entry := range t.entries {
			jid, _, _ := strings.Cut(entry, "\t")
			t.jids = append(t.jids, jid)
		}
		tails = append(tails, t)
	}
	return tails, nil
}

// mendHistories has lists expire that would not: a keep from now, which is when the newest job that can be in it ends.
func (w *sweep) mendHistories(ctx context.Context, tails []tail) error {
	var cmds []redis.Cmder
	for i := range tails {
		if t := &tails[i]; t.ttl == -1 && w.store.keep > 0 {
			w.count(job.SweepHistories, isMended, "")
			cmds = append(cmds, redis.NewIntCmd(ctx, "expireat", t.key, w.store.expiryText(w.now, w.now), "nx"))
		}
	}
	if w.rules.DryRun {
		return nil
	}
	return w.do(ctx, cmds...)
}

// cutTails removes the dead ends, and tells which lists may have more.
func (w *sweep) cutTails(ctx context.Context, tails []tail) (more []string, err error) {
	var asked []string
	for i := range tails {
		w.cutToOld(&tails[i])
		asked = append(asked, tails[i].jids...)
	}
	slices.Sort(asked)
	has, err := w.exist(ctx, slices.Compact(asked), retKey)
	if err != nil {
		return nil, err
	}
	var cut []*tail
	for i := range tails {
		t := &tails[i]
		if at := slices.IndexFunc(t.jids, func(jid string) bool { return has[jid] }); at >= 0 {
			w.count(job.SweepHistories, isStaying, keptReturn)
			t.keepFrom(at)
		}
		if len(t.entries) > 0 {
			cut = append(cut, t)
		}
		if len(t.entries) == tailStep {
			more = append(more, t.key)
		}
	}
	return more, w.cut(ctx, cut)
}

// cut has the entries removed and counts those that were.
func (w *sweep) cut(ctx context.Context, tails []*tail) error {
	removed := 0
	if w.rules.DryRun {
		for _, t := range tails {
			removed += len(t.entries)
		}
	} else {
		cmds := make([]redis.Cmder, len(tails))
		for i, t := range tails {
			cmds[i] = w.historyCall(ctx, t)
		}
		if err := w.do(ctx, cmds...); err != nil {
			return err
		}
		for _, cmd := range cmds {
			removed += int(cmd.(*redis.IntCmd).Val())
		}
	}
	for range removed {
		w.count(job.SweepHistories, isRemoved, "")
	}
	return nil
}

// cutToOld leaves those of the last entries that may go, if their returns are gone.
func (w *sweep) cutToOld(t *tail) {
	settled := w.settled(t.ttl)
	for i, jid := range t.jids {
		if w.old(jid) {
			continue
		}
		if _, timed := job.JIDTime(jid); timed || w.store.keep == 0 || !settled {
			kept := keptCustom
			switch {
			case w.store.keep == 0:
				kept = keptForEver
			case timed:
				kept = keptYoung
			}
			w.count(job.SweepHistories, isStaying, kept)
			t.keepFrom(i)
			return
		}
	}
}

// settled tells that a custom jid in a history whose return is missing has lost it. On a single server the return is
// written before the entry. In a cluster the two may be under way to different servers: then a list counts whose newest
// job is past its grace.
func (w *sweep) settled(ttl int64) bool {
	return !w.inCluster() || ttl >= 0 && time.Duration(ttl)*time.Millisecond < w.store.keep-w.rules.Grace
}

// keepFrom leaves out the entries from one on: a tail ends with the first that stays.
func (t *tail) keepFrom(at int) { t.entries, t.jids = t.entries[:at], t.jids[:at] }

func (w *sweep) historyCall(ctx context.Context, t *tail) redis.Cmder {
	args := []any{"evalsha", w.store.sweeps.history.Hash(), 1, t.key}
	if !w.inCluster() {
		args[2] = 1 + len(t.jids)
		for _, jid := range t.jids {
			args = append(args, retKey(jid))
		}
	}
	for _, entry := range t.entries {
		args = append(args, entry)
	}
	return redis.NewIntCmd(ctx, args...)
}
