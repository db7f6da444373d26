package persist

import (
	"context"

	"github.com/redis/go-redis/v9"
)

// On a cluster a return's pointer and its minion's history are on servers of their own, and each is written by a script
// of its own: one call a pointer, one call a history.

// historyPerScript is how many jobs of one minion a history script takes: each may have to be looked for in the list.
const historyPerScript = 128

// apart is one call of a script over one key, which all of its returns wait for.
type apart struct {
	members []int32 // positions in returns
	key     string
	cmd     *redis.IntCmd
}

// queueApart has pointers and histories brought up to date key by key.
func (p *plan) queueApart(ctx context.Context) {
	p.apart = make([]apart, 0, 2*len(p.returns))
	p.queuePointers(ctx)
	p.queueHistories(ctx)
}

func (p *plan) queuePointers(ctx context.Context) {
	hash, horizon := p.store.scripts.pointer.Hash(), p.horizon()
	for i := range p.groups {
		g := &p.groups[i]
		for k, position := range g.members {
			if r := p.returnAt(position); r.HasPointer() {
				key := p.text.join(r.Minion, ":", r.Fun)
				p.addApart(ctx, g.members[k:k+1], key, "evalsha", hash, 1, key, &g.jid, flag(g.rank.Timed()), &g.expiry, horizon)
			}
		}
	}
}

func (p *plan) queueHistories(ctx context.Context) {
	longest, last, limit := p.historyLimits()
	for _, members := range p.byMinion() {
		key := p.text.join(histPrefix, p.returnAt(members[0]).Minion)
		for rest := members; len(rest) > 0; {
			some := rest[:min(len(rest), historyPerScript)]
			rest = rest[len(some):]
			args := make([]any, 0, 7+2*len(some))
			args = append(args, "evalsha", p.store.scripts.history.Hash(), 1, key, limit, longest, last)
			for _, position := range some {
				g := &p.groups[p.groupAt[position]]
				r := p.returnAt(position)
				args = append(args, p.text.join(r.JID, "\t", r.Fun), &g.expiry)
			}
			p.addApart(ctx, some, key, args...)
		}
	}
}

func (p *plan) addApart(ctx context.Context, members []int32, key string, args ...any) {
	cmd := redis.NewIntCmd(ctx, args...)
	p.pipes.add(ctx, key, cmd)
	p.apart = append(p.apart, apart{members, key, cmd})
}

// byMinion gathers the returns of each minion, in the order of arrival.
func (p *plan) byMinion() [][]int32 {
	counts := make([]int32, len(p.minions))
	for _, m := range p.minionAt {
		counts[m]++
	}
	all, members := make([]int32, len(p.returns)), make([][]int32, len(p.minions))
	for m, n := range counts {
		members[m], all = all[:0:n], all[n:]
	}
	for position, m := range p.minionAt {
		members[m] = append(members[m], int32(position))
	}
	return members
}

func (p *plan) collectApart(fail func(position int32, err error)) {
	for i := range p.apart {
		a := &p.apart[i]
		if err := confirmed(a.cmd.Err(), a.key); err != nil {
			for _, position := range a.members {
				fail(position, err)
			}
		}
	}
}
