package main

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"returnd/internal/job"
)

// fleet simulates minions behind a Salt master: which jobs there are, who answers, when, and what. It does no I/O; the
// same seed gives the same jobs and answers, but for what is made of the time.
type fleet struct {
	rng     *rand.Rand
	minions []string
	// down never answer.
	down map[string]bool
	jobs int
}

// The fates of a return, in parts of a hundred; one minion in downShare is down for good.
const (
	lateShare  = 3
	downShare  = 60
	failShare  = 4
	quickest   = 20 * time.Millisecond
	slowest    = 700 * time.Millisecond
	soonestOff = 2 * time.Second // of the late ones
	latestOff  = 6 * time.Second
)

func newFleet(size int, seed uint64) *fleet {
	f := &fleet{rng: rand.New(rand.NewPCG(seed, seed)), down: map[string]bool{}} //nolint:gosec // a simulated fleet, repeatable by its seed
	// Globs like web* pick a role.
	roles, sites := []string{"web", "web", "app", "db", "cache"}, []string{"fra", "ams", "sin"}
	for i := range size {
		role := roles[i%len(roles)]
		f.minions = append(f.minions, fmt.Sprintf("%s%03d.%s.example.com", role, i, sites[i%len(sites)]))
	}
	for range max(1, size/downShare) {
		f.down[f.minions[f.rng.IntN(size)]] = true
	}
	return f
}

// plan is one job: what is published, and what will come back.
type plan struct {
	jid, fun, target string
	load             []byte
	expected         int
	returns          []plannedReturn // by time
}

// plannedReturn comes so long after the load.
type plannedReturn struct {
	after  time.Duration
	late   bool
	minion string
	body   []byte
}

// plan makes the next job. The kinds take turns.
func (f *fleet) plan(jid string) plan {
	all := kinds()
	kind := all[f.jobs%len(all)]
	f.jobs++
	targets := f.match(kind.target)
	p := plan{jid: jid, fun: kind.shownFun(), target: kind.target, load: kind.load(jid, targets), expected: len(targets)}
	for _, minion := range targets {
		if f.down[minion] {
			continue
		}
		r := plannedReturn{after: f.between(quickest, slowest), minion: minion}
		if f.chance(lateShare) {
			r.late, r.after = true, f.between(soonestOff, latestOff)
		}
		r.body = kind.ret(f, jid, minion, f.chance(failShare))
		p.returns = append(p.returns, r)
	}
	slices.SortFunc(p.returns, func(a, b plannedReturn) int { return int(a.after - b.after) })
	return p
}

// match finds the minions that a glob with one star at its end means.
func (f *fleet) match(glob string) []string {
	var found []string
	for _, minion := range f.minions {
		if strings.HasPrefix(minion, strings.TrimSuffix(glob, "*")) {
			found = append(found, minion)
		}
	}
	return found
}

func (f *fleet) chance(share int) bool { return f.rng.IntN(100) < share }

func (f *fleet) between(low, high time.Duration) time.Duration {
	return low + time.Duration(f.rng.Int64N(int64(high-low)))
}

// The builders of JSON as Python writes it: `", "` and `": "` between, names in the order given.

func pyString(s string) string { return string(job.AppendString(nil, s)) }

// pyObject takes names and raw values in turn.
func pyObject(members ...string) string {
	var b strings.Builder
	for i := 0; i < len(members); i += 2 {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(pyString(members[i]) + ": " + members[i+1])
	}
	return "{" + b.String() + "}"
}

func pyList(values ...string) string { return "[" + strings.Join(values, ", ") + "]" }

func pyStrings(texts []string) string {
	values := make([]string, len(texts))
	for i, text := range texts {
		values[i] = pyString(text)
	}
	return pyList(values...)
}

// pyStamp is Salt's _stamp: UTC in Python's isoformat.
func pyStamp(t time.Time) string {
	return pyString(t.UTC().Format("2006-01-02T15:04:05.000000"))
}
