package persist

import (
	"errors"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
)

type metrics struct {
	writeTime      metric.Float64Histogram
	noPointer      metric.Int64Counter
	repeated       metric.Int64Counter
	unknownProfile metric.Int64Counter
	operationTime  metric.Float64Histogram
	pipelined      metric.MeasurementOption // of a pipeline that did not fail
}

func newMetrics(meter metric.Meter) (*metrics, error) {
	var m metrics
	var errs [5]error
	m.writeTime, errs[0] = meter.Float64Histogram("returnd.redis.write.duration", metric.WithUnit("s"),
		metric.WithDescription("Time to write one batch to Redis"),
		metric.WithExplicitBucketBoundaries(.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10))
	m.noPointer, errs[1] = meter.Int64Counter("returnd.redis.returns.without_pointer", metric.WithUnit("{return}"),
		metric.WithDescription("Returns of minions named ret or load, stored without a pointer"))
	m.repeated, errs[2] = meter.Int64Counter("returnd.redis.returns.repeated", metric.WithUnit("{return}"),
		metric.WithDescription("Returns that were in Redis already"))
	m.unknownProfile, errs[3] = meter.Int64Counter("returnd.redis.profile.unknown", metric.WithUnit("{return}"),
		metric.WithDescription("Returns and requests that named an unknown profile and went to the default"))
	m.operationTime, errs[4] = meter.Float64Histogram("db.client.operation.duration", metric.WithUnit("s"),
		metric.WithDescription("Time from sending a pipeline to one Redis server to its last reply"),
		metric.WithExplicitBucketBoundaries(.001, .005, .01, .05, .1, .5, 1, 5, 10))
	m.pipelined = metric.WithAttributeSet(attribute.NewSet(semconv.DBSystemNameRedis, semconv.DBOperationName(operationPipeline)))
	return &m, errors.Join(errs[:]...)
}
