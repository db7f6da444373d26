package persist

import (
	"context"

	"github.com/redis/go-redis/v9"
)

// look is one reading of how far a job has come, behind a batch's writes to it.
type look struct {
	jid      string
	cmd      *redis.Cmd
	returned *redis.IntCmd // on a cluster, where the script sees the expected minions alone
}

// planLooks finds the jobs to look at: those that anybody returns to or is expected at. Where it can, the expiry of a job's
// last group of returns looks as well, behind the loads.
func (p *plan) planLooks() {
	if p.store.completer == nil {
		return
	}
	last := make(map[string]int32, len(p.groups))
	for i := range p.groups {
		last[p.groups[i].jid] = int32(i)
	}
	for _, l := range p.loads {
		if _, both := last[l.jid]; !both && len(l.minions) > 0 {
			last[l.jid] = -1
		}
	}
	p.looks = make([]look, 0, len(last))
	for jid, i := range last {
		if i >= 0 && p.pipes.conn.cluster == nil && p.groups[i].expiry != "0" {
			p.groups[i].look = true
			continue
		}
		p.looks = append(p.looks, look{jid: jid})
	}
}

// expireGroup lets a group's returns expire.
func (p *plan) expireGroup(ctx context.Context, g *group) *redis.Cmd {
	if !g.look {
		return redis.NewCmd(ctx, "evalsha", p.store.scripts.expire.Hash(), 1, &g.key, &g.expiry)
	}
	cmd := redis.NewCmd(ctx, "evalsha", p.store.scripts.look.Hash(), 2, p.text.join(jobPrefix, g.jid), &g.key, &g.expiry)
	p.looks = append(p.looks, look{jid: g.jid, cmd: cmd})
	return cmd
}

// queueLooks looks at the jobs that no group has looked at. Of one server it comes behind all writes of the pipeline.
func (p *plan) queueLooks(ctx context.Context) {
	if p.pipes.conn.cluster != nil {
		return
	}
	for i := range p.looks {
		if l := &p.looks[i]; l.cmd == nil {
			key := jobKey(l.jid)
			l.cmd = redis.NewCmd(ctx, "evalsha", p.store.scripts.look.Hash(), 2, key, retKey(l.jid), "0")
			p.pipes.add(ctx, key, l.cmd)
		}
	}
}

// looksMissing tells whether a server refused the script's digest.
func (p *plan) looksMissing() bool {
	for i := range p.looks {
		if cmd := p.looks[i].cmd; cmd != nil && missing(cmd.Err()) {
			return true
		}
	}
	return false
}

// lookApart looks at the jobs where each key has a server of its own, once all writes are confirmed.
func (s *Store) lookApart(ctx context.Context, c *connection, looks []look) {
	pipe := s.pipes(c)
	for i := range looks {
		l := &looks[i]
		l.cmd = redis.NewCmd(ctx, "evalsha", s.scripts.look.Hash(), 1, jobKey(l.jid), "0")
		l.returned = redis.NewIntCmd(ctx, "hlen", retKey(l.jid))
		pipe.add(ctx, jobKey(l.jid), l.cmd)
		pipe.add(ctx, retKey(l.jid), l.returned)
	}
	pipe.exec(ctx)
}

// due takes out of the looks the jobs that may be complete.
func (s *Store) due(ctx context.Context, c *connection, looks []look) (open []*completion, failed map[string]error, lost bool) {
	if c.cluster != nil {
		s.lookApart(ctx, c, looks)
	}
	failed = map[string]error{}
	for i := range looks {
		l := &looks[i]
		if err := l.err(); err != nil {
			failed[l.jid] = err
			lost = lost || missing(l.cmd.Err())
			continue
		}
		expected, returned, certain := l.counts()
		if expected == 0 || returned < expected {
			continue
		}
		d := &completion{jid: l.jid, expected: expected, returned: returned}
		if certain {
			d.stage = claiming
		} else {
			d.check.begin(s.completer.hints.of(c.target.key, l.jid))
		}
		open = append(open, d)
	}
	return open, failed, lost
}

// err is why the look saw nothing. A stranger's key among the job's is no such reason: nobody has returned to that.
func (l *look) err() error {
	err := classify(l.cmd.Err(), keyOfCompletion)
	if err == nil && l.returned != nil {
		if err = classify(l.returned.Err(), retPrefix); isWrongType(err) {
			err = nil
		}
	}
	return notYet(err)
}

// counts is zero where the job is not due. It is certain where the script has looked for each minion.
func (l *look) counts() (expected, returned int64, certain bool) {
	counts, ok := l.cmd.Val().([]any)
	if !ok || len(counts) == 0 { // the usual reply is a plain 0
		return 0, 0, false
	}
	expected, _ = counts[0].(int64)
	if l.returned != nil {
		return expected, l.returned.Val(), false
	}
	if len(counts) > 1 {
		returned, _ = counts[1].(int64)
	}
	return expected, returned, len(counts) > 2
}
