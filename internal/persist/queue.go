package persist

import (
	"context"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"returnd/internal/job"
)

// keysPerScript is how many keys a script handles in one call on a single server: 256 hold Redis for 4-9 ms at the
// very most, and one call's overhead is shared by all of them.
const keysPerScript = 256

// queueReturns puts the returns' commands into the pipeline: what is read back first comes first, so that whoever
// sees a pointer finds the return.
func (p *plan) queueReturns(ctx context.Context, pipe redis.Pipeliner) {
	if len(p.returns) == 0 {
		return
	}
	p.queueJobs(ctx, pipe)
	p.queueMinions(ctx, pipe)
	p.queuePointers(ctx, pipe)
	p.queueHistory(ctx, pipe)
}

func (p *plan) queueJobs(ctx context.Context, pipe redis.Pipeliner) {
	bodies := make([]string, len(p.returns))
	args := make([]any, 0, 2*len(p.returns)+2*len(p.jobs))
	for i := range p.jobs {
		w := &p.jobs[i]
		size := 2 + 2*w.fields
		args = args[:len(args)+size]
		w.args = args[len(args)-size : len(args)-size+2 : len(args)]
		w.args[0], w.args[1] = "hset", &w.key
	}
	for pos, e := range p.returns {
		r, w := &p.entries[e].Return, &p.jobs[p.jobOf[pos]]
		bodies[pos] = text(r.Body)
		w.args = append(w.args, &r.Minion, &bodies[pos])
	}
	for i := range p.jobs {
		w := &p.jobs[i]
		w.set = redis.NewIntCmd(ctx, w.args...)
		_ = pipe.Process(ctx, w.set)
		if w.expiry != "0" {
			w.expire = redis.NewIntCmd(ctx, "expireat", &w.key, &w.expiry, "lt")
			_ = pipe.Process(ctx, w.expire)
		}
	}
}

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
	p.shared = append(p.shared, shared1{cmd, key})
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
			args = append(args, &c.jid, flag(c.rank.Timed()), &p.jobs[c.job].expiry)
		}
		p.pointerScripts = append(p.pointerScripts, script(ctx, pipe, args))
	}
}

func (p *plan) queueHistory(ctx context.Context, pipe redis.Pipeliner) {
	limit := p.store.cfg.History.Limit
	longest, last := strconv.Itoa(limit+limit/4+8), strconv.Itoa(limit+limit/8+3)
	texts := make([]string, 2*len(p.returns))
	for from := 0; from < len(p.returns); from += p.target.perScript {
		chunk := p.returns[from:min(from+p.target.perScript, len(p.returns))]
		args := make([]any, 0, 5+3*len(chunk))
		args = append(args, "evalsha", p.store.scripts.history.Hash(), len(chunk))
		for i, e := range chunk {
			key := &texts[2*(from+i)]
			*key = p.text.join(histPrefix, p.entries[e].Return.Minion)
			args = append(args, key)
		}
		args = append(args, &longest, &last)
		for i, e := range chunk {
			r, entry := &p.entries[e].Return, &texts[2*(from+i)+1]
			*entry = p.text.join(r.JID, "\t", r.Fun)
			args = append(args, entry, &p.jobs[p.jobOf[from+i]].expiry)
		}
		p.historyScripts = append(p.historyScripts, script(ctx, pipe, args))
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
