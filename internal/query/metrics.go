package query

import (
	"context"
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
}

// seconds are the histogram's bounds, from a read of one key to the default time limit.
var seconds = []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}

func newMetrics(meter metric.Meter) (*metrics, error) {
	requests, err := meter.Int64Counter("returnd.query.requests", metric.WithUnit("{request}"),
		metric.WithDescription("Requests answered, by endpoint and code."))
	if err != nil {
		return nil, fmt.Errorf("query metrics: %w", err)
	}
	duration, err := meter.Float64Histogram("returnd.query.duration", metric.WithUnit("s"),
		metric.WithDescription("Time from a request's arrival to its answer."), metric.WithExplicitBucketBoundaries(seconds...))
	if err != nil {
		return nil, fmt.Errorf("query metrics: %w", err)
	}
	ignored, err := meter.Int64Counter("returnd.query.ignored", metric.WithUnit("{request}"),
		metric.WithDescription("Requests without effect and answer: their reply subject is not under query.reply_prefixes."))
	if err != nil {
		return nil, fmt.Errorf("query metrics: %w", err)
	}
	return &metrics{requests: requests, duration: duration, ignored: ignored}, nil
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

func (t *tally) add(code int, took time.Duration) {
	t.answered.Add(1)
	t.busy.Add(int64(took))
	if code != codeOK {
		t.failed.Add(1)
	}
	endpoint := attribute.String("endpoint", t.endpoint)
	ctx := context.Background() // counting must not end with the request
	t.metrics.requests.Add(ctx, 1, metric.WithAttributes(endpoint, attribute.String("code", strconv.Itoa(code))))
	t.metrics.duration.Record(ctx, took.Seconds(), metric.WithAttributes(endpoint))
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
