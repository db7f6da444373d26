// Package oteltrace has OpenTelemetry follow what a client of returnd publishes and asks:
//
//	c := client.New(nc, client.Tracing(oteltrace.New(otel.GetTracerProvider(), otel.GetTextMapPropagator())))
//
// What enters is the context of a call, with the caller's own span in it perhaps. What leaves is a span for each document and each
// request, and its context in the message's headers, where the workers find it. No span holds a jid, a minion or a payload.
package oteltrace

import (
	"context"
	"errors"
	"strconv"
	"strings"

	"github.com/nats-io/nats.go"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"returnd/client"
	"returnd/internal/trail"
)

// Tracer is a [client.Tracer].
type Tracer struct {
	tracer trace.Tracer
	trail  trail.Propagator
}

// New makes a tracer; without a propagator it is the W3C's trace context.
func New(provider trace.TracerProvider, propagator propagation.TextMapPropagator) *Tracer {
	if propagator == nil {
		propagator = propagation.TraceContext{}
	}
	return &Tracer{provider.Tracer("returnd/client"), trail.New(propagator)}
}

// Publish begins the span of a document.
func (t *Tracer) Publish(ctx context.Context, subject string, header nats.Header) (end func(error)) {
	return t.start(ctx, "send "+subject, header, trace.WithSpanKind(trace.SpanKindProducer), trace.WithAttributes(
		semconv.MessagingSystemKey.String("nats"), semconv.MessagingDestinationTemplate(subject),
		semconv.MessagingOperationName("send"), semconv.MessagingOperationTypeSend))
}

// Request begins the span of a request.
func (t *Tracer) Request(ctx context.Context, subject string, header nats.Header) (end func(error)) {
	method := subject
	if at := strings.LastIndexByte(subject, '.'); at >= 0 {
		method = subject[:at] + "/" + subject[at+1:]
	}
	return t.start(ctx, method, header, trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(
		semconv.RPCSystemNameKey.String("nats"), semconv.RPCMethod(method)))
}

func (t *Tracer) start(ctx context.Context, name string, header nats.Header, options ...trace.SpanStartOption) (end func(error)) {
	ctx, span := t.tracer.Start(ctx, name, options...) //nolint:spancheck // whoever is given it ends it
	t.trail.Inject(ctx, header)
	return func(err error) { //nolint:spancheck // whoever is given it ends it
		if err != nil {
			what, code := typeOf(err)
			span.SetStatus(codes.Error, what)
			span.SetAttributes(code...)
		}
		span.End()
	}
}

// typeOf is a word for an error: its text may quote what was sent.
func typeOf(err error) (word string, attributes []attribute.KeyValue) {
	var answered *client.Error
	switch {
	case errors.As(err, &answered):
		word = strconv.Itoa(answered.Code)
		attributes = append(attributes, semconv.RPCResponseStatusCode(word))
	case errors.Is(err, client.ErrNoWorker):
		word = "no_worker"
	case errors.Is(err, client.ErrNoStream):
		word = "no_stream"
	case errors.Is(err, client.ErrNoAnswer), errors.Is(err, context.DeadlineExceeded):
		word = "timeout"
	case errors.Is(err, context.Canceled):
		word = "canceled"
	case errors.Is(err, client.ErrIncomplete):
		word = "incomplete"
	default:
		word = "_OTHER"
	}
	return word, append(attributes, semconv.ErrorTypeKey.String(word))
}
