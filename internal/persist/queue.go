package persist

import (
	"context"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"returnd/internal/job"
)

// returnsPerScript is how many returns the record script handles in one call: 256 hold Redis for a millisecond or two,
// and one call's overhead is shared by all of them.
const returnsPerScript = 256

// queueReturns puts the returns' commands into the pipeline: what is read back first comes first, so that whoever
// sees a pointer finds the return.
func (p *plan) queueReturns(ctx context.Context, pipe redis.Pipeliner) {
	if len(p.returns) == 0 {
		return
	}
	p.queueGroups(ctx, pipe)
	p.queueMinions(ctx, pipe)
	p.queueRecords(ctx, pipe)
}

func (p *plan) queueGroups(ctx context.Context, pipe redis.Pipeliner) {
	bodies := make([]string, len(p.returns))
	for i := range p.groups {
		g := &p.groups[i]
		args := make([]any, 0, 2+2*len(g.members))
		args = append(args, "hset", &g.key)
		for _, position := range g.members {
			r := p.returnAt(position)
			bodies[position] = text(r.Body)
			args = append(args, &r.Minion, &bodies[position])
		}
		g.set = redis.NewIntCmd(ctx, args...)
		_ = pipe.Process(ctx, g.set)
		if g.expiry != "0" {
			g.expire = redis.NewCmd(ctx, "evalsha", p.store.scripts.expire.Hash(), 1, &g.key, &g.expiry)
			_ = pipe.Process(ctx, g.expire)
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
	p.shared = append(p.shared, sharedWrite{cmd, key})
	_ = pipe.Process(ctx, cmd)
}

// queueRecords has pointers and histories brought up to date, group by group.
func (p *plan) queueRecords(ctx context.Context, pipe redis.Pipeliner) {
	limit := p.store.cfg.History.Limit
	longest, last := strconv.Itoa(limit+limit/4+8), strconv.Itoa(limit+limit/8+3)
	full := strconv.Itoa(limit)
	horizon := job.FormatJID(p.now.Add(job.Horizon))
	keys := make([]string, 0, 2*len(p.returns))
	call := newCall(p)
	for i := range p.groups {
		g := &p.groups[i]
		for rest := g.members; len(rest) > 0; {
			take := min(len(rest), returnsPerScript-len(call.members))
			keys = call.add(keys, g, rest[:take])
			rest = rest[take:]
			if len(call.members) == returnsPerScript {
				call.send(ctx, pipe, &horizon, &longest, &last, &full)
				call = newCall(p)
			}
		}
	}
	if len(call.members) > 0 {
		call.send(ctx, pipe, &horizon, &longest, &last, &full)
	}
}

// call gathers the arguments of one record script: KEYS and the groups' part of ARGV.
type call struct {
	plan    *plan
	members []int32
	keys    []any
	groups  []any
}

func newCall(p *plan) *call {
	n := min(returnsPerScript, len(p.returns))
	return &call{plan: p, members: make([]int32, 0, n), keys: make([]any, 0, 2*n)}
}

// add takes some of a group's returns in. keys holds the texts that the arguments point to; it never grows beyond its
// capacity.
func (c *call) add(keys []string, g *group, members []int32) []string {
	c.members = append(c.members, members...)
	c.groups = append(c.groups, len(members), &g.jid, flag(g.rank.Timed()), &g.expiry, &g.entry, flag(g.late))
	for _, position := range members {
		r := c.plan.returnAt(position)
		list := c.plan.text.join(histPrefix, r.Minion)
		pointer := list
		if r.HasPointer() {
			pointer = c.plan.text.join(r.Minion, ":", r.Fun)
		}
		keys = append(keys, pointer, list)
		c.keys = append(c.keys, &keys[len(keys)-2], &keys[len(keys)-1])
	}
	return keys
}

func (c *call) send(ctx context.Context, pipe redis.Pipeliner, constants ...any) {
	args := make([]any, 0, 3+len(c.keys)+len(constants)+len(c.groups))
	args = append(args, "evalsha", c.plan.store.scripts.record.Hash(), len(c.keys))
	args = append(append(append(args, c.keys...), constants...), c.groups...)
	cmd := redis.NewCmd(ctx, args...)
	_ = pipe.Process(ctx, cmd)
	c.plan.records = append(c.plan.records, record{c.members, cmd})
}

func flag(b bool) string {
	if b {
		return "1"
	}
	return "0"
}

// microseconds is a start as a score.
func microseconds(t time.Time) string { return strconv.FormatInt(t.UnixMicro(), 10) }
