package query

import (
	"context"
	"time"

	"returnd/internal/job"
)

// Reader gives back single jobs, and the list of them.
type Reader interface {
	// Returns hands over the job's returns, each minion once, and stops at yield's error.
	Returns(ctx context.Context, profile, jid string, yield func(minion string, ret []byte) error) error
	// Load is nil where the job has none.
	Load(ctx context.Context, profile, jid string) ([]byte, error)
	// Jobs hands over every job that has a load, newest first.
	Jobs(ctx context.Context, profile string, yield func(jid string, load []byte) error) error
}

// FleetReader looks across jobs.
type FleetReader interface {
	// LastReturns hands over each minion's latest return of one function.
	LastReturns(ctx context.Context, profile, fun string, yield func(minion string, ret []byte) error) error
	Minions(ctx context.Context, profile string, yield func(id string) error) error
}

// Writer keeps returns and loads.
type Writer interface {
	// Write answers per entry: nil only once it is kept.
	Write(ctx context.Context, entries []job.Entry) []error
	SaveMinions(ctx context.Context, profile, jid string, minions []string) error
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
}
