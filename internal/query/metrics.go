package query

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// metrics are the service's instruments. No jid and no minion is ever a label.
type metrics struct {
	requests metric.Int64Counter
	duration metric.Float64Histogram
	ignored  metric.Int64Counter
	parts    metric.Int64Counter
	sent     metric.Int64Counter
	streams  metric.Int64UpDownCounter
	cut      metric.Int64Counter
}

// seconds are the histogram's bounds, from a read of one key to the default time limit.
var seconds = []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}

func newMetrics(meter metric.Meter) (*metrics, error) {
	var faults []error
	counter := func(name, unit, about string) metric.Int64Counter {
		c, err := meter.Int64Counter(name, metric.WithUnit(unit), metric.WithDescription(about))
		faults = append(faults, err)
		return c
	}
	m := &metrics{
		requests: counter("returnd.query.requests", "{request}", "Requests answered, by endpoint and code."),
		ignored: counter("returnd.query.ignored", "{request}",
			"Requests without effect and answer: their reply subject is not under query.reply_prefixes."),
		parts: counter("returnd.query.parts", "{part}", "Messages of replies that came in more than one part."),
		sent:  counter("returnd.query.reply.bytes", "By", "Bytes of all replies."),
		cut:   counter("returnd.query.streams.cut", "{reply}", "Replies in parts that ended with an error, by reason."),
	}
	var err error
	m.streams, err = meter.Int64UpDownCounter("returnd.query.streams", metric.WithUnit("{reply}"),
		metric.WithDescription("Replies in parts being sent now."))
	faults = append(faults, err)
	m.duration, err = meter.Float64Histogram("returnd.query.duration", metric.WithUnit("s"),
		metric.WithDescription("Time from a request's arrival to the end of its answer."), metric.WithExplicitBucketBoundaries(seconds...))
	if err = errors.Join(append(faults, err)...); err != nil {
		return nil, fmt.Errorf("query metrics: %w", err)
	}
	return m, nil
}

// tally counts one endpoint's answers, for the metrics and for the service's STATS: micro itself sees a handler
// return at once, as the work goes on in a goroutine of its own, so its own times and errors say nothing.
type tally struct {
	endpoint string
	metrics  *metrics
	answered atomic.Int64
	failed   atomic.Int64
	busy     atomic.Int64
}

// add counts an answer of so many messages; f is nil where it is data.
func (t *tally) add(f *failure, took time.Duration, messages int) {
	t.answered.Add(1)
	t.busy.Add(int64(took))
	code := codeOK
	if f != nil {
		t.failed.Add(1)
		code = f.code
	}
	endpoint := attribute.String("endpoint", t.endpoint)
	ctx := context.Background() // counting must not end with the request
	t.metrics.requests.Add(ctx, 1, metric.WithAttributes(endpoint, attribute.String("code", strconv.Itoa(code))))
	t.metrics.duration.Record(ctx, took.Seconds(), metric.WithAttributes(endpoint))
	if messages == 1 {
		return
	}
	t.metrics.parts.Add(ctx, int64(messages), metric.WithAttributes(endpoint))
	if f != nil {
		t.metrics.cut.Add(ctx, 1, metric.WithAttributes(endpoint, attribute.String("reason", f.word())))
	}
}

func (t *tally) bytes(n int) {
	t.metrics.sent.Add(context.Background(), int64(n), metric.WithAttributes(attribute.String("endpoint", t.endpoint)))
}

// streams counts a reply in parts that begins or ends.
func (t *tally) streams(change int64) {
	t.metrics.streams.Add(context.Background(), change, metric.WithAttributes(attribute.String("endpoint", t.endpoint)))
}

func (t *tally) ignore() {
	t.metrics.ignored.Add(context.Background(), 1, metric.WithAttributes(attribute.String("endpoint", t.endpoint)))
}

// stats is the endpoint's `data` in the service's STATS; times in nanoseconds, as micro's own.
type stats struct {
	Answered              int64 `json:"answered"`
	Errors                int64 `json:"errors"`
	ProcessingTime        int64 `json:"processing_time"`
	AverageProcessingTime int64 `json:"average_processing_time"`
}

func (t *tally) stats() stats {
	s := stats{Answered: t.answered.Load(), Errors: t.failed.Load(), ProcessingTime: t.busy.Load()}
	if s.Answered > 0 {
		s.AverageProcessingTime = s.ProcessingTime / s.Answered
	}
	return s
}
