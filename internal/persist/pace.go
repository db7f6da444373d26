package persist

const (
	// stepBytes is what one step of a reading should bring: the client library holds a whole reply in memory.
	stepBytes = 1 << 20
	// stepEntries bounds what one step makes the server do: half a millisecond.
	stepEntries = 512
	// firstStep is asked for while nothing is known of the sizes. A return may have a megabyte, so it is small; yet a job of
	// a few minions takes one round trip.
	firstStep = 8
	// stepGrowth bounds by how much a step is larger than all that its size was guessed from.
	stepGrowth = 4
)

// pace sizes the steps of a reading by what has come so far.
type pace struct {
	count          int64
	entries, bytes int64
}

func newPace() pace { return pace{count: firstStep} }

// add notes what a step has brought.
func (p *pace) add(entries, bytes int) {
	p.entries += int64(entries)
	p.bytes += int64(bytes)
	fit := int64(stepEntries)
	if p.bytes > 0 {
		fit = p.entries * stepBytes / p.bytes
	}
	p.count = min(max(fit, 1), stepGrowth*p.count, stepEntries)
}
