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
		p.queueApart(ctx)
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

// limits is what the record script takes first.
func (p *plan) limits() []any {
	longest, last, limit := p.historyLimits()
	return []any{p.horizon(), longest, last, limit}
}

// horizon is what a time jid in Redis must not lie beyond.
func (p *plan) horizon() string { return job.FormatJID(p.now.Add(job.Horizon)) }

// historyLimits is the length above which a history is cut, the index of the last entry kept then, and the length from
// which it is full.
func (p *plan) historyLimits() (longest, last, limit string) {
	n := p.store.cfg.History.Limit
	return strconv.Itoa(n + n/4 + 8), strconv.Itoa(n + n/8 + 3), strconv.Itoa(n)
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
