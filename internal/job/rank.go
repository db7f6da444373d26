package job

import "time"

// Horizon is how far ahead of the stream's timestamp a time jid may lie and still count as one. A day covers clocks and time zones set
// wrong; beyond it, a single jid of the year 9999 would pin a pointer for ever.
const Horizon = 24 * time.Hour

// Rank orders jids: a time jid beats a custom one, otherwise text decides, byte by byte. The zero value is the lowest.
type Rank struct {
	timed bool
	text  string
}

// RankOf judges a jid at an instant, the stream's timestamp of the message being written: a time jid more than [Horizon] ahead of it counts
// as custom. Both sides of a comparison must be judged by the same reference.
func RankOf(jid string, reference time.Time) Rank {
	t, ok := JIDTime(jid)
	return Rank{timed: ok && !t.After(reference.Add(Horizon)), text: jid}
}

// Timed tells whether the jid counts as a time jid.
func (r Rank) Timed() bool { return r.timed }

// Less tells whether r comes before o.
func (r Rank) Less(o Rank) bool {
	if r.timed != o.timed {
		return o.timed
	}
	return r.text < o.text
}
