package torture

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// tolerance says how far apart two moments may be. What floats is anchored at a moment of the pass itself, its
// publishing or its writing: there the time between the passes is added.
type tolerance struct {
	apart    time.Duration
	drift    time.Duration
	floating func(jid string) bool
	// heard is how much later than in the orderly pass messages were published again. returnd/seen says when a minion
	// was last heard of; by a copy of a custom job's return it is heard of later, and rightly so. A history list, which
	// many jobs share, keeps the anchor of a copy that overtook the first message: nothing tells it that there was an
	// earlier one. Both are bounded by this.
	heard time.Duration
}

// allows is the limit for a key and its value.
func (l tolerance) allows(key string, v value) time.Duration {
	switch {
	case !slices.ContainsFunc(jidsOf(key, v), l.floating):
		return l.apart
	case strings.HasPrefix(key, historyPrefix):
		return l.apart + l.drift + l.heard
	}
	return l.apart + l.drift
}

// jidsOf lists the jobs from which a key has its expiry.
func jidsOf(key string, v value) []string {
	for _, prefix := range []string{"ret:", "load:", "returnd/job:"} {
		if jid, ok := strings.CutPrefix(key, prefix); ok {
			return []string{jid}
		}
	}
	if !strings.HasPrefix(key, historyPrefix) {
		return []string{v.text}
	}
	var jids []string
	for _, entry := range v.members {
		jid, _, _ := strings.Cut(entry, "\t")
		jids = append(jids, jid)
	}
	return jids
}

// differences lists what two keyspaces do not agree on.
func differences(want, got keyspace, limit tolerance) []string {
	var faults []string
	for _, key := range slices.Sorted(maps.Keys(want)) {
		g, ok := got[key]
		if !ok {
			faults = append(faults, fmt.Sprintf("%q is missing", key))
			continue
		}
		if fault := want[key].differs(key, g, limit); fault != "" {
			faults = append(faults, fmt.Sprintf("%q: %s", key, fault))
		}
	}
	for _, key := range slices.Sorted(maps.Keys(got)) {
		if _, ok := want[key]; !ok {
			faults = append(faults, fmt.Sprintf("%q is there and should not be", key))
		}
	}
	return faults
}

func (v value) differs(key string, got value, limit tolerance) string {
	switch {
	case v.kind != got.kind:
		return fmt.Sprintf("is a %s, want %s", got.kind, v.kind)
	case v.text != got.text:
		return fmt.Sprintf("is %q, want %q", got.text, v.text)
	case !maps.Equal(v.fields, got.fields):
		return fmt.Sprintf("holds %q, want %q", got.fields, v.fields)
	case !slices.Equal(v.members, got.members):
		return fmt.Sprintf("holds %q, want %q", got.members, v.members)
	case v.expires.IsZero() != got.expires.IsZero() || v.expires.Sub(got.expires).Abs() > limit.allows(key, v):
		return fmt.Sprintf("expires %v, want %v (%v apart)", got.expires, v.expires, got.expires.Sub(v.expires))
	}
	return v.scoresDiffer(key, got, limit)
}

// scoresDiffer compares sorted sets: their scores are starts of jobs in microseconds. returnd/seen holds hours, which
// two moments may fall on either side of.
func (v value) scoresDiffer(key string, got value, limit tolerance) string {
	if len(v.scores) != len(got.scores) {
		return fmt.Sprintf("holds %v, want %v", got.scores, v.scores)
	}
	for member, score := range v.scores {
		other, ok := got.scores[member]
		apart := time.Duration(score-other) * time.Microsecond
		allowed := time.Duration(0)
		if key == "returnd/jobs" && limit.floating(member) {
			allowed = limit.allows(key, value{text: member})
		}
		if key == "returnd/seen" && (limit.heard > 0 || acrossAnHour(score, other, limit.drift)) {
			allowed = limit.heard.Truncate(time.Hour) + time.Hour
		}
		if !ok || apart.Abs() > allowed {
			return fmt.Sprintf("%q has score %s, want %s", member, number(other), number(score))
		}
	}
	return ""
}

// acrossAnHour tells that the later of two hours began just now: the passes lay around it.
func acrossAnHour(a, b float64, drift time.Duration) bool {
	began := time.UnixMicro(int64(max(a, b)))
	return time.Since(began) < drift+time.Minute
}

func number(score float64) string { return strconv.FormatFloat(score, 'f', -1, 64) }
