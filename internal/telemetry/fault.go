package telemetry

import (
	"context"
	"log/slog"
	"regexp"

	"github.com/go-logr/logr"
	"go.opentelemetry.io/otel"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// userinfo is what stands between a URL's scheme and its host.
var userinfo = regexp.MustCompile(`//[^/\s"@]*@`)

// report has logged what OpenTelemetry tells nobody in particular: a variable that cannot be read, metrics that cannot be
// pushed. Its handler and logger are the process's own; where a process makes several Telemetries, the last one hears.
func report(log *slog.Logger) {
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { complain(log, err) }))
	otel.SetLogger(logr.New(sink{log}))
}

// complain says what is wrong without the credentials that an endpoint may have in it.
func complain(log *slog.Logger, err error) {
	log.Warn("OpenTelemetry reports an error; the worker goes on without what could not be sent",
		"error", userinfo.ReplaceAllString(err.Error(), "//"))
}

// spanReporter and lineReporter keep an exporter's troubles in the log of its own Telemetry.
type spanReporter struct {
	sdktrace.SpanExporter
	log *slog.Logger
}

func (r spanReporter) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	if err := r.SpanExporter.ExportSpans(ctx, spans); err != nil {
		complain(r.log, err)
	}
	return nil
}

type lineReporter struct {
	sdklog.Exporter
	log *slog.Logger
}

func (r lineReporter) Export(ctx context.Context, records []sdklog.Record) error {
	if err := r.Exporter.Export(ctx, records); err != nil {
		complain(r.log, err)
	}
	return nil
}

// sink takes what OpenTelemetry logs itself. It leaves the values out: among them are headers with credentials.
type sink struct{ log *slog.Logger }

func (sink) Init(logr.RuntimeInfo) {}

// Enabled takes errors only: they come whatever the level, and what the libraries warn of they also report.
func (sink) Enabled(int) bool { return false }

func (sink) Info(int, string, ...any) {}

func (s sink) Error(err error, msg string, _ ...any) {
	text := msg
	if err != nil {
		text += ": " + err.Error()
	}
	s.log.Warn("OpenTelemetry cannot use a setting", "error", userinfo.ReplaceAllString(text, "//"))
}

func (s sink) WithValues(...any) logr.LogSink { return s }

func (s sink) WithName(string) logr.LogSink { return s }
