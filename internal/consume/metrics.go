package consume

import (
	"context"
	"errors"
	"sync/atomic"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"

	"returnd/internal/job"
)

type metrics struct {
	// One for each message: counted here, and read when somebody looks.
	fetched, redelivered atomic.Int64

	stored, noCache, held, naked, dead, deadFailed metric.Int64Counter
	batchSize                                      metric.Int64Histogram
	batchAge, latency, process                     metric.Float64Histogram
	messaging                                      metric.MeasurementOption // what the conventions want to know of process
	reasons                                        map[job.Reason]metric.MeasurementOption
}

func newMetrics(meter metric.Meter) (*metrics, error) {
	m := &metrics{reasons: map[job.Reason]metric.MeasurementOption{}}
	for _, r := range job.Reasons() {
		m.reasons[r] = metric.WithAttributes(attribute.String("reason", string(r)))
	}
	var errs []error
	count := func(name, what string) metric.Int64Counter {
		c, err := meter.Int64Counter(name, metric.WithUnit("{return}"), metric.WithDescription(what))
		errs = append(errs, err)
		return c
	}
	m.stored = count("returnd.consume.stored", "Messages acknowledged after their write was confirmed")
	m.noCache = count("returnd.consume.nocache", "Returns that asked not to be kept")
	m.held = count("returnd.consume.held", "Times a message was held because Redis was away")
	m.naked = count("returnd.consume.nak", "Messages given back to the stream for later")
	m.dead = count("returnd.consume.dead", "Messages put into the dead letters, by reason")
	m.deadFailed = count("returnd.consume.dead.failed", "Dead letters that could not be published, and stay in the stream")
	var err error
	m.batchSize, err = meter.Int64Histogram("returnd.consume.batch.size", metric.WithUnit("{return}"),
		metric.WithDescription("Messages in a batch"),
		metric.WithExplicitBucketBoundaries(1, 4, 16, 64, 256, 512, 1024, 2048, 4096))
	errs = append(errs, err)
	m.batchAge, err = meter.Float64Histogram("returnd.consume.batch.age", metric.WithUnit("s"),
		metric.WithDescription("Age of a batch's first message when the batch was settled"),
		metric.WithExplicitBucketBoundaries(.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60))
	errs = append(errs, err)
	m.latency, err = meter.Float64Histogram("returnd.consume.latency", metric.WithUnit("s"),
		metric.WithDescription("Time from the stream's having the oldest message of a batch to the confirmed write, by both machines' clocks"),
		metric.WithExplicitBucketBoundaries(.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 600, 3600))
	errs = append(errs, err)
	m.process, err = meter.Float64Histogram("messaging.process.duration", metric.WithUnit("s"),
		metric.WithDescription("Time from a batch's being taken to its settlement"),
		metric.WithExplicitBucketBoundaries(.005, .01, .025, .05, .075, .1, .25, .5, .75, 1, 2.5, 5, 7.5, 10))
	return m, errors.Join(append(errs, err)...)
}

func (m *metrics) deadLetter(ctx context.Context, r job.Reason) { m.dead.Add(ctx, 1, m.reasons[r]) }

// observe registers what is read off the consumer when somebody looks.
func (c *Consumer) observe(meter metric.Meter) error {
	lag, err1 := meter.Int64ObservableGauge("returnd.consume.lag", metric.WithUnit("{message}"),
		metric.WithDescription("Messages in the stream not yet handed to any worker"))
	unacked, err2 := meter.Int64ObservableGauge("returnd.consume.unacked", metric.WithUnit("{message}"),
		metric.WithDescription("Messages handed to workers and not yet settled"))
	oldest, err3 := meter.Float64ObservableGauge("returnd.consume.oldest", metric.WithUnit("s"),
		metric.WithDescription("Age of the oldest unsettled message"))
	holding, err4 := meter.Int64ObservableGauge("returnd.consume.holding", metric.WithUnit("{message}"),
		metric.WithDescription("Messages that this worker holds"))
	fetched, err5 := meter.Int64ObservableCounter("returnd.consume.fetched", metric.WithUnit("{return}"),
		metric.WithDescription("Messages taken off the stream, loads and redeliveries included"))
	consumed, err7 := meter.Int64ObservableCounter("messaging.client.consumed.messages", metric.WithUnit("{message}"),
		metric.WithDescription("Messages delivered to this worker"))
	redelivered, err6 := meter.Int64ObservableCounter("returnd.consume.redelivered", metric.WithUnit("{return}"),
		metric.WithDescription("Messages that came again"))
	if err := errors.Join(err1, err2, err3, err4, err5, err6, err7); err != nil {
		return err
	}
	about := c.conventions("receive")
	_, err := meter.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		s := c.watch.load()
		o.ObserveInt64(lag, int64(s.pending))
		o.ObserveInt64(unacked, int64(s.unacked))
		o.ObserveFloat64(oldest, s.oldest.Seconds())
		o.ObserveInt64(holding, int64(c.queue.size()))
		o.ObserveInt64(fetched, c.metrics.fetched.Load())
		o.ObserveInt64(consumed, c.metrics.fetched.Load(), about)
		o.ObserveInt64(redelivered, c.metrics.redelivered.Load())
		return nil
	}, lag, unacked, oldest, holding, fetched, consumed, redelivered)
	return err
}

// conventions are the attributes that https://opentelemetry.io/docs/specs/semconv/messaging/messaging-metrics/ asks for.
func (c *Consumer) conventions(operation string) metric.MeasurementOption {
	return metric.WithAttributeSet(attribute.NewSet(append(c.messaging(), semconv.MessagingOperationName(operation))...))
}

func (c *Consumer) messaging() []attribute.KeyValue {
	return []attribute.KeyValue{
		semconv.MessagingSystemKey.String("nats"),
		semconv.MessagingDestinationName(c.streams.cfg.Name),
		semconv.MessagingConsumerGroupName(c.cfg.Durable),
	}
}
