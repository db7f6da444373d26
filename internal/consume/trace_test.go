package consume

import (
	"fmt"
	"testing"

	"github.com/nats-io/nats.go"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"returnd/internal/job"
	"returnd/internal/trail"
)

func header(id byte, sampled int) nats.Header {
	return nats.Header{"traceparent": {fmt.Sprintf("00-%032x-%016x-%02x", int(id)+1, int(id)+1, sampled)}}
}

func TestLinks(t *testing.T) {
	deliveries := func(headers ...nats.Header) (all []delivery) {
		for _, h := range headers {
			all = append(all, delivery{msg: &nats.Msg{Header: h}})
		}
		return all
	}
	var many []nats.Header
	for i := range 200 {
		many = append(many, header(byte(i), 1))
	}
	tests := []struct {
		name        string
		of          []delivery
		links, more int
		sampled     bool // of the first link
	}{
		{"no headers", deliveries(nil, nil), 0, 0, false},
		{"one of two sampled", deliveries(header(1, 0), header(2, 1)), 1, 0, true},
		{"one of two has a trace", deliveries(nil, header(2, 1)), 1, 0, true},
		{"none sampled: one tells the sampler", deliveries(header(1, 0), header(2, 0)), 1, 0, false},
		{"one not sampled, one without: nobody has decided", deliveries(header(1, 0), nil), 0, 0, false},
		{"one span published all", deliveries(header(1, 1), header(1, 1), header(1, 1)), 1, 0, true},
		{"more than links are kept", deliveries(many...), maxLinks, 200 - maxLinks, true},
	}
	tracing := tracing{trail: trail.New(propagation.TraceContext{})}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			links, more := tracing.links(test.of)
			if len(links) != test.links || more != test.more {
				t.Fatalf("%d links and %d more, want %d and %d", len(links), more, test.links, test.more)
			}
			if len(links) > 0 && links[0].SpanContext.IsSampled() != test.sampled {
				t.Errorf("the first link is %v", links[0].SpanContext)
			}
		})
	}
}

// A batch of which one return is dead and one comes again later: its span tells, and ends.
func TestSpanOfABatch(t *testing.T) {
	r := newRig(t)
	bad, held := subjects.Return("1", "bad"), subjects.Return("1", "held")
	r.sink.set(func(s *sink) {
		s.answer = func(e *job.Entry) error {
			switch {
			case e.Return.Minion == "bad":
				return job.Reject(job.ReasonWrongType, "key of another type")
			case e.Return.Minion == "held" && len(s.sizes) == 1:
				return fmt.Errorf("%w: away", job.ErrUnavailable)
			}
			return nil
		}
	})
	spans := tracetest.NewInMemoryExporter()
	provider := sdktrace.NewTracerProvider(sdktrace.WithSyncer(spans))
	for subject, minion := range map[string]string{bad: "bad", held: "held"} {
		r.publishBefore(subject, fmt.Sprintf(`{"id": %q, "jid": "1", "fun": "x.y", "return": 1}`, minion), header(1, 1))
	}
	_, stop := r.startWith(func(c *Consumer) { c.UseTracer(provider.Tracer("test"), propagation.TraceContext{}) })
	r.settled()
	stop()
	names := map[string][]tracetest.SpanStub{}
	for _, s := range spans.GetSpans() {
		names[s.Name] = append(names[s.Name], s)
	}
	process, settle, dead := names["process RETURNS"], names["settle RETURNS"], names["send RETURNS_DEAD"]
	if len(process) != 1 || len(settle) != 2 || len(dead) != 1 {
		t.Fatalf("%d batches, %d settlements, %d letters: want 1, 2, 1", len(process), len(settle), len(dead))
	}
	event := process[0].Events[0]
	if event.Name != "dead letter" || event.Attributes[0] != keyReason.String("wrong_type") || process[0].Status.Code == codes.Error {
		t.Errorf("the batch's span: %+v, %v", event, process[0].Status)
	}
	if got := attribute.NewSet(settle[0].Attributes...); !got.HasValue(keyHeld) || !got.HasValue(keyStored) {
		t.Errorf("the settlement has %v", settle[0].Attributes)
	}
	if dead[0].Parent.TraceID() != process[0].Links[0].SpanContext.TraceID() {
		t.Error("the letter is on another trace than its message")
	}
}

// publishBefore publishes to a stream that may not be there yet.
func (r *rig) publishBefore(subject, body string, h nats.Header) {
	r.Helper()
	if _, err := r.js.Stream(r.Context(), r.stream.Name); err != nil {
		s := &streams{cfg: r.stream, subjects: subjects, js: r.js}
		if err := s.ensure(r.Context(), true); err != nil {
			r.Fatal(err)
		}
	}
	if _, err := r.js.PublishMsg(r.Context(), &nats.Msg{Subject: subject, Data: []byte(body), Header: h}); err != nil {
		r.Fatal(err)
	}
}

// Without a tracer nothing is made, and no header is read.
func TestNoTracer(t *testing.T) {
	c := &Consumer{}
	b := &batch{deliveries: []delivery{{msg: &nats.Msg{Header: header(1, 1)}}}}
	ctx := t.Context()
	if n := testing.AllocsPerRun(100, func() {
		c.begin(ctx, b)
		if b.within(ctx) != ctx {
			t.Error("there is a span")
		}
		b.dead(job.ReasonMalformed)
		c.tracing.settled(ctx, b.taken, 1, 1, 0)
		_, span := c.tracing.letter(ctx, &letter{})
		span.End()
		b.end("")
	}); n > 0 {
		t.Errorf("%v allocations a batch", n)
	}
}
