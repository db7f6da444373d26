package trail

import (
	"context"
	"net/textproto"
	"slices"

	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// Header is a message's headers, as a propagator sees them.
type Header map[string][]string

// Get is the first value. NATS leaves the case of names to whoever writes them, so HTTP's spelling is read too.
func (h Header) Get(name string) string {
	return h.first(name, textproto.CanonicalMIMEHeaderKey(name))
}

func (h Header) first(name, other string) string {
	values := h[name]
	if len(values) == 0 {
		values = h[other]
	}
	if len(values) == 0 {
		return ""
	}
	return values[0]
}

// Set replaces a header.
func (h Header) Set(name, value string) { h[name] = []string{value} }

// Keys lists the names.
func (h Header) Keys() []string {
	names := make([]string, 0, len(h))
	for name := range h {
		names = append(names, name)
	}
	return names
}

// The headers of https://www.w3.org/TR/trace-context/, and baggage.
const (
	traceparent = "traceparent"
	tracestate  = "tracestate"
	baggage     = "baggage"
	canonical   = "Traceparent"
)

// Propagator reads and writes contexts. Its zero value does neither.
type Propagator struct {
	propagator propagation.TextMapPropagator
	// w3c tells that traceparent alone decides.
	w3c bool
}

// New wraps a propagator.
func New(p propagation.TextMapPropagator) Propagator {
	fields := p.Fields()
	others := slices.ContainsFunc(fields, func(name string) bool {
		return name != traceparent && name != tracestate && name != baggage
	})
	return Propagator{propagator: p, w3c: !others && slices.Contains(fields, traceparent)}
}

// Inject adds the context of ctx's span to the headers.
func (p Propagator) Inject(ctx context.Context, header map[string][]string) {
	if p.propagator != nil {
		p.propagator.Inject(ctx, Header(header))
	}
}

// Extract is ctx with the span that the headers name, or ctx itself.
func (p Propagator) Extract(ctx context.Context, header map[string][]string) context.Context {
	if p.propagator == nil || len(header) == 0 {
		return ctx
	}
	return p.propagator.Extract(ctx, Header(header))
}

// Sampled is the context of the span that the headers name if its trace is sampled. named tells whether they name one.
func (p Propagator) Sampled(header map[string][]string) (sampled trace.SpanContext, named bool) {
	if p.propagator == nil || len(header) == 0 {
		return trace.SpanContext{}, false
	}
	if p.w3c {
		text := Header(header).first(traceparent, canonical)
		if text == "" {
			return trace.SpanContext{}, false
		}
		if unsampled(text) {
			return trace.SpanContext{}, true
		}
	}
	span := trace.SpanContextFromContext(p.Extract(context.Background(), header))
	if !span.IsSampled() {
		return trace.SpanContext{}, span.IsValid()
	}
	return span, span.IsValid()
}

// unsampled reads the last bit of a traceparent of version 00: 00-<trace, 32>-<span, 16>-<flags, 2>. What is no such
// text is for the propagator to judge.
func unsampled(text string) bool {
	const length = 55
	if len(text) != length || text[:3] != "00-" || text[length-3] != '-' {
		return false
	}
	switch text[length-1] {
	case '0', '2', '4', '6', '8', 'a', 'c', 'e':
		return true
	}
	return false
}
