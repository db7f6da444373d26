package torture

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"returnd/internal/job"
)

// known is what the publisher of a return or load knows: its bytes, and whether the stream acknowledged it. Without
// an acknowledgement it may be there or not.
type known struct {
	fun, body string
	acked     bool
}

// oracle is what all publishers know together.
type oracle struct {
	mu      sync.Mutex
	returns map[string]map[string]known // by jid and minion
	loads   map[string]known            // by jid
}

func newOracle() *oracle {
	return &oracle{returns: map[string]map[string]known{}, loads: map[string]known{}}
}

// note records the outcome of publishing a message.
func (o *oracle) note(m message, acked bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if m.minion == "" {
		o.loads[m.jid] = known{body: m.body, acked: acked}
		return
	}
	if o.returns[m.jid] == nil {
		o.returns[m.jid] = map[string]known{}
	}
	r, err := job.ParseReturn([]byte(m.body))
	if err != nil {
		panic(err) // the load generator's own fault
	}
	o.returns[m.jid][m.minion] = known{r.Fun, m.body, acked}
}

// inquiry is one look of the oracle at a keyspace.
type inquiry struct {
	keys    keyspace
	now     time.Time
	faults  []string
	checked map[string]bool // keys that there is a reason for

	pointers  map[string]string   // pointer key: the greatest jid stored
	histories map[string][]string // minion: its entries, of all returns stored
	minions   []string
	jobs      []string
}

// faults lists everything in a keyspace that contradicts what the publishers know. limit is the length up to which a
// history must be complete.
func (o *oracle) faults(keys keyspace, now time.Time, limit int) []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	q := &inquiry{
		keys: keys, now: now, checked: map[string]bool{},
		pointers: map[string]string{}, histories: map[string][]string{},
	}
	for jid, returns := range o.returns {
		q.job(jid, returns)
	}
	for jid, load := range o.loads {
		q.load(jid, load)
	}
	q.checkPointers()
	q.checkHistories(limit)
	q.checkIndexes()
	q.checkRest()
	slices.Sort(q.faults)
	return q.faults
}

func (q *inquiry) fault(format string, args ...any) {
	q.faults = append(q.faults, fmt.Sprintf(format, args...))
}

// job compares the returns of a job: acknowledged ones are there, others there or not, all byte for byte.
func (q *inquiry) job(jid string, returns map[string]known) {
	key := "ret:" + jid
	stored := q.keys[key].fields
	for minion, want := range returns {
		got, ok := stored[minion]
		switch {
		case !ok && want.acked:
			q.fault("lost: %s of %s was acknowledged", key, minion)
		case ok && got != want.body:
			q.fault("altered: %s of %s", key, minion)
		}
		if ok {
			q.stored(jid, minion, want.fun)
		}
	}
	for minion := range stored {
		if _, ok := returns[minion]; !ok {
			q.fault("invented: %s of %s", key, minion)
		}
	}
	q.expires(key, "hash")
}

// stored notes what a return that is there must have left beside it.
func (q *inquiry) stored(jid, minion, fun string) {
	pointer := minion + ":" + fun
	if old, ok := q.pointers[pointer]; !ok || job.RankOf(old, q.now).Less(job.RankOf(jid, q.now)) {
		q.pointers[pointer] = jid
	}
	q.histories[minion] = append(q.histories[minion], jid+"\t"+fun)
}

func (q *inquiry) load(jid string, want known) {
	key := "load:" + jid
	got, ok := q.keys[key]
	switch {
	case !ok && want.acked:
		q.fault("lost: %s was acknowledged", key)
	case ok && got.text != want.body:
		q.fault("altered: %s", key)
	case ok:
		q.jobs = append(q.jobs, jid)
		q.expires("returnd/job:"+jid, "hash")
	}
	q.expires(key, "string")
}

func (q *inquiry) checkPointers() {
	for key, want := range q.pointers {
		if got := q.keys[key].text; got != want {
			q.fault("pointer: %s is %q, want %q", key, got, want)
		}
		q.expires(key, "string")
	}
}

// checkHistories demands each job once; beyond the limit a list may have been cut, so there it has at least as many.
func (q *inquiry) checkHistories(limit int) {
	for minion, want := range q.histories {
		q.minions = append(q.minions, minion)
		key := historyPrefix + minion
		got := q.keys[key].members
		distinct := slices.Compact(slices.Clone(got))
		if len(distinct) != len(got) {
			q.fault("history: %s holds %d entries twice", key, len(got)-len(distinct))
		}
		slices.Sort(want)
		missing := slices.DeleteFunc(slices.Clone(want), func(e string) bool { _, ok := slices.BinarySearch(distinct, e); return ok })
		if len(want) <= limit && len(missing) > 0 || len(distinct) < min(limit, len(want)) {
			q.fault("history: %s lacks %d of %d entries", key, len(missing), len(want))
		}
		if invented := len(distinct) - (len(want) - len(missing)); invented > 0 {
			q.fault("history: %s holds %d entries that no return has left", key, invented)
		}
		q.expires(key, "list")
	}
}

// checkIndexes looks at the keys that all jobs share: they never expire.
func (q *inquiry) checkIndexes() {
	slices.Sort(q.minions)
	slices.Sort(q.jobs)
	for key, want := range map[string][]string{"minions": q.minions, "returnd/seen": q.minions, "returnd/jobs": q.jobs} {
		q.checked[key] = true
		v := q.keys[key]
		got := slices.Concat(v.members, slices.Sorted(maps.Keys(v.scores)))
		if !slices.Equal(got, want) {
			q.fault("index: %s holds %d, want %d, or others", key, len(got), len(want))
		}
		if !v.expires.IsZero() {
			q.fault("expiry: %s expires", key)
		}
	}
}

// expires demands of a key, if it is there, its type and 0 < TTL ≤ keep.
func (q *inquiry) expires(key, kind string) {
	q.checked[key] = true
	v, ok := q.keys[key]
	if !ok {
		return
	}
	if v.kind != kind {
		q.fault("type: %s is a %s, want %s", key, v.kind, kind)
	}
	// Expiries are whole seconds; a second more is the rounding.
	if ttl := v.expires.Sub(q.now); v.expires.IsZero() || ttl <= 0 || ttl > keep+time.Second {
		q.fault("expiry: %s expires %v (in %v), want within %v", key, v.expires, ttl, keep)
	}
}

func (q *inquiry) checkRest() {
	for key := range q.keys {
		if !q.checked[key] {
			q.fault("foreign: %s", strings.ToValidUTF8(key, "?"))
		}
	}
}
