package job

import "time"

// Database is one database of one profile's Redis.
type Database struct {
	Profile string `json:"profile"` // "" is the default target
	DB      int    `json:"db"`      // NoDB is the configured one
}

// SweepRules say what a sweep may remove. The store adds the rule that no switch changes: a job that is not older than
// its keep, or whose load is there at the moment of deletion, stays.
type SweepRules struct {
	// Grace is added to a job's keep before anything of it is removed.
	Grace time.Duration
	// MinionKeep is after how long without a job a minion is forgotten; 0 is never.
	MinionKeep time.Duration
	// Rate is how many keys are looked at a second; 0 is as fast as it goes.
	Rate int
	// DryRun counts and removes nothing.
	DryRun bool

	Returns   bool // ret:<jid> of old jobs without a load; those without a TTL get one
	Loads     bool // load:<jid> written by others without a TTL: old ones are removed, others get a TTL
	Pointers  bool // <minion>:<fun> without a TTL, or to a job that is gone
	Minions   bool // members of minions and returnd/seen that were not heard of for MinionKeep
	Histories bool // entries of jobs that are gone
	Index     bool // entries of returnd/jobs whose load is gone; loads of others are added
}

// SweepKind is a kind of thing that a sweep looks at.
type SweepKind string

// The kinds, each under its name in reports, metrics and replies.
const (
	SweepReturns   SweepKind = "returns"
	SweepLoads     SweepKind = "loads"
	SweepPointers  SweepKind = "pointers"
	SweepMinions   SweepKind = "minions"
	SweepHistories SweepKind = "histories"
	SweepIndex     SweepKind = "index"
)

// SweepCount is what became of the things of one kind.
type SweepCount struct {
	Looked  int64 `json:"looked"`
	Removed int64 `json:"removed"`
	// Mended counts those that were kept and given what they lacked: a TTL, a place in the index.
	Mended int64 `json:"mended"`
	// Kept counts those that stayed as they were, by the reason.
	Kept map[string]int64 `json:"kept,omitempty"`
}

// SweepReport is what a sweep has done so far.
type SweepReport struct {
	// Keys counts all keys that were scanned, those of no concern included.
	Keys int64 `json:"keys"`
	// Of is told by kind.
	Of map[SweepKind]*SweepCount `json:"of,omitempty"`
}

// Count is the counter of a kind, made where there is none yet.
func (r *SweepReport) Count(kind SweepKind) *SweepCount {
	if r.Of == nil {
		r.Of = map[SweepKind]*SweepCount{}
	}
	if r.Of[kind] == nil {
		r.Of[kind] = &SweepCount{}
	}
	return r.Of[kind]
}

// Keep counts one thing that stays, and why.
func (c *SweepCount) Keep(reason string) {
	if c.Kept == nil {
		c.Kept = map[string]int64{}
	}
	c.Kept[reason]++
}

// Add sums another report up with this one.
func (r *SweepReport) Add(o SweepReport) {
	r.Keys += o.Keys
	for kind, other := range o.Of {
		c := r.Count(kind)
		c.Looked, c.Removed, c.Mended = c.Looked+other.Looked, c.Removed+other.Removed, c.Mended+other.Mended
		for reason, n := range other.Kept {
			if c.Kept == nil {
				c.Kept = map[string]int64{}
			}
			c.Kept[reason] += n
		}
	}
}
