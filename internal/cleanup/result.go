package cleanup

import (
	"encoding/json"
	"time"

	"returnd/internal/job"
)

// Result is what a sweep has done. Times are those of the Redis server.
type Result struct {
	// Running tells that the sweep goes on: the numbers are those so far.
	Running bool `json:"running,omitempty"`
	// DryRun tells that nothing was removed: Removed and Mended are what a sweep would have done.
	DryRun bool `json:"dry_run,omitempty"`
	// Profile is the only one that was swept; without it, all were.
	Profile string `json:"profile,omitempty"`
	// By and Token are those of the lease.
	By    string `json:"by"`
	Token int64  `json:"token"`
	// Takeovers counts how often another went on where the holder of the lease was lost or stopped.
	Takeovers int       `json:"takeovers,omitempty"`
	Started   time.Time `json:"started"`
	Finished  time.Time `json:"finished,omitzero"`
	Seconds   float64   `json:"seconds"`
	// Next is when the next sweep is due; zero is when somebody asks for one.
	Next time.Time `json:"next,omitzero"`
	// Error says what could not be swept.
	Error string `json:"error,omitempty"`

	// The sums over all kinds.
	Looked  int64            `json:"looked"`
	Removed int64            `json:"removed"`
	Mended  int64            `json:"mended"`
	Kept    map[string]int64 `json:"kept,omitempty"`

	job.SweepReport
}

// sum adds the kinds up.
func (r *Result) sum() {
	r.Looked, r.Removed, r.Mended, r.Kept = 0, 0, 0, nil
	for _, c := range r.Of {
		r.Looked, r.Removed, r.Mended = r.Looked+c.Looked, r.Removed+c.Removed, r.Mended+c.Mended
		for reason, n := range c.Kept {
			if r.Kept == nil {
				r.Kept = map[string]int64{}
			}
			r.Kept[reason] += n
		}
	}
}

// with is the result with a report of its own, summed up. Whoever made the report may go on counting in it.
func (r Result) with(parts ...job.SweepReport) Result {
	r.SweepReport = job.SweepReport{}
	for _, part := range parts {
		r.Add(part)
	}
	r.sum()
	return r
}

// place is where an unfinished sweep stands, for whoever goes on with it.
type place struct {
	Result
	// Database and Cursor are what the store is to go on from.
	Database job.Database `json:"database"`
	Cursor   string       `json:"cursor"`
}

// keepPlace is how long that is worth going on from: after it, what was looked at first may be due again.
const keepPlace = 24 * time.Hour

// encode writes a place or a result; they hold nothing that JSON has no form for.
func encode(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		return ""
	}
	return string(text)
}

// decode reads one; what cannot be read is as good as not there.
func decode[T any](text string) *T {
	value := new(T)
	if text == "" || json.Unmarshal([]byte(text), value) != nil {
		return nil
	}
	return value
}
