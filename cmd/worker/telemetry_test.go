package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/contrib/exporters/autoexport"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"returnd/internal/telemetry"
)

// exported is all that left the process for a collector. OTEL_*_EXPORTER=memory sends it here: the worker's own way of
// making exporters is what is tested.
var exported = &collector{}

type collector struct {
	mu     sync.Mutex
	spans  tracetest.SpanStubs
	lines  []string // of the log
	reader *sdkmetric.ManualReader
}

func init() { //nolint:gochecknoinits // the registry is the library's, and takes a name once
	autoexport.RegisterSpanExporter("memory", func(context.Context) (sdktrace.SpanExporter, error) { return exported, nil })
	autoexport.RegisterLogExporter("memory", func(context.Context) (sdklog.Exporter, error) { return lineExporter{exported}, nil })
	autoexport.RegisterMetricReader("memory", func(context.Context) (sdkmetric.Reader, error) {
		exported.mu.Lock()
		defer exported.mu.Unlock()
		exported.reader = sdkmetric.NewManualReader()
		return exported.reader, nil
	})
}

// collect has everything exported to memory from now on, to an empty one.
func collect(t *testing.T) *collector {
	t.Helper()
	for _, signal := range []string{"TRACES", "LOGS", "METRICS"} {
		t.Setenv("OTEL_"+signal+"_EXPORTER", "memory")
	}
	t.Setenv("OTEL_BSP_SCHEDULE_DELAY", "50")
	t.Setenv("OTEL_BLRP_SCHEDULE_DELAY", "50")
	exported.mu.Lock()
	defer exported.mu.Unlock()
	exported.spans, exported.lines, exported.reader = nil, nil, nil
	return exported
}

func (c *collector) ExportSpans(_ context.Context, spans []sdktrace.ReadOnlySpan) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.spans = append(c.spans, tracetest.SpanStubsFromReadOnlySpans(spans)...)
	return nil
}

func (c *collector) Shutdown(context.Context) error { return nil }

// lineExporter keeps log records as text.
type lineExporter struct{ c *collector }

func (e lineExporter) Export(_ context.Context, records []sdklog.Record) error {
	e.c.mu.Lock()
	defer e.c.mu.Unlock()
	for i := range records {
		r := &records[i]
		e.c.lines = append(e.c.lines, fmt.Sprint(r.Severity(), " ", r.Body().AsString(), " trace=", r.TraceID(), slices.Collect(r.WalkAttributes)))
	}
	return nil
}

func (e lineExporter) Shutdown(context.Context) error   { return nil }
func (e lineExporter) ForceFlush(context.Context) error { return nil }

// all are the spans of one name.
func (c *collector) all(name string) []tracetest.SpanStub {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(c.spans), func(s tracetest.SpanStub) bool { return s.Name != name })
}

// text is everything exported.
func (c *collector) text(t *testing.T) string {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	var metrics metricdata.ResourceMetrics
	if err := c.reader.Collect(t.Context(), &metrics); err != nil {
		t.Logf("metrics after the end: %v", err)
	}
	var b strings.Builder
	for _, s := range c.spans {
		fmt.Fprintf(&b, "%+v\n", s)
	}
	numbers, err := json.Marshal(metrics)
	if err != nil {
		t.Fatal(err)
	}
	return b.String() + strings.Join(c.lines, "\n") + string(numbers)
}

// lockedBuffer takes the log while the worker writes it.
type lockedBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

func loggerTo(t *testing.T, out *lockedBuffer) *slog.Logger {
	t.Helper()
	log, err := telemetry.NewLogger("debug", telemetry.FormatText, out)
	if err != nil {
		t.Fatal(err)
	}
	return log
}

