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
	pipes   *pipes
	entries []job.Entry
	now     time.Time

	returns  []int32          // the entries that are returns
	groups   []group          // their jobs, a bounded number of returns each
	minions  []*string        // each once
	minionOf map[string]int32 // its position in minions
	minionAt []int32          // by position in returns: the minion's position in minions
	earlier  []int32          // by position in returns: the minion's return before, or -1
	latest   []int32          // by position in minions: its latest return
	groupAt  []int32          // by position in returns: its group
	newest   []int64          // by position in minions: hour of the newest start, Unix microseconds
	loads    []*loadWrite
	loadOf   map[string]*loadWrite // by jid

	shared  []sharedWrite
	records []record
	apart   []apart // on a cluster, instead of records
	looks   []look  // at the jobs of returns and loads

	withoutPointer, unknownProfiles int
	text                            slab
}

// group is returns of one job: one HSET, one expiry.
type group struct {
	groupKey
	key     string
	rank    job.Rank // by the stream's time of the first
	expiry  string
	late    bool
	look    bool    // whether the job is complete is looked at with the expiry
	members []int32 // positions in returns
	bytes   int
	set     *redis.IntCmd
	expire  *redis.Cmd
}

const (
	// returnsPerGroup and bytesPerGroup bound what one HSET has the server do, and one transaction.
	returnsPerGroup = 256
	bytesPerGroup   = 1 << 20
)

func (g *group) fits(r *job.Return) bool {
	return len(g.members) < returnsPerGroup && g.bytes+len(r.Body) <= bytesPerGroup
}

// groupKey is what the returns of a group have in common. The start is among it: returns of a job with a custom jid each
// have their own, and what shares a batch must not show in their expiries.
type groupKey struct {
	jid   string
	start int64 // Unix seconds
	again bool  // the batch holds another return of the job by the same minion
}

func (g *group) add(position int32, r *job.Return) {
	g.members = append(g.members, position)
	g.bytes += len(r.Body)
}

// repeated tells that some of the group's returns were in Redis before.
func (g *group) repeated() int { return len(g.members) - int(g.set.Val()) }

// record is one call of the record script.
type record struct {
	members []int32 // positions in returns
	cmd     *redis.Cmd
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

func newPlan(s *Store, entries []job.Entry) *plan {
	n := len(entries)
	p := &plan{
		store: s, entries: entries, now: s.clock.now(),
		returns: make([]int32, 0, n), groups: make([]group, 0, 64), loadOf: map[string]*loadWrite{},
		minions: make([]*string, 0, n), newest: make([]int64, 0, n), minionOf: make(map[string]int32, n),
		minionAt: make([]int32, 0, n), earlier: make([]int32, 0, n), latest: make([]int32, 0, n), groupAt: make([]int32, 0, n),
		text: slab{make([]byte, 0, 96*n)},
	}
	groups := make(map[groupKey]int32, 64)
	for i := range entries {
		e := &entries[i]
		if e.Load != nil {
			p.addLoad(i, e)
			continue
		}
		p.addReturn(int32(i), e, groups)
	}
	for i := range p.groups {
		g := &p.groups[i]
		at, late := s.expiry(time.Unix(g.start, 0), p.now)
		g.expiry, g.late = strconv.FormatInt(at, 10), late
	}
	return p
}

func (p *plan) addReturn(i int32, e *job.Entry, groups map[groupKey]int32) {
	r := &e.Return
	start := e.Start()
	p.returns = append(p.returns, i)
	p.addMinion(r, start)
	p.addToGroup(groups, e, start)
	if !r.HasPointer() {
		p.withoutPointer++
	}
	if _, known := p.store.configured(r.Profile); !known {
		p.unknownProfiles++
	}
}

// addToGroup finds the group of a return: the last one, mostly.
func (p *plan) addToGroup(groups map[groupKey]int32, e *job.Entry, start time.Time) {
	r := &e.Return
	after := p.twin(r)
	key := groupKey{r.JID, start.Unix(), after >= 0}
	at := int32(len(p.groups)) - 1
	if !p.takes(at, key, after, r) {
		var known bool
		if at, known = groups[key]; !known || !p.takes(at, key, after, r) {
			at = int32(len(p.groups))
			groups[key] = at
			p.groups = append(p.groups, group{groupKey: key, key: p.text.join(retPrefix, r.JID), rank: job.RankOf(r.JID, e.Published)})
		}
	}
	p.groups[at].add(int32(len(p.returns))-1, r)
	p.groupAt = append(p.groupAt, at)
}

// takes tells whether a group takes a return in. One that comes again must not be written before the earlier one.
func (p *plan) takes(at int32, key groupKey, after int32, r *job.Return) bool {
	return at >= max(after, 0) && p.groups[at].groupKey == key && p.groups[at].fits(r)
}

// twin is the group of an earlier return of the same job by the minion of the latest return, or -1. Where it would take
// long to find out it is any one: that costs a search of the history, no more.
func (p *plan) twin(r *job.Return) int32 {
	position := int32(len(p.returns)) - 1
	for range 64 {
		if position = p.earlier[position]; position < 0 {
			return -1
		}
		if p.returnAt(position).JID == r.JID {
			return p.groupAt[position]
		}
	}
	return int32(len(p.groups))
}

// addMinion notes when the minion was last heard of, to the hour: most updates of returnd/seen then change nothing.
func (p *plan) addMinion(r *job.Return, start time.Time) {
	hour := start.Truncate(time.Hour).UnixMicro()
	position := int32(len(p.returns)) - 1
	at, known := p.minionOf[r.Minion]
	if !known {
		at = int32(len(p.minions))
		p.minionOf[r.Minion] = at
		p.minions, p.newest, p.latest = append(p.minions, &r.Minion), append(p.newest, hour), append(p.latest, -1)
	}
	p.newest[at] = max(p.newest[at], hour)
	p.minionAt, p.earlier = append(p.minionAt, at), append(p.earlier, p.latest[at])
	p.latest[at] = position
}

func (p *plan) returnAt(position int32) *job.Return { return &p.entries[p.returns[position]].Return }
