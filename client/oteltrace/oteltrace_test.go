package oteltrace

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/nats-io/nats.go"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"returnd/client"
)

func TestTracer(t *testing.T) {
	tests := []struct {
		name    string
		request bool
		err     error
		want    string // span's name
		word    string // of the error; "" is none
	}{
		{"published", false, nil, "send salt.job.{jid}.ret.{minion}", ""},
		{"no stream", false, client.ErrNoStream, "send salt.job.{jid}.ret.{minion}", "no_stream"},
		{"answered", true, nil, "salt.returner/get_jid", ""},
		{"refused", true, fmt.Errorf("ask: %w", &client.Error{Code: 403, Message: "secret"}), "salt.returner/get_jid", "403"},
		{"broke off with a code", true, fmt.Errorf("%w: %w", client.ErrIncomplete, &client.Error{Code: 503}), "salt.returner/get_jid", "503"},
		{"no worker", true, client.ErrNoWorker, "salt.returner/get_jid", "no_worker"},
		{"no answer", true, client.ErrNoAnswer, "salt.returner/get_jid", "timeout"},
		{"left", true, context.Canceled, "salt.returner/get_jid", "canceled"},
		{"incomplete", true, client.ErrIncomplete, "salt.returner/get_jid", "incomplete"},
		{"whatever", true, errors.New("secret"), "salt.returner/get_jid", "_OTHER"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			spans := tracetest.NewInMemoryExporter()
			provider := sdktrace.NewTracerProvider(sdktrace.WithSyncer(spans))
			tracer := New(provider, nil)
			ctx, parent := provider.Tracer("test").Start(t.Context(), "parent")
			header, start, subject := nats.Header{}, tracer.Publish, "salt.job.{jid}.ret.{minion}"
			if test.request {
				start, subject = tracer.Request, "salt.returner.get_jid"
			}
			start(ctx, subject, header)(test.err)
			got := spans.GetSpans()[0]
			if got.Name != test.want || got.Parent.SpanID() != parent.SpanContext().SpanID() {
				t.Errorf("%s, child of %v", got.Name, got.Parent.SpanID())
			}
			if want := fmt.Sprintf("00-%s-%s-01", got.SpanContext.TraceID(), got.SpanContext.SpanID()); header.Get("traceparent") != want {
				t.Errorf("headers %v, want %s", header, want)
			}
			if (got.Status.Code == codes.Error) != (test.word != "") || got.Status.Description != test.word {
				t.Errorf("status %+v, want %q", got.Status, test.word)
			}
			if kind := trace.SpanKindProducer; !test.request && got.SpanKind != kind {
				t.Errorf("kind %v", got.SpanKind)
			}
			for _, kv := range got.Attributes {
				if kv.Key == semconv.ErrorTypeKey && kv.Value.AsString() != test.word {
					t.Errorf("error.type %v", kv.Value)
				}
			}
		})
	}
}
