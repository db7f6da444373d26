package persist

import (
	"context"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"returnd/internal/job"
)

// queueReturns puts the returns' commands into the pipeline: what is read back first comes first, so that whoever
// sees a pointer finds the return.
func (p *plan) queueReturns(ctx context.Context) {
	if len(p.returns) == 0 {
		return
	}
	p.makeGroups(ctx)
	if p.pipes.conn.cluster == nil {
		p.queueTogether(ctx)
		return
	}
	for i := range p.groups {
		for _, cmd := range p.groups[i].commands() {
			p.pipes.add(ctx, p.groups[i].key, cmd)
		}
	}
	p.queueApart(ctx)
}

// makeGroups makes the commands of each group.
func (p *plan) makeGroups(ctx context.Context) {
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
		if g.expiry != "0" {
			g.expire = p.expireGroup(ctx, g)
		}
	}
}

// commands are a group's, in their order.
func (g *group) commands() []redis.Cmder {
	if g.expire == nil {
		return []redis.Cmder{g.set}
	}
	return []redis.Cmder{g.set, g.expire}
}

func (p *plan) queueMinions(ctx context.Context) {
	if len(p.minions) == 0 {
		return
	}
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

// horizon is what a time jid in Redis must not lie beyond.
func (p *plan) horizon() string { return job.FormatJID(p.now.Add(job.Horizon)) }

// historyLimits is the length above which a history is cut, the index of the last entry kept then, and the length from
// which it is full.
func (p *plan) historyLimits() (longest, last, limit string) {
	n := p.store.cfg.History.Limit
	return strconv.Itoa(n + n/4 + 8), strconv.Itoa(n + n/8 + 3), strconv.Itoa(n)
}

func flag(b bool) string {
	if b {
		return "1"
	}
	return "0"
}

// microseconds is a start as a score.
func microseconds(t time.Time) string { return strconv.FormatInt(t.UnixMicro(), 10) }
