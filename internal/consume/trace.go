package consume

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"returnd/internal/job"
	"returnd/internal/trail"
)

// maxLinks bounds the links of a batch's span, as the SDK does by default; how many more there would have been stands in
// an attribute.
const maxLinks = 128

// Attributes of our own. None of them tells of a job, a minion or a payload.
const (
	keyMoreLinks = attribute.Key("returnd.batch.links_left_out")
	keyBytes     = attribute.Key("returnd.batch.bytes")
	keyAlone     = attribute.Key("returnd.batch.alone")
	keyReason    = attribute.Key("returnd.dead.reason")
	keyStored    = attribute.Key("returnd.settle.stored")
	keyHeld      = attribute.Key("returnd.settle.held")
	keyOther     = attribute.Key("returnd.settle.other")
)

// tracing makes a span for each batch and each dead letter. Its zero value makes none, reads no header and costs nothing.
type tracing struct {
	tracer          trace.Tracer // nil: off
	trail           trail.Propagator
	process, settle string // names of spans
	dead            string // the letters' stream
	about           []attribute.KeyValue
}

// UseTracer has batches followed from now on: each makes a span with links to the spans that its messages' headers name.
// It must be called before Run.
func (c *Consumer) UseTracer(tracer trace.Tracer, propagator propagation.TextMapPropagator) {
	stream := c.streams.cfg
	c.tracing = tracing{
		tracer: tracer, trail: trail.New(propagator), about: c.messaging(),
		process: "process " + stream.Name, settle: "settle " + stream.Name, dead: stream.Dead(),
	}
}

// begin notes that a writer has taken a batch.
func (c *Consumer) begin(ctx context.Context, b *batch) {
	b.taken = time.Now()
	if c.tracing.tracer != nil {
		b.span = c.tracing.batch(ctx, b)
	}
}

// batch begins the span of a batch. It has no parent, since it has as many as messages.
func (t *tracing) batch(ctx context.Context, b *batch) trace.Span {
	links, more := t.links(b.deliveries)
	_, span := t.tracer.Start(ctx, t.process, trace.WithSpanKind(trace.SpanKindConsumer), trace.WithTimestamp(b.taken), trace.WithLinks(links...))
	if span.IsRecording() {
		span.SetAttributes(t.about...)
		span.SetAttributes(
			semconv.MessagingOperationName("process"), semconv.MessagingOperationTypeProcess,
			semconv.MessagingBatchMessageCount(len(b.deliveries)), keyBytes.Int(b.bytes))
		if more > 0 {
			span.SetAttributes(keyMoreLinks.Int(more))
		}
		if b.alone {
			span.SetAttributes(keyAlone.Bool(true))
		}
	}
	return span
}

// links are the sampled spans that published the messages, and how many more there are. Where every message has a trace
// and none is sampled, one of these stands for all: so the sampler knows that the publishers have decided.
func (t *tracing) links(deliveries []delivery) (links []trace.Link, more int) {
	decided := 0
	for i := range deliveries {
		span, named := t.trail.Sampled(deliveries[i].msg.Header)
		if named {
			decided++
		}
		switch {
		case !span.IsValid():
		case len(links) > 0 && links[len(links)-1].SpanContext.Equal(span): // one span published several
		case len(links) == maxLinks:
			more++
		default:
			links = append(links, trace.Link{SpanContext: span})
		}
	}
	if len(links) == 0 && decided == len(deliveries) {
		one := trace.SpanContextFromContext(t.trail.Extract(context.Background(), deliveries[0].msg.Header))
		links = append(links, trace.Link{SpanContext: one})
	}
	return links, more
}

// settled adds what became of the deliveries since their write: the acknowledgements are on their way by now.
func (t *tracing) settled(ctx context.Context, since time.Time, all, stored, held int) {
	if t.tracer == nil || !trace.SpanFromContext(ctx).IsRecording() {
		return
	}
	_, span := t.tracer.Start(ctx, t.settle, trace.WithSpanKind(trace.SpanKindClient), trace.WithTimestamp(since))
	defer span.End()
	span.SetAttributes(t.about...)
	span.SetAttributes(
		semconv.MessagingOperationName("ack"), semconv.MessagingOperationTypeSettle, semconv.MessagingBatchMessageCount(all),
		keyStored.Int(stored), keyHeld.Int(held), keyOther.Int(all-stored-held))
}

// letter begins the span of a dead letter: it goes on the trace of its own message.
func (t *tracing) letter(ctx context.Context, l *letter) (context.Context, trace.Span) {
	if t.tracer == nil {
		return ctx, trace.SpanFromContext(ctx)
	}
	ctx = t.trail.Extract(ctx, l.delivery.msg.Header)
	return t.tracer.Start(ctx, "send "+t.dead, trace.WithSpanKind(trace.SpanKindProducer), trace.WithAttributes( //nolint:spancheck // whoever is given it ends it
		semconv.MessagingSystemKey.String("nats"), semconv.MessagingDestinationName(t.dead),
		semconv.MessagingOperationName("send"), semconv.MessagingOperationTypeSend, keyReason.String(string(l.reason.Reason))))
}

// within is ctx with the batch's span.
func (b *batch) within(ctx context.Context) context.Context {
	if b.span == nil {
		return ctx
	}
	return trace.ContextWithSpan(ctx, b.span)
}

// dead notes that a message of the batch goes to the dead letters.
func (b *batch) dead(reason job.Reason) {
	if b.span != nil && b.span.IsRecording() {
		b.span.AddEvent("dead letter", trace.WithAttributes(keyReason.String(string(reason))))
	}
}

// end ends the batch's span; fault is "" where all is settled for good.
func (b *batch) end(fault string) {
	if b.span == nil {
		return
	}
	if fault != "" {
		b.span.SetStatus(codes.Error, fault)
	}
	b.span.End()
}