// A collector that does not answer neither holds up the start nor the end; and the log says what is wrong, without the
// password in its address.
func TestCollectorAway(t *testing.T) {
	for _, signal := range []string{"TRACES", "LOGS", "METRICS"} {
		t.Setenv("OTEL_"+signal+"_EXPORTER", "otlp")
	}
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://user:"+canary+"@"+silent(t))
	t.Setenv("OTEL_BSP_SCHEDULE_DELAY", "10")
	t.Setenv("OTEL_METRIC_EXPORT_INTERVAL", "10")
	var out lockedBuffer
	began := time.Now()
	tel, err := startTelemetry(t.Context(), loggerTo(t, &out))
	if err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took > time.Second {
		t.Errorf("took %v to start", took)
	}
	provider, _, on := tel.Tracing()
	if !on {
		t.Fatal("no traces")
	}
	began = time.Now()
	for range 10_000 { // more than the queue takes
		_, span := provider.Tracer("test").Start(t.Context(), "span")
		span.End()
		tel.Log.Info("line")
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("took %v for 10,000 spans", took)
	}
	began = time.Now()
	endTelemetry(t.Context(), tel)
	if took := time.Since(began); took > lastTelemetry+time.Second {
		t.Errorf("took %v to end", took)
	}
	if got := out.String(); !strings.Contains(got, "OpenTelemetry reports an error") || strings.Contains(got, canary) {
		t.Errorf("the log says:\n%s", tail(got))
	}
}

func TestTelemetryFaults(t *testing.T) {
	for _, test := range []struct{ variable, value, want string }{
		{"OTEL_TRACES_EXPORTER", "zipkin", `OTEL_TRACES_EXPORTER is "zipkin"`},
		{"OTEL_LOGS_EXPORTER", "otlp,console", `OTEL_LOGS_EXPORTER is`},
		{"OTEL_METRICS_EXPORTER", "otlp,prometheus", "/metrics is served in any case"},
	} {
		t.Run(test.variable, func(t *testing.T) {
			t.Setenv(test.variable, test.value)
			_, errs, code := command(t, "", "run", "--http.addr", "127.0.0.1:0")
			if code != 2 || !strings.Contains(errs, test.want) {
				t.Errorf("exit code %d, said:\n%s", code, errs)
			}
		})
	}
}

// What asks for nothing gets nothing: no exporter, no tracer.
func TestTelemetryDefault(t *testing.T) {
	for _, test := range []struct{ name, variable, value string }{
		{"unset", "OTEL_SERVICE_NAME", "x"},
		{"none", "OTEL_TRACES_EXPORTER", "none"},
		{"prometheus", "OTEL_METRICS_EXPORTER", "prometheus"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Setenv(test.variable, test.value)
			tel, err := startTelemetry(t.Context(), quiet())
			if err != nil {
				t.Fatal(err)
			}
			defer endTelemetry(t.Context(), tel)
			if _, _, on := tel.Tracing(); on {
				t.Error("there are traces")
			}
		})
	}
	t.Run("disabled", func(t *testing.T) {
		t.Setenv("OTEL_SDK_DISABLED", "true")
		t.Setenv("OTEL_TRACES_EXPORTER", "otlp")
		tel, err := startTelemetry(t.Context(), quiet())
		if err != nil {
			t.Fatal(err)
		}
		defer endTelemetry(t.Context(), tel)
		if _, _, on := tel.Tracing(); on {
			t.Error("there are traces")
		}
	})
}

func tail(text string) string { return text[max(0, len(text)-4000):] }

func spanText(spans tracetest.SpanStubs) string {
	var b strings.Builder
	for _, s := range spans {
		fmt.Fprintf(&b, "%+v\n", s)
	}
	return b.String()
}

// What is left when the worker ends is handed on: by OTLP, all three signals.
func TestCollectorGetsAll(t *testing.T) {
	var mu sync.Mutex
	got := map[string]int{}
	collector := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		got[r.Method+" "+r.URL.Path]++
	}))
	defer collector.Close()
	for _, signal := range []string{"TRACES", "LOGS", "METRICS"} {
		t.Setenv("OTEL_"+signal+"_EXPORTER", "otlp")
	}
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.URL)
	tel, err := startTelemetry(t.Context(), loggerTo(t, &lockedBuffer{}))
	if err != nil {
		t.Fatal(err)
	}
	provider, _, _ := tel.Tracing()
	_, span := provider.Tracer("test").Start(t.Context(), "span")
	span.End()
	tel.Log.Info("line")
	endTelemetry(t.Context(), tel)
	mu.Lock()
	defer mu.Unlock()
	for _, path := range []string{"POST /v1/traces", "POST /v1/logs", "POST /v1/metrics"} {
		if got[path] == 0 {
			t.Errorf("no %s: %v", path, got)
		}
	}
}
