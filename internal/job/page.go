package job

import (
	"errors"
	"time"
)

// ErrPageFull ends a reading by its reader's wish: the entry handed over was not taken, and the cursor that the reading
// then answers begins with it.
var ErrPageFull = errors.New("the page is full")

// Span bounds the starts of jobs; a zero time is no bound.
type Span struct {
	Since time.Time // starts at it count
	Until time.Time // starts at it do not
}

// Past is one job in a minion's history.
type Past struct{ JID, Fun string }

// Progress tells how far a job has come.
type Progress struct {
	// Known tells whether it is known whom the job was meant for. Without it Expected is 0 and Complete is false.
	Known    bool
	Expected int
	// Returned counts the minions that have returned, expected or not; Failed those among them that say they failed.
	Returned int
	Failed   int
	// Complete tells that every expected minion has returned.
	Complete bool
}
