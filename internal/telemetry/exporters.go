package telemetry

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"

	"go.opentelemetry.io/contrib/exporters/autoexport"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// The variables that ask for exporters: https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/
const (
	tracesExporter  = "OTEL_TRACES_EXPORTER"
	metricsExporter = "OTEL_METRICS_EXPORTER"
	logsExporter    = "OTEL_LOGS_EXPORTER"
)

// asked tells whether a variable names an exporter that is to be made. Unlike the specification's, our default is none: a
// worker without a collector beside it must not look for one.
func asked(variable string, harmless ...string) bool {
	value := os.Getenv(variable)
	return value != "" && value != "none" && !slices.Contains(harmless, value) &&
		!strings.EqualFold(os.Getenv("OTEL_SDK_DISABLED"), "true")
}

func exporterFault(variable string, err error) error {
	return fmt.Errorf("%s is %q: %w: use otlp, console or none; the protocol is in OTEL_EXPORTER_OTLP_PROTOCOL: grpc or http/protobuf",
		variable, os.Getenv(variable), err)
}

// newTraces is nil where nobody asked for traces.
func newTraces(ctx context.Context, about *resource.Resource, log *slog.Logger) (*sdktrace.TracerProvider, error) {
	if !asked(tracesExporter) {
		return nil, nil //nolint:nilnil // as said
	}
	sampler, err := newSampler(os.Getenv("OTEL_TRACES_SAMPLER"), os.Getenv("OTEL_TRACES_SAMPLER_ARG"))
	if err != nil {
		return nil, err
	}
	exporter, err := autoexport.NewSpanExporter(ctx)
	if err != nil {
		return nil, exporterFault(tracesExporter, err)
	}
	// The batcher's queue is bounded, and what does not fit is dropped: OTEL_BSP_*.
	batcher := sdktrace.WithBatcher(spanReporter{exporter, log})
	return sdktrace.NewTracerProvider(batcher, sdktrace.WithSampler(sampler), sdktrace.WithResource(about)), nil
}

// newReaders are those that push metrics. Ours on /metrics is always there, so "prometheus" asks for nothing more: the
// library would open a server of its own for it.
func newReaders(ctx context.Context) ([]sdkmetric.Reader, error) {
	if !asked(metricsExporter, "prometheus") {
		return nil, nil
	}
	if strings.Contains(os.Getenv(metricsExporter), "prometheus") {
		return nil, fmt.Errorf("%s is %q: /metrics is served in any case, so name the other one alone", metricsExporter, os.Getenv(metricsExporter))
	}
	reader, err := autoexport.NewMetricReader(ctx)
	if err != nil {
		return nil, exporterFault(metricsExporter, err)
	}
	return []sdkmetric.Reader{reader}, nil
}

// newLogs is nil where nobody asked for logs.
func newLogs(ctx context.Context, about *resource.Resource, log *slog.Logger) (*sdklog.LoggerProvider, error) {
	if !asked(logsExporter) {
		return nil, nil //nolint:nilnil // as said
	}
	exporter, err := autoexport.NewLogExporter(ctx)
	if err != nil {
		return nil, exporterFault(logsExporter, err)
	}
	// The processor's queue is bounded, and the oldest make room: OTEL_BLRP_*.
	processor := sdklog.NewBatchProcessor(lineReporter{exporter, log})
	return sdklog.NewLoggerProvider(sdklog.WithProcessor(processor), sdklog.WithResource(about)), nil
}
