package telemetry

import (
	"context"
	"errors"
	"log/slog"

	"go.opentelemetry.io/contrib/bridges/otelslog"
	"go.opentelemetry.io/contrib/propagators/autoprop"
	"go.opentelemetry.io/otel/propagation"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// Telemetry is what a worker measures, follows and logs, and the ways out for it. Nothing of it waits for a collector.
type Telemetry struct {
	// Metrics are served at /metrics, and pushed where OTEL_METRICS_EXPORTER asks for it.
	Metrics *Metrics
	// Log writes where the logger given to Start does, and to where OTEL_LOGS_EXPORTER asks for it. It leaves out what
	// would flood it, and says how much that was.
	Log *slog.Logger

	traces     *sdktrace.TracerProvider // nil: nobody asked for any
	logs       *sdklog.LoggerProvider   // the same
	propagator propagation.TextMapPropagator
	bursts     *bursts
	own        *slog.Logger // tells of the exporters' troubles, and not to them
}

// Start makes what OTEL_* asks for; by default that is no exporter at all. Its errors name the variable at fault.
func Start(ctx context.Context, build Build, log *slog.Logger) (*Telemetry, error) {
	t := &Telemetry{Log: log, bursts: newBursts()}
	t.own = slog.New(sparing{log.Handler(), t.bursts})
	report(t.own) // before anything reads OTEL_*
	t.propagator = autoprop.NewTextMapPropagator(propagation.TraceContext{})
	if err := t.export(ctx, build); err != nil {
		_ = t.shutdown(ctx) // the first error is the one to mend
		return nil, err
	}
	t.Log = slog.New(sparing{t.ways(log.Handler()), t.bursts})
	return t, nil
}

func (t *Telemetry) export(ctx context.Context, build Build) error {
	about, err := build.resource()
	if err != nil {
		return err
	}
	if t.traces, err = newTraces(ctx, about, t.own); err != nil {
		return err
	}
	if t.logs, err = newLogs(ctx, about, t.own); err != nil {
		return err
	}
	readers, err := newReaders(ctx)
	if err != nil {
		return err
	}
	t.Metrics, err = newMetrics(build, about, readers...)
	return err
}

// ways are all that a line goes.
func (t *Telemetry) ways(written slog.Handler) slog.Handler {
	if t.logs == nil {
		return written
	}
	bridge := otelslog.NewHandler("returnd", otelslog.WithLoggerProvider(t.logs))
	return slog.NewMultiHandler(written, levelled{bridge, written})
}

// Tracing is what makes spans, and what carries their contexts. It is false where nobody asked for traces: then there is
// nothing to follow, and no header to read.
func (t *Telemetry) Tracing() (trace.TracerProvider, propagation.TextMapPropagator, bool) {
	return t.traces, t.propagator, t.traces != nil
}

// Shutdown sends what is left, until ctx ends. What cannot be sent is lost, and the log says so.
func (t *Telemetry) Shutdown(ctx context.Context) {
	t.bursts.flush()
	if err := t.shutdown(ctx); err != nil {
		complain(t.own, err)
	}
	t.bursts.flush()
}

// shutdown ends all at once: one that does not reach its collector leaves the others their time.
func (t *Telemetry) shutdown(ctx context.Context) error {
	var ends []func(context.Context) error
	if t.traces != nil {
		ends = append(ends, t.traces.Shutdown)
	}
	if t.logs != nil {
		ends = append(ends, t.logs.Shutdown)
	}
	if t.Metrics != nil {
		ends = append(ends, t.Metrics.Shutdown)
	}
	ended := make(chan error, len(ends))
	for _, end := range ends {
		go func() { ended <- end(ctx) }()
	}
	var faults []error
	for range ends {
		faults = append(faults, <-ended)
	}
	return errors.Join(faults...)
}
