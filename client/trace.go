package client

import (
	"context"
	"strings"

	"github.com/nats-io/nats.go"
)

// Tracer follows what a client sends. Package returnd/client/oteltrace makes one of OpenTelemetry, which this package does not bring
// along. It must be safe for concurrent use.
type Tracer interface {
	// Publish is told of a document before it is sent, and may add to its headers. The subject is shown with {jid} and {minion} in
	// the place of the real ones. end is called once, with what became of it; not at all if a [Publisher] ends before it knows.
	Publish(ctx context.Context, subject string, header nats.Header) (end func(error))
	// Request does the same for a request to an endpoint.
	Request(ctx context.Context, subject string, header nats.Header) (end func(error))
}

// Tracing has everything followed that the client sends; nil is nobody.
func Tracing(t Tracer) Option {
	return func(c *Client) { c.tracer = t }
}

func (c *Client) tracePublish(ctx context.Context, m *nats.Msg) (end func(error)) {
	if c.tracer == nil {
		return untraced
	}
	shown := c.subjects.Return("{jid}", "{minion}")
	if strings.HasSuffix(m.Subject, ".new") {
		shown = c.subjects.Load("{jid}")
	}
	shown = strings.NewReplacer("%7B", "{", "%7D", "}").Replace(shown) // subjects have no braces of their own
	return c.tracer.Publish(ctx, shown, m.Header)
}

func (c *Client) traceRequest(ctx context.Context, subject string, header nats.Header) (end func(error)) {
	if c.tracer == nil {
		return untraced
	}
	return c.tracer.Request(ctx, subject, header)
}

func untraced(error) {}
