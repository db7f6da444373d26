package query

import (
	"context"
	"errors"
	"time"
)

// Cleaner removes what is left of old jobs.
type Cleaner interface {
	// CleanOldJobs sweeps the profile's databases, or all where it is empty, and answers what it did as a JSON object. At
	// ctx's end it answers how far it has come, and goes on. Where somebody else sweeps right now, the error is a *Busy.
	CleanOldJobs(ctx context.Context, profile string, dryRun bool) (report []byte, err error)
}

// Busy says who is at it already.
type Busy struct{ By string }

func (b *Busy) Error() string { return b.By + " is at it already" }

// UseCleaner has clean_old_jobs answered by c. Call it before Run.
func (s *Service) UseCleaner(c Cleaner) { s.cleaner = c }

// cleanPatience is how long a caller waits for a sweep's end: less than the 5 s after which many clients give up.
const cleanPatience = 4 * time.Second

// cleanOldJobs sweeps now, and answers within the time limit in any case: with what was done, or with what was done so
// far. Salt's function removes at once, blocks Redis meanwhile, and tells nothing.
func (s *Service) cleanOldJobs(ctx context.Context, in *request, out *reply) error {
	profile, dryRun := in.profile(), in.flag("dry_run")
	if err := in.err(); err != nil {
		return err
	}
	if s.cleaner == nil {
		return fail(codeUnavailable, "this worker does not clean up: ask another one, or run `worker cleanup`")
	}
	ctx, cancel := context.WithTimeout(ctx, min(cleanPatience, s.cfg.Timeout*9/10))
	defer cancel()
	report, err := s.cleaner.CleanOldJobs(ctx, profile, dryRun)
	if busy := new(Busy); errors.As(err, &busy) {
		return fail(codeUnavailable, "%s sweeps right now: ask again later; /readyz and `worker cleanup --status` show how far it has come", busy.By)
	}
	switch {
	case err != nil && ctx.Err() != nil:
		return s.cutOff(ctx)
	case err != nil:
		return err
	}
	return out.value(report)
}
