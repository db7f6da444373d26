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
	errs    []error

	returns   []int32    // the entries that are returns
	jobs      []jobWrite // one for each jid among them
	jobOf     []int32    // by position in returns
	pointers  []pointer  // the greatest of each minion and function
	pointerOf []int32    // by position in returns; -1 is none
	minions   []*string  // each once
	seen      []string   // by position in minions: start of the newest job, as a score
	minionOf  map[string]int32
	newest    []int64 // by position in minions: Unix microseconds
	loads     []*loadWrite

	shared         []shared1
	pointerScripts []*redis.Cmd
	historyScripts []*redis.Cmd

	withoutPointer, unknownProfiles int
	text                            slab
	now, reference                  time.Time
}

// jobWrite is one HSET and one expiry.
type jobWrite struct {
	jid, key, expiry string
	start            time.Time
	fields           int
	args             []any
	set, expire      *redis.IntCmd
}

// repeated tells that some of the job's returns were in Redis before.
func (w *jobWrite) repeated() bool { return w.set.Err() == nil && w.set.Val() < int64(w.fields) }

type pointer struct {
	key, jid string
	rank     job.Rank
	job      int32
}

// shared1 is a command on a key that all returns share.
type shared1 struct {
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
		returns: make([]int32, 0, n), jobOf: make([]int32, 0, n), pointerOf: make([]int32, 0, n),
		jobs: make([]jobWrite, 0, 64), pointers: make([]pointer, 0, n),
		minions: make([]*string, 0, n), newest: make([]int64, 0, n), minionOf: make(map[string]int32, n),
	}
	jobs, pointers := make(map[string]int32, 64), make(map[string]int32, n)
	for i := range entries {
		e := &entries[i]
		if e.Load != nil {
			p.addLoad(i, e)
			continue
		}
		p.addReturn(int32(i), e, jobs, pointers)
	}
	for i := range p.jobs {
		w := &p.jobs[i]
		w.expiry = strconv.FormatInt(s.expiry(w.start, p.now), 10)
	}
	return p
}

func (p *plan) addReturn(i int32, e *job.Entry, jobs, pointers map[string]int32) {
	r := &e.Return
	start := e.Start()
	p.returns = append(p.returns, i)
	p.jobOf = append(p.jobOf, p.addJob(jobs, r.JID, start))
	p.addMinion(r, start)
	p.pointerOf = append(p.pointerOf, p.addPointer(pointers, e))
	if r.Profile != "" {
		p.unknownProfiles++
	}
}

// addJob finds the job's write, anchored at the earliest start that any of its returns gives.
func (p *plan) addJob(jobs map[string]int32, jid string, start time.Time) int32 {
	if last := len(p.jobs) - 1; last >= 0 && p.jobs[last].jid == jid {
		p.jobs[last].add(start)
		return int32(last)
	}
	at, ok := jobs[jid]
	if !ok {
		at = int32(len(p.jobs))
		jobs[jid] = at
		p.jobs = append(p.jobs, jobWrite{jid: jid, key: p.text.join(retPrefix, jid), start: start})
	}
	p.jobs[at].add(start)
	return at
}

func (w *jobWrite) add(start time.Time) {
	w.fields++
	if start.Before(w.start) {
		w.start = start
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
		rank: job.RankOf(r.JID, e.Published), job: p.jobOf[len(p.jobOf)-1],
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
