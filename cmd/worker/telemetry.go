package main

import (
	"context"
	"log/slog"
	"runtime/debug"
	"time"

	"returnd/client"
	"returnd/client/oteltrace"
	"returnd/internal/telemetry"

	"golang.org/x/sync/errgroup"
)

// lastTelemetry is how long a process that ends tries to hand on what it has measured, followed and logged.
const lastTelemetry = 400 * time.Millisecond

// startTelemetry makes what OTEL_* asks for. A variable that cannot be meant is a fault of the configuration.
func startTelemetry(ctx context.Context, log *slog.Logger) (*telemetry.Telemetry, error) {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		info = &debug.BuildInfo{}
	}
	t, err := telemetry.Start(ctx, telemetry.Build{Version: version(), Commit: commit(info)}, log)
	if err != nil {
		return nil, usage(err)
	}
	return t, nil
}

// endTelemetry hands on what is left; ctx may have ended.
func endTelemetry(ctx context.Context, t *telemetry.Telemetry) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastTelemetry)
	defer cancel()
	t.Shutdown(ctx)
}

// followed has a command's client followed where OTEL_TRACES_EXPORTER asks for it; the command calls end.
func followed(ctx context.Context, log *slog.Logger) (_ []client.Option, end func(), err error) {
	t, err := startTelemetry(ctx, log)
	if err != nil {
		return nil, nil, err
	}
	var options []client.Option
	if provider, propagator, on := t.Tracing(); on {
		options = append(options, client.Tracing(oteltrace.New(provider, propagator)))
	}
	return options, func() { endTelemetry(ctx, t) }, nil
}

// follow has the parts make spans, where OTEL_TRACES_EXPORTER asks for it; the store's are children of theirs.
func (w *worker) follow() {
	if provider, propagator, on := w.telemetry.Tracing(); on {
		w.consumer.UseTracer(provider.Tracer("returnd/consume"), propagator)
		w.service.UseTracer(provider.Tracer("returnd/query"), propagator)
	}
}

// show serves health and metrics until its turn to stop comes, which is the last one; then it hands on what the
// exporters have not sent yet.
func (w *worker) show(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return w.health.Run(ctx) })
	group.Go(func() error {
		<-ctx.Done()
		endTelemetry(ctx, w.telemetry)
		return nil
	})
	return group.Wait()
}
