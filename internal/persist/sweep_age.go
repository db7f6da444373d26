package persist

import (
	"strconv"
	"time"

	"returnd/internal/job"
)

// outlived tells that a job is older than keep and grace, by its jid and the server's clock. Custom jids have no age.
func (w *sweep) outlived(jid string) bool {
	start, timed := job.JIDTime(jid)
	return timed && w.store.keep > 0 && start.Before(w.horizon())
}

// horizon is the start of the youngest job that may be removed.
func (w *sweep) horizon() time.Time { return w.now.Add(-w.store.keep - w.rules.Grace) }

// forgotten is when the youngest minion was last heard of that may be forgotten: not before its last job could be.
func (w *sweep) forgotten() time.Time {
	return w.now.Add(-max(w.rules.MinionKeep, w.store.keep+w.rules.Grace))
}

// expiryOf is what a job's key should have had from the beginning, in Unix seconds ("0": none). A custom jid does not say
// when its job began: it counts from now.
func (w *sweep) expiryOf(jid string) string {
	return w.store.expiryText(job.Start(jid, w.now), w.now)
}

// planFor says what a script may do with a job's key: "-" is to remove it, seconds are its expiry, "0" is nothing; a "?"
// in front says that the name alone does not prove the key to be a job's. kept is why it stays if nothing is to be done.
func (w *sweep) planFor(jid string, mayRemove bool) (plan, kept string) {
	_, timed := job.JIDTime(jid)
	switch {
	case mayRemove && w.old(jid):
		return planRemove, keptLoad
	case !timed && w.store.keep > 0:
		return planProve + w.expiryOf(jid), keptCustom
	case !timed:
		return planProve + planNothing, keptForEver
	case w.store.keep == 0:
		return planNothing, keptForEver
	}
	return w.expiryOf(jid), keptYoung
}

const (
	planRemove  = "-"
	planNothing = "0"
	planProve   = "?"
)

// hourOf is a start as a score of returnd/seen.
func hourOf(start time.Time) string {
	return strconv.FormatInt(start.Truncate(time.Hour).UnixMicro(), 10)
}
