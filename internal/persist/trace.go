package persist

import (
	"context"
	"errors"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
)

// operationPipeline is what the conventions call an operation of several commands. What these commands are is told nowhere: they
// hold jobs, minions and payloads.
const operationPipeline = "PIPELINE"

// follow begins the span of a pipeline, as a child of whoever has one. Without one, or with one that is not sampled, it
// does nothing; the tracer is the parent's.
func (n *nodePipe) follow(ctx context.Context) (context.Context, trace.Span) {
	parent := trace.SpanFromContext(ctx)
	if !parent.IsRecording() {
		return ctx, parent
	}
	o := n.server.Options()
	about := append(make([]attribute.KeyValue, 0, 6),
		semconv.DBSystemNameRedis, semconv.DBOperationName(operationPipeline), semconv.DBOperationBatchSize(len(n.cmds)), semconv.DBNamespace(strconv.Itoa(o.DB)))
	return parent.TracerProvider().Tracer("returnd/persist").Start(ctx, operationPipeline, //nolint:spancheck // whoever is given it ends it
		trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(append(about, serverOf(o.Network, o.Addr)...)...))
}

func serverOf(network, addr string) []attribute.KeyValue {
	host, port, err := net.SplitHostPort(addr)
	if network == "unix" || err != nil {
		return []attribute.KeyValue{semconv.ServerAddress(addr)}
	}
	number, _ := strconv.Atoi(port) // a name of a port is no number, and left out by its zero
	return []attribute.KeyValue{semconv.ServerAddress(host), semconv.ServerPort(number)}
}

// done measures a pipeline and ends its span.
func (p *pipes) done(ctx context.Context, n *nodePipe, began time.Time, span trace.Span) {
	fault := ""
	for _, cmd := range n.cmds {
		if fault = errorType(cmd.Err()); fault != "" {
			break
		}
	}
	p.store.metrics.operation(ctx, time.Since(began), fault)
	if !span.IsRecording() {
		return
	}
	if fault != "" {
		span.SetStatus(codes.Error, fault)
		span.SetAttributes(semconv.ErrorTypeKey.String(fault))
	}
	span.End()
}

// errorType is one of a few words for a failure, "" for none: the server's own text may quote what was sent. A reply that
// is one entry's own matter fails no pipeline.
func errorType(err error) string {
	var network net.Error
	switch {
	case err == nil, errors.Is(err, redis.Nil):
		return ""
	case isReply(err):
		code, _, _ := strings.Cut(err.Error(), " ")
		if _, known := remedies[code]; !known {
			return ""
		}
		return code
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded), errors.As(err, &network) && network.Timeout():
		return "timeout"
	}
	return "connection"
}

// operation records db.client.operation.duration.
func (m *metrics) operation(ctx context.Context, took time.Duration, fault string) {
	if fault == "" {
		m.operationTime.Record(ctx, took.Seconds(), m.pipelined)
		return
	}
	m.operationTime.Record(ctx, took.Seconds(), metric.WithAttributes(
		semconv.DBSystemNameRedis, semconv.DBOperationName(operationPipeline), semconv.ErrorTypeKey.String(fault)))
}
