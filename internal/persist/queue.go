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
func (p *plan) queueReturns(ctx context.Context) {
	if len(p.returns) == 0 {
		return
	}
	p.queueGroups(ctx)
	p.queueMinions(ctx)
	if p.pipes.conn.cluster == nil {
		p.queueRecords(ctx)
	} else {
		p.queueRecordsApart(ctx)
	}
}

func (p *plan) queueGroups(ctx context.Context) {
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
		p.pipes.add(ctx, g.key, g.set)
		if g.expiry != "0" {
			g.expire = redis.NewCmd(ctx, "evalsha", p.store.scripts.expire.Hash(), 1, &g.key, &g.expiry)
			p.pipes.add(ctx, g.key, g.expire)
		}
	}
}

func (p *plan) queueMinions(ctx context.Context) {
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
	// In this order: a sweep that looks at returnd/seen and finds a minion long silent takes it out of both.
	p.queueShared(ctx, redis.NewIntCmd(ctx, seen...), keySeen)
	p.queueShared(ctx, redis.NewIntCmd(ctx, add...), keyMinions)
}

func (p *plan) queueShared(ctx context.Context, cmd redis.Cmder, key string) {
	p.shared = append(p.shared, sharedWrite{cmd, key})
	p.pipes.add(ctx, key, cmd)
}

// limits is what the scripts over histories take: ARGV[1..4] of order.lua.
func (p *plan) limits() []any {
	limit := p.store.cfg.History.Limit
	return []any{
		job.FormatJID(p.now.Add(job.Horizon)),
		strconv.Itoa(limit + limit/4 + 8), strconv.Itoa(limit + limit/8 + 3), strconv.Itoa(limit),
	}
}

// queueRecords has pointers and histories brought up to date, group by group.
func (p *plan) queueRecords(ctx context.Context) {
	keys := make([]string, 0, 2*len(p.returns))
	limits := p.limits()
	call := newCall(p)
	for i := range p.groups {
		g := &p.groups[i]
		for rest := g.members; len(rest) > 0; {
			take := min(len(rest), returnsPerScript-len(call.members))
			keys = call.add(keys, g, rest[:take])
			rest = rest[take:]
			if len(call.members) == returnsPerScript {
				call.send(ctx, limits)
				call = newCall(p)
			}
		}
	}
	if len(call.members) > 0 {
		call.send(ctx, limits)
	}
}

// queueRecordsApart does the same where each key may be on another server.
func (p *plan) queueRecordsApart(ctx context.Context) {
	limits := p.limits()
	for i := range p.groups {
		g := &p.groups[i]
		for k, position := range g.members {
			r, member := p.returnAt(position), g.members[k:k+1]
			if r.HasPointer() {
				p.queueOne(ctx, member, p.store.scripts.pointer, pointerKey(r.Minion, r.Fun), limits, &g.jid, flag(g.rank.Timed()), &g.expiry)
			}
			p.queueOne(ctx, member, p.store.scripts.history, histPrefix+r.Minion, limits, &g.jid, &g.entry, &g.expiry)
		}
	}
}

func (p *plan) queueOne(ctx context.Context, member []int32, script *redis.Script, key string, limits []any, more ...any) {
	args := make([]any, 0, 4+len(limits)+len(more))
	args = append(append(append(args, "evalsha", script.Hash(), 1, key), limits...), more...)
	cmd := redis.NewCmd(ctx, args...)
	p.pipes.add(ctx, key, cmd)
	p.records = append(p.records, record{member, cmd})
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

func (c *call) send(ctx context.Context, limits []any) {
	args := make([]any, 0, 3+len(c.keys)+len(limits)+len(c.groups))
	args = append(args, "evalsha", c.plan.store.scripts.record.Hash(), len(c.keys))
	args = append(append(append(args, c.keys...), limits...), c.groups...)
	cmd := redis.NewCmd(ctx, args...)
	c.plan.pipes.add(ctx, "", cmd) // of one server: every key has the same
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
