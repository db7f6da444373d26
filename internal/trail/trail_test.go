package trail

import (
	"context"
	"testing"

	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

const (
	sampledParent   = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	unsampledParent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"
)

func w3c() Propagator { return New(propagation.TraceContext{}) }

func TestSampled(t *testing.T) {
	tests := []struct {
		name           string
		header         map[string][]string
		sampled, named bool
	}{
		{"no headers", nil, false, false},
		{"other headers", map[string][]string{"Content-Encoding": {"zstd"}}, false, false},
		{"sampled", map[string][]string{"traceparent": {sampledParent}}, true, true},
		{"as HTTP spells it", map[string][]string{"Traceparent": {sampledParent}}, true, true},
		{"with tracestate", map[string][]string{"traceparent": {sampledParent}, "tracestate": {"a=b"}}, true, true},
		{"not sampled", map[string][]string{"traceparent": {unsampledParent}}, false, true},
		{"other flags, not sampled", map[string][]string{"traceparent": {unsampledParent[:54] + "2"}}, false, true},
		{"of a later version", map[string][]string{"traceparent": {"01" + sampledParent[2:] + "-more"}}, true, true},
		{"no value", map[string][]string{"traceparent": {}}, false, false},
		{"nonsense", map[string][]string{"traceparent": {"nonsense"}}, false, false},
		{"zeros", map[string][]string{"traceparent": {"00-00000000000000000000000000000000-0000000000000000-01"}}, false, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			span, named := w3c().Sampled(test.header)
			if span.IsSampled() != test.sampled || named != test.named {
				t.Errorf("sampled %v, named %v; want %v, %v", span.IsSampled(), named, test.sampled, test.named)
			}
		})
	}
}

// What the publisher does not sample, and what has no trace at all, costs no allocation.
func TestSampledCostsNothing(t *testing.T) {
	p := w3c()
	for name, header := range map[string]map[string][]string{
		"unsampled": {"traceparent": {unsampledParent}}, "other": {"Content-Encoding": {"zstd"}}, "none": nil,
	} {
		if n := testing.AllocsPerRun(100, func() { p.Sampled(header) }); n > 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

func TestInjectAndExtract(t *testing.T) {
	header := map[string][]string{}
	span := trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{1}, SpanID: trace.SpanID{2}, TraceFlags: trace.FlagsSampled})
	w3c().Inject(trace.ContextWithSpanContext(t.Context(), span), header)
	got := trace.SpanContextFromContext(w3c().Extract(t.Context(), header))
	if !got.IsRemote() || got.TraceID() != span.TraceID() || got.SpanID() != span.SpanID() {
		t.Errorf("got %v of %v", got, header)
	}
}

func TestZeroDoesNothing(t *testing.T) {
	var none Propagator
	header := map[string][]string{"traceparent": {sampledParent}}
	if _, named := none.Sampled(header); named || none.Extract(t.Context(), header) != t.Context() {
		t.Error("it reads headers")
	}
	none.Inject(context.Background(), header)
}

// Another propagator's headers are read by it alone.
func TestOtherPropagator(t *testing.T) {
	p := New(propagation.Baggage{})
	if _, named := p.Sampled(map[string][]string{"traceparent": {sampledParent}}); named {
		t.Error("it reads what it was not asked to")
	}
}
