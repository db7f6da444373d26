package telemetry

import (
	"context"
	"strings"
	"testing"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

func link(id byte, flags trace.TraceFlags) trace.Link {
	return trace.Link{SpanContext: spanOf(id, flags)}
}

func spanOf(id byte, flags trace.TraceFlags) trace.SpanContext {
	return trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{id}, SpanID: trace.SpanID{id}, TraceFlags: flags, Remote: true})
}

func TestSampler(t *testing.T) {
	yes, no := link(1, trace.FlagsSampled), link(2, 0)
	under := func(flags trace.TraceFlags) context.Context {
		return trace.ContextWithRemoteSpanContext(context.Background(), spanOf(3, flags))
	}
	none := context.Background()
	tests := []struct {
		name, sampler, arg string
		parent             context.Context
		links              []trace.Link
		want               bool
	}{
		{"default", "", "", none, nil, true},
		{"default, a batch of which one is sampled", "", "", none, []trace.Link{no, yes}, true},
		{"default, a batch of which none is", "", "", none, []trace.Link{no}, false},
		{"ratio 0, a root", "parentbased_traceidratio", "0", none, nil, false},
		{"ratio 0, a batch of which one is sampled", "parentbased_traceidratio", "0", none, []trace.Link{yes}, true},
		{"ratio 1, a batch of which none is sampled", "parentbased_traceidratio", "1", none, []trace.Link{no}, false},
		{"ratio 0, under a parent that is sampled", "parentbased_traceidratio", "0", under(trace.FlagsSampled), nil, true},
		{"a parent counts before links", "parentbased_traceidratio", "1", under(0), []trace.Link{yes}, false},
		{"ratio without parents", "traceidratio", "1", none, []trace.Link{no}, true},
		{"ratio without parents 0", "traceidratio", "0", none, []trace.Link{yes}, false},
		{"no ratio is all", "traceidratio", "", none, nil, true},
		{"on", "always_on", "", under(0), nil, true},
		{"off", "always_off", "", none, []trace.Link{yes}, false},
		{"off but for parents", "parentbased_always_off", "", none, []trace.Link{yes}, true},
		{"off, a root", "parentbased_always_off", "", none, nil, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			sampler, err := newSampler(test.sampler, test.arg)
			if err != nil {
				t.Fatal(err)
			}
			got := sampler.ShouldSample(sdktrace.SamplingParameters{ParentContext: test.parent, TraceID: trace.TraceID{255}, Links: test.links})
			if is := got.Decision == sdktrace.RecordAndSample; is != test.want {
				t.Errorf("%s sampled: %v, want %v", sampler.Description(), is, test.want)
			}
		})
	}
}

func TestSamplerFaults(t *testing.T) {
	for _, test := range []struct{ sampler, arg, want string }{
		{"always", "", "OTEL_TRACES_SAMPLER is"},
		{"parentbased_", "", "OTEL_TRACES_SAMPLER is"},
		{"traceidratio", "1%", "OTEL_TRACES_SAMPLER_ARG is"},
		{"parentbased_traceidratio", "2", "OTEL_TRACES_SAMPLER_ARG is"},
		{"traceidratio", "NaN", "OTEL_TRACES_SAMPLER_ARG is"},
	} {
		if _, err := newSampler(test.sampler, test.arg); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s %s: got %v, want %q in it", test.sampler, test.arg, err, test.want)
		}
	}
}
