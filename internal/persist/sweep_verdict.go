package persist

import "returnd/internal/job"

// verdict is what became of one thing: the numbers of verdict.lua.
type verdict int64

const (
	isGone     verdict = iota // meanwhile, or it has changed meanwhile
	isForeign                 // of another type, or not what its name says
	hasLoad                   // its load is there
	isExpiring                // it ends by itself soon enough
	isRemoved
	isMended
	isStaying // there is nothing to do; the caller knows why
	hasJobs   // a minion's jobs are there
)

// Why something stays, as reports tell it.
const (
	keptYoung    = "young"        // not older than keep and grace
	keptCustom   = "custom_jid"   // only time jids are removed by age
	keptForEver  = "kept_forever" // keep_jobs_seconds is 0
	keptLoad     = "load"         // its load is there
	keptReturn   = "return"       // its return is there
	keptJobs     = "jobs"         // it still has jobs
	keptExpiring = "expiring"     // it expires by itself
	keptIndexed  = "indexed"      // it is in the index already
	keptForeign  = "foreign_type" // of another type, or not what its name says: a stranger's
	keptChanged  = "changed"      // it went or changed under the sweep's hands
)

var reasons = map[verdict]string{
	isGone: keptChanged, isForeign: keptForeign, hasLoad: keptLoad, isExpiring: keptExpiring, hasJobs: keptJobs,
}

// count notes what became of one thing; kept is why, where there was nothing to do.
func (w *sweep) count(kind job.SweepKind, v verdict, kept string) {
	c := w.report.Count(kind)
	c.Looked++
	switch v {
	case isRemoved:
		c.Removed++
	case isMended:
		c.Mended++
	case isStaying:
		c.Keep(kept)
	default:
		c.Keep(reasons[v])
	}
}
