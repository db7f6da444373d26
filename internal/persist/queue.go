package persist

import (
	"context"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"returnd/internal/job"
)

const (
	// keysPerScript is how many keys a script handles in one call on a single server: 256 hold Redis for a few
	// milliseconds at the very most, and one call's overhead is shared by all of them.
	keysPerScript = 256
	// bytesPerScript bounds what one call has to copy.
	bytesPerScript = 512 << 10
)

// queueReturns puts the returns' commands into the pipeline: what is read back first comes first, so that whoever
// sees a pointer finds the return.
func (p *plan) queueReturns(ctx context.Context, pipe redis.Pipeliner) {
	if len(p.returns) == 0 {
		return
	}
	p.queueGroups(ctx, pipe)
	p.queueMinions(ctx, pipe)
	p.queuePointers(ctx, pipe)
}

func (p *plan) queueGroups(ctx context.Context, pipe redis.Pipeliner) {
	limit := p.store.cfg.History.Limit
	longest, last := strconv.Itoa(limit+limit/4+8), strconv.Itoa(limit+limit/8+3)
	texts := make([]string, 2*len(p.returns)) // history key and body of each return
	for i := range p.groups {
		g := &p.groups[i]
		args := make([]any, 0, 9+3*len(g.members))
		args = append(args, "evalsha", p.store.scripts.store.Hash(), 1+len(g.members), &g.key)
		for _, pos := range g.members {
			key := &texts[2*pos]
			*key = p.text.join(histPrefix, p.returnAt(pos).Minion)
			args = append(args, key)
		}
		args = append(args, &g.expiry, flag(g.late), &longest, &last, &g.entry)
		for _, pos := range g.members {
			r, body := p.returnAt(pos), &texts[2*pos+1]
			*body = text(r.Body)
			args = append(args, &r.Minion, body)
		}
		g.script = script(ctx, pipe, args)
	}
}

func (p *plan) returnAt(position int32) *job.Return { return &p.entries[p.returns[position]].Return }

func (p *plan) queueMinions(ctx context.Context, pipe redis.Pipeliner) {
	add := make([]any, 0, 2+len(p.minions))
	add = append(add, "sadd", keyMinions)
	seen := make([]any, 0, 3+2*len(p.minions))
	seen = append(seen, "zadd", keySeen, "gt")
	hours := map[int64]*string{}
	for i, id := range p.minions {
		hour := hours[p.newest[i]]
		if hour == nil {
			score := strconv.FormatInt(p.newest[i], 10)
			hour = &score
			hours[p.newest[i]] = hour
		}
		add, seen = append(add, id), append(seen, hour, id)
	}
	p.queueShared(ctx, pipe, redis.NewIntCmd(ctx, add...), keyMinions)
	p.queueShared(ctx, pipe, redis.NewIntCmd(ctx, seen...), keySeen)
}

func (p *plan) queueShared(ctx context.Context, pipe redis.Pipeliner, cmd redis.Cmder, key string) {
	p.shared = append(p.shared, sharedWrite{cmd, key})
	_ = pipe.Process(ctx, cmd)
}

func (p *plan) queuePointers(ctx context.Context, pipe redis.Pipeliner) {
	horizon := job.FormatJID(p.now.Add(job.Horizon))
	for from := 0; from < len(p.pointers); from += p.target.perScript {
		chunk := p.pointers[from:min(from+p.target.perScript, len(p.pointers))]
		args := make([]any, 0, 4+4*len(chunk))
		args = append(args, "evalsha", p.store.scripts.pointer.Hash(), len(chunk))
		for i := range chunk {
			args = append(args, &chunk[i].key)
		}
		args = append(args, &horizon)
		for i := range chunk {
			c := &chunk[i]
			args = append(args, &c.jid, flag(c.rank.Timed()), &p.groups[c.group].expiry)
		}
		p.pointerScripts = append(p.pointerScripts, script(ctx, pipe, args))
	}
}

func script(ctx context.Context, pipe redis.Pipeliner, args []any) *redis.Cmd {
	cmd := redis.NewCmd(ctx, args...)
	_ = pipe.Process(ctx, cmd)
	return cmd
}

func flag(b bool) string {
	if b {
		return "1"
	}
	return "0"
}

// microseconds is a start as a score.
func microseconds(t time.Time) string { return strconv.FormatInt(t.UnixMicro(), 10) }
