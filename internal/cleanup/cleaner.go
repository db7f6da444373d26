package cleanup

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	mathrand "math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/metric"

	"returnd/internal/job"
)

// Sweeper is the store whose jobs are swept.
type Sweeper interface {
	// Databases are every profile's, and every other one that returns were written to; always in the same order.
	Databases(ctx context.Context) ([]job.Database, error)
	// Sweep goes over one database, from where `from` says ("" is the beginning), and tells step after each small one how
	// far it has come: the report of this call so far, and where to go on from. What step fails with ends it, and it
	// answers the report with the error. Once ctx has ended, nothing is removed any more. A `from` that has become
	// worthless is a *job.Rejection.
	Sweep(ctx context.Context, db job.Database, rules job.SweepRules, from string, step func(job.SweepReport, string) error) (job.SweepReport, error)
}

// Cleaner sweeps once an interval, and when told to; of all replicas only the one that has the lease.
type Cleaner struct {
	cfg     Config
	lease   *Lease
	sweeper Sweeper
	log     *slog.Logger
	metrics *metrics
	// held is 1 while this replica has the lease, token the last one it has seen.
	held, token atomic.Int64
	// succeeded is when a sweep last came to its end without an error, in Unix seconds; 0 is not known.
	succeeded atomic.Int64
	// down tells that the log knows of Redis being away.
	down bool

	// What Ask has begun ends with Run.
	mu      sync.Mutex
	life    context.Context
	running sync.WaitGroup
}

// New makes a Cleaner. It does no I/O and starts nothing.
func New(cfg Config, dial Dial, sweeper Sweeper, log *slog.Logger, meter metric.Meter) (*Cleaner, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	c := &Cleaner{cfg: cfg, lease: NewLease(dial, cfg.Lease, Owner()), sweeper: sweeper, log: log}
	var err error
	if c.metrics, err = newMetrics(meter); err != nil {
		return nil, fmt.Errorf("metrics of the cleanup: %w", err)
	}
	return c, c.observe(meter)
}

// Run sweeps until ctx ends; then it gives the lease back, so that another replica goes on at once.
func (c *Cleaner) Run(ctx context.Context) error {
	c.begin(ctx)
	defer c.end()
	if c.cfg.Interval == 0 {
		<-ctx.Done()
		return nil
	}
	// Replicas that start together do not all look at once. It is soon enough for one that is restarted every minute, and
	// to take over when the holder dies just then.
	pause := mathrand.N(min(c.cfg.Interval, firstPause)) // #nosec G404 -- jitter
	for sleep(ctx, pause) {
		pause = c.turn(ctx)
	}
	return nil
}

const (
	// firstPause is the longest that a replica waits after its start.
	firstPause = time.Second
	// failedPause is how long a replica waits that could not sweep.
	failedPause = 5 * time.Second
)

// turn sweeps if it is time and nobody else does, and tells when to look again.
func (c *Cleaner) turn(ctx context.Context) time.Duration {
	s, err := c.lease.state(ctx)
	if err != nil {
		return c.failed(ctx, err)
	}
	c.seen(s)
	if s.Holder != nil {
		return c.lease.pause(s.Holder.left(s.Now))
	}
	if due := c.due(s); due > 0 {
		// Half of the lease's time is often enough to see every sweep, and to be waiting when its holder dies.
		return min(due, c.lease.ttl/2)
	}
	held, err := c.lease.TryAcquire(ctx)
	if err != nil {
		return c.failed(ctx, err)
	}
	// Under the lease it is asked once more whether it is time: another may have swept since.
	if _, err := c.under(ctx, held, pass{due: c.due}); err != nil && !errors.Is(err, ErrLeaseLost) {
		return failedPause
	}
	return c.lease.pause(-1)
}

// failed says why, once; that another was faster is no fault.
func (c *Cleaner) failed(ctx context.Context, err error) time.Duration {
	if busy := new(BusyError); errors.As(err, &busy) {
		return c.lease.pause(busy.Left)
	}
	if ctx.Err() == nil && !c.down {
		c.log.Warn("nothing is swept until Redis can be used", "error", err)
		c.down = true
	}
	return failedPause - mathrand.N(failedPause/4) // #nosec G404 -- jitter
}

// seen takes note of what the others did.
func (c *Cleaner) seen(s Status) {
	c.down = false
	c.token.Store(s.Token)
	if s.Last != nil && s.Last.Error == "" {
		c.succeeded.Store(s.Last.Finished.Unix())
	}
}

// due is how long it is until a sweep has to begin, by the server's clock. An unfinished one is gone on with at once.
func (c *Cleaner) due(s Status) time.Duration {
	if s.place != nil || s.Last == nil {
		return 0
	}
	// The next one was planned by another replica, whose interval may have been another, and clocks are set.
	most := c.cfg.Interval + c.cfg.Interval/10
	planned := s.Last.Next
	if latest := s.Last.Started.Add(most); planned.IsZero() || latest.Before(planned) {
		planned = latest
	}
	return min(planned.Sub(s.Now), most)
}

// next plans the next sweep: all replicas wake at the same time, and one of them gets the lease. The tenth more or less
// keeps them from beating with everybody else's hourly work.
func (c *Cleaner) next(started, finished time.Time) time.Time {
	if c.cfg.Interval == 0 {
		return time.Time{}
	}
	tenth := c.cfg.Interval / 10
	next := started.Add(c.cfg.Interval - tenth + mathrand.N(2*tenth)) // #nosec G404 -- jitter
	if earliest := finished.Add(tenth); next.Before(earliest) {
		return earliest // one that took longer than the interval
	}
	return next
}

// Status looks who has the lease, and what the last sweep did.
func (c *Cleaner) Status(ctx context.Context) (Status, error) {
	s, err := c.lease.state(ctx)
	if going := s.Holder != nil && s.Running != nil; err == nil && c.cfg.Interval > 0 && !going {
		s.Next = s.Now.Add(max(c.due(s), 0))
	}
	return s, err
}
