package persist

import (
	"strconv"
	"time"
	"unsafe"

	"github.com/redis/go-redis/v9"

	"returnd/internal/job"
)

// plan is a batch collapsed: what is to be written, and which entry waits for what.
type plan struct {
	store   *Store
	target  *target
	entries []job.Entry
	now     time.Time

	returns   []int32          // the entries that are returns
	groups    []group          // returns of one job and function, a bounded number together
	groupOf   []int32          // by position in returns
	pointers  []pointer        // the greatest of each minion and function
	pointerOf []int32          // by position in returns; -1 is none
	minions   []*string        // each once
	minionOf  map[string]int32 // its position in minions
	newest    []int64          // by position in minions: hour of the newest start, Unix microseconds
	loads     []*loadWrite

	shared         []sharedWrite
	pointerScripts []*redis.Cmd

	repeated, withoutPointer, unknownProfiles int
	text                                      slab
}

// group is what one call of the store script writes.
type group struct {
	jid, key, entry string
	start           time.Time
	expiry          string
	late            bool
	members         []int32 // positions in returns
	bytes           int
	script          *redis.Cmd
}

func (g *group) full() bool { return len(g.members) >= keysPerScript || g.bytes >= bytesPerScript }

type pointer struct {
	key, jid string
	rank     job.Rank
	group    int32
}

// sharedWrite is a command on a key that all returns share.
type sharedWrite struct {
	cmd redis.Cmder
	key string
}

// slab holds the texts made for one batch in few allocations. What was handed out is never changed: append only.
type slab struct{ buf []byte }

func (s *slab) join(parts ...string) string {
	from := len(s.buf)
	for _, p := range parts {
		s.buf = append(s.buf, p...)
	}
	return text(s.buf[from:])
}

// text views bytes that are never changed as a string, without a copy.
func text(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

func newPlan(s *Store, t *target, entries []job.Entry) *plan {
	n := len(entries)
	p := &plan{
		store: s, target: t, entries: entries, now: s.clock.now(),
		returns: make([]int32, 0, n), groupOf: make([]int32, 0, n), pointerOf: make([]int32, 0, n),
		groups: make([]group, 0, 64), pointers: make([]pointer, 0, n),
		minions: make([]*string, 0, n), newest: make([]int64, 0, n), minionOf: make(map[string]int32, n),
	}
	groups, pointers := make(map[string]int32, 64), make(map[string]int32, n)
	for i := range entries {
		e := &entries[i]
		if e.Load != nil {
			p.addLoad(i, e)
			continue
		}
		p.addReturn(int32(i), e, groups, pointers)
	}
	for i := range p.groups {
		g := &p.groups[i]
		at, late := s.expiry(g.start, p.now)
		g.expiry, g.late = strconv.FormatInt(at, 10), late
	}
	return p
}

func (p *plan) addReturn(i int32, e *job.Entry, groups, pointers map[string]int32) {
	r := &e.Return
	start := e.Start()
	p.returns = append(p.returns, i)
	p.groupOf = append(p.groupOf, p.addToGroup(groups, r, start))
	p.addMinion(r, start)
	p.pointerOf = append(p.pointerOf, p.addPointer(pointers, e))
	if r.Profile != "" {
		p.unknownProfiles++
	}
}

// addToGroup finds the group of a return, anchored at the earliest start that any of its returns gives.
func (p *plan) addToGroup(groups map[string]int32, r *job.Return, start time.Time) int32 {
	at := int32(len(p.groups)) - 1
	if at < 0 || !p.groups[at].takes(r) {
		entry := p.text.join(r.JID, "\t", r.Fun)
		var known bool
		if at, known = groups[entry]; !known || p.groups[at].full() {
			at = int32(len(p.groups))
			groups[entry] = at
			p.groups = append(p.groups, group{jid: r.JID, key: p.text.join(retPrefix, r.JID), entry: entry, start: start})
		}
	}
	p.groups[at].add(int32(len(p.returns))-1, r, start)
	return at
}

// takes tells that a return belongs here, and still fits. The entry ends with the function.
func (g *group) takes(r *job.Return) bool {
	return g.jid == r.JID && g.entry[len(g.jid)+1:] == r.Fun && !g.full()
}

func (g *group) add(position int32, r *job.Return, start time.Time) {
	g.members = append(g.members, position)
	g.bytes += len(r.Body)
	if start.Before(g.start) {
		g.start = start
	}
}

// addMinion notes when the minion was last heard of, to the hour: most updates of returnd/seen then change nothing.
func (p *plan) addMinion(r *job.Return, start time.Time) {
	hour := start.Truncate(time.Hour).UnixMicro()
	if at, ok := p.minionOf[r.Minion]; ok {
		p.newest[at] = max(p.newest[at], hour)
		return
	}
	p.minionOf[r.Minion] = int32(len(p.minions))
	p.minions = append(p.minions, &r.Minion)
	p.newest = append(p.newest, hour)
}

// addPointer keeps the greatest jid of each minion and function.
func (p *plan) addPointer(pointers map[string]int32, e *job.Entry) int32 {
	r := &e.Return
	if !r.HasPointer() {
		p.withoutPointer++
		return -1
	}
	c := pointer{
		key: p.text.join(r.Minion, ":", r.Fun), jid: r.JID,
		rank: job.RankOf(r.JID, e.Published), group: p.groupOf[len(p.groupOf)-1],
	}
	at, ok := pointers[c.key]
	if !ok {
		at = int32(len(p.pointers))
		pointers[c.key] = at
		p.pointers = append(p.pointers, c)
	} else if p.pointers[at].rank.Less(c.rank) {
		p.pointers[at] = c
	}
	return at
}
