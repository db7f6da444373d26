package query

import (
	"context"
	"time"

	"returnd/internal/job"
)

// A reading that comes in entries begins at a cursor, or at the beginning where that is empty, and goes on until its
// yield fails. An error of yield that is job.ErrPageFull ends it without one: next is then the cursor that begins with
// the entry just refused. A reading that came to its end answers an empty cursor. Cursors hold on every worker; one that
// is no cursor, or that has become worthless, is a *job.Rejection.

// Reader gives back single jobs, and the list of them.
type Reader interface {
	// Returns hands over the job's returns, each minion once.
	Returns(ctx context.Context, profile, jid, cursor string, yield func(minion string, ret []byte) error) (next string, err error)
	// Load is nil where the job has none.
	Load(ctx context.Context, profile, jid string) ([]byte, error)
	// Jobs hands over every job within the span that has a load, newest first. A value of another type in a load's place
	// comes as something that is not JSON.
	Jobs(ctx context.Context, profile string, span job.Span, cursor string, yield func(jid string, load []byte) error) (next string, err error)
	// Progress counts a job's returns, and hands over the expected minions that have not returned.
	Progress(ctx context.Context, profile, jid string, missing func(minion string) error) (job.Progress, error)
	// EndTime is what SetEndTime was told of the job; empty where it was not.
	EndTime(ctx context.Context, profile, jid string) (string, error)
}

// FleetReader looks across jobs.
type FleetReader interface {
	// LastReturns hands over each minion's latest return of one function, a value of another type as Jobs does.
	LastReturns(ctx context.Context, profile, fun, cursor string, yield func(minion string, ret []byte) error) (next string, err error)
	Minions(ctx context.Context, profile, cursor string, yield func(id string) error) (next string, err error)
	// History is a minion's latest jobs, greatest jid first, no job twice, limit at most.
	History(ctx context.Context, profile, minion string, limit int) ([]job.Past, error)
}

// Writer keeps returns and loads.
type Writer interface {
	// Write answers per entry: nil only once it is kept.
	Write(ctx context.Context, entries []job.Entry) []error
	SaveMinions(ctx context.Context, profile, jid string, minions []string) error
	SetEndTime(ctx context.Context, profile, jid, text string) error
}

// Reserver makes a jid one caller's own.
type Reserver interface {
	// Now is the clock all replicas share.
	Now(ctx context.Context) (time.Time, error)
	// Reserve is false where the jid is taken.
	Reserve(ctx context.Context, profile, jid string) (bool, error)
}

// Store is all that the service needs. Its errors: a *job.Rejection where the request or the stored value is at
// fault, job.ErrUnavailable where a retry may help, anything else is unexpected. An unknown profile is the default one.
type Store interface {
	Reader
	FleetReader
	Writer
	Reserver
	Commander
}
