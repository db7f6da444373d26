package query

import (
	"context"
	"errors"
	"strconv"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"returnd/internal/job"
	"returnd/internal/trail"
)

// Attributes of our own. None of them tells of a job, a minion, a key or a payload.
const (
	keyParts  = attribute.Key("returnd.reply.messages")
	keyReason = attribute.Key("returnd.reply.reason")
)

// tracing makes a span for each request. Its zero value makes none, reads no header and costs nothing.
type tracing struct {
	tracer trace.Tracer // nil: off
	trail  trail.Propagator
	system string // what stands before the endpoint in a span's name
}

// UseTracer has requests followed from now on: each makes a span, whose parent its headers may name. It must be called
// before Run.
func (s *Service) UseTracer(tracer trace.Tracer, propagator propagation.TextMapPropagator) {
	s.tracing = tracing{tracer: tracer, trail: trail.New(propagator), system: s.subjects.Returner() + "/"}
}

// begin starts the span of a request.
func (t *tracing) begin(ctx context.Context, e *endpoint, c *call) context.Context {
	if t.tracer == nil {
		return ctx
	}
	method := t.system + e.Name
	ctx, c.span = t.tracer.Start(t.trail.Extract(ctx, c.msg.Headers()), method, //nolint:spancheck // the end of the call ends it
		trace.WithSpanKind(trace.SpanKindServer), trace.WithTimestamp(c.began),
		trace.WithAttributes(semconv.RPCSystemNameKey.String("nats"), semconv.RPCMethod(method)))
	return ctx
}

// store begins the span of what an endpoint does with Redis. It has no statement: that would hold keys.
func (t *tracing) store(ctx context.Context, e *endpoint) (_ context.Context, end func(error)) {
	if t.tracer == nil || !trace.SpanFromContext(ctx).IsRecording() {
		return ctx, func(error) {}
	}
	ctx, span := t.tracer.Start(ctx, "redis "+e.Name, trace.WithSpanKind(trace.SpanKindClient), //nolint:spancheck // whoever is given it ends it
		trace.WithAttributes(semconv.DBSystemNameRedis, semconv.DBOperationName(e.Name)))
	return ctx, func(err error) { //nolint:spancheck // whoever is given it ends it
		if errors.Is(err, job.ErrUnavailable) {
			span.SetStatus(codes.Error, "unavailable")
		}
		span.End()
	}
}

// answered notes what a request was answered with; f is nil where it is data. Only what is our own fault is an error here.
func (c *call) answered(f *failure, messages int) {
	if c.span == nil || !c.span.IsRecording() {
		return
	}
	c.span.AddEvent("reply", trace.WithAttributes(keyParts.Int(messages)))
	if f == nil {
		return
	}
	code := strconv.Itoa(f.code)
	c.span.SetAttributes(semconv.RPCResponseStatusCode(code), semconv.ErrorTypeKey.String(code), keyReason.String(f.word()))
	if f.code >= codeInternal {
		c.span.SetStatus(codes.Error, f.word())
	}
}
