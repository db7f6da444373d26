package cleanup

import (
	"context"
	"errors"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"returnd/internal/job"
)

// metrics are the cleaner's instruments. No jid and no minion is ever a label.
type metrics struct {
	sweeps                        metric.Int64Counter
	duration                      metric.Float64Histogram
	keys                          metric.Int64Counter
	looked, removed, mended, kept metric.Int64Counter
}

func newMetrics(meter metric.Meter) (*metrics, error) {
	var errs []error
	count := func(name, unit, what string) metric.Int64Counter {
		c, err := meter.Int64Counter(name, metric.WithUnit(unit), metric.WithDescription(what))
		errs = append(errs, err)
		return c
	}
	m := &metrics{
		sweeps:  count("returnd.cleanup.sweeps", "{sweep}", "Sweeps by what came of them: done, failed, lost (the lease), stopped"),
		keys:    count("returnd.cleanup.keys", "{key}", "Keys scanned"),
		looked:  count("returnd.cleanup.looked", "{item}", "What sweeps looked at, by kind"),
		removed: count("returnd.cleanup.removed", "{item}", "What sweeps removed, by kind"),
		mended:  count("returnd.cleanup.mended", "{item}", "What sweeps gave a TTL or a place in the index, by kind"),
		kept:    count("returnd.cleanup.kept", "{item}", "What sweeps left as it was, by kind and reason"),
	}
	var err error
	m.duration, err = meter.Float64Histogram("returnd.cleanup.duration", metric.WithUnit("s"),
		metric.WithDescription("Time that a sweep took"),
		metric.WithExplicitBucketBoundaries(.01, .05, .1, .5, 1, 5, 10, 30, 60, 300, 600, 1800, 3600))
	return m, errors.Join(append(errs, err)...)
}

// The outcomes of a sweep.
const (
	outcomeDone    = "done"
	outcomeFailed  = "failed"
	outcomeLost    = "lost"
	outcomeStopped = "stopped"
)

func outcome(r Result, err error) string {
	switch {
	case err == nil && r.Error == "":
		return outcomeDone
	case errors.Is(err, ErrLeaseLost):
		return outcomeLost
	case errors.Is(err, context.Canceled):
		return outcomeStopped
	}
	return outcomeFailed
}

func (m *metrics) swept(ctx context.Context, outcome string, took time.Duration) {
	m.sweeps.Add(ctx, 1, metric.WithAttributes(attribute.String("outcome", outcome)))
	m.duration.Record(ctx, took.Seconds())
}

// count adds what was done in one database. A trial has done nothing.
func (m *metrics) count(ctx context.Context, r job.SweepReport, dryRun bool) {
	if dryRun {
		return
	}
	m.keys.Add(ctx, r.Keys)
	for kind, c := range r.Of {
		of := attribute.String("kind", string(kind))
		m.looked.Add(ctx, c.Looked, metric.WithAttributes(of))
		m.removed.Add(ctx, c.Removed, metric.WithAttributes(of))
		m.mended.Add(ctx, c.Mended, metric.WithAttributes(of))
		for reason, n := range c.Kept {
			m.kept.Add(ctx, n, metric.WithAttributes(of, attribute.String("reason", reason)))
		}
	}
}

// observe registers what is read off the cleaner when somebody looks.
func (c *Cleaner) observe(meter metric.Meter) error {
	held, err1 := meter.Int64ObservableGauge("returnd.cleanup.lease.held", metric.WithUnit("{lease}"),
		metric.WithDescription("1 while this worker has the lease"))
	token, err2 := meter.Int64ObservableGauge("returnd.cleanup.lease.token", metric.WithUnit("{token}"),
		metric.WithDescription("The greatest token that this worker has seen"))
	last, err3 := meter.Int64ObservableGauge("returnd.cleanup.last_success", metric.WithUnit("s"),
		metric.WithDescription("When the last sweep without an error ended, by any worker, in Unix time"))
	if err := errors.Join(err1, err2, err3); err != nil {
		return err
	}
	_, err := meter.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		o.ObserveInt64(held, c.held.Load())
		o.ObserveInt64(token, c.token.Load())
		if at := c.succeeded.Load(); at > 0 {
			o.ObserveInt64(last, at)
		}
		return nil
	}, held, token, last)
	return err
}
