package persist

import (
	"context"

	"github.com/redis/go-redis/v9"
)

// On one server some returns are written whole, by one transaction: the record script, and then the returns themselves.
// So a return that the server does not have yet cannot be in a history.

// queueTogether queues the transactions, a bounded number of returns each: 256 hold Redis for a millisecond or two.
func (p *plan) queueTogether(ctx context.Context) {
	p.eachShare(func(groups []group, members int) { p.queueTransaction(ctx, groups, members) })
}

// queueAgain queues what belongs to returns that the server has, and not the returns.
func (p *plan) queueAgain(ctx context.Context) {
	p.eachShare(func(groups []group, members int) {
		for i := range groups {
			groups[i].again = true // that it has them proves nothing of their histories
		}
		r := p.newRecord(ctx, groups, members)
		p.records = append(p.records, r)
		p.pipes.add(ctx, "", r.cmd) // of one server: every key has the same
	})
}

// eachShare hands over the groups, a bounded number of returns at once.
func (p *plan) eachShare(use func(groups []group, members int)) {
	for from := 0; from < len(p.groups); {
		to, members, bytes := from, 0, 0
		for to < len(p.groups) {
			g := &p.groups[to]
			if to > from && (members+len(g.members) > returnsPerGroup || bytes+g.bytes > bytesPerGroup) {
				break
			}
			members, bytes = members+len(g.members), bytes+g.bytes
			to++
		}
		use(p.groups[from:to], members)
		from = to
	}
}

func (p *plan) queueTransaction(ctx context.Context, groups []group, members int) {
	r := p.newRecord(ctx, groups, members)
	p.records = append(p.records, r)
	cmds := make([]redis.Cmder, 0, 1+2*len(groups))
	cmds = append(cmds, r.cmd)
	for i := range groups {
		cmds = append(cmds, groups[i].commands()...)
	}
	p.pipes.addTransaction(ctx, cmds)
}

// newRecord makes the record script's call for some groups.
func (p *plan) newRecord(ctx context.Context, groups []group, members int) record {
	longest, last, limit := p.historyLimits()
	r := record{members: make([]int32, 0, members)}
	keys := make([]any, 0, 3+len(groups)+2*members+5*len(groups)+8) // most groups are of one function
	keys = append(keys, "evalsha", p.store.scripts.record.Hash(), len(groups)+2*members)
	args := make([]any, 0, 5+7*len(groups))
	args = append(args, p.horizon(), longest, last, limit, len(groups))
	texts := make([]string, 0, 2*members) // never grows: the arguments point there
	for i := range groups {
		keys = append(keys, &groups[i].key)
	}
	for i := range groups {
		g := &groups[i]
		args = append(args, &g.jid, flag(g.rank.Timed()), &g.expiry, flag(g.late || g.again || !g.rank.Timed()))
		args = p.appendRuns(args, g)
		for _, position := range g.members {
			ret := p.returnAt(position)
			list := p.text.join(histPrefix, ret.Minion)
			pointer := list
			if ret.HasPointer() {
				pointer = p.text.join(ret.Minion, ":", ret.Fun)
			}
			texts = append(texts, pointer, list)
			keys = append(keys, &texts[len(texts)-2], &texts[len(texts)-1])
		}
		r.members = append(r.members, g.members...)
	}
	r.cmd = redis.NewCmd(ctx, append(keys, args...)...)
	return r
}

// appendRuns tells of a group's returns by runs of one function: how many runs, and of each its length and its entry.
func (p *plan) appendRuns(args []any, g *group) []any {
	count := len(args)
	args = append(args, 0)
	runs := 0
	for rest := g.members; len(rest) > 0; runs++ {
		fun, n := p.returnAt(rest[0]).Fun, 1
		for n < len(rest) && p.returnAt(rest[n]).Fun == fun {
			n++
		}
		args = append(args, n, p.text.join(g.jid, "\t", fun))
		rest = rest[n:]
	}
	args[count] = runs
	return args
}
