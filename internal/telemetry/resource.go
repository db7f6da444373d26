package telemetry

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"runtime"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/sdk/resource"
)

// Build is which program this is.
type Build struct {
	// Version and Commit are what `worker version` prints.
	Version, Commit string
}

// resource is what every span, metric and log line is of. OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES come last and win.
func (b Build) resource() (*resource.Resource, error) {
	about, err := resource.New(context.Background(),
		resource.WithTelemetrySDK(),
		resource.WithAttributes(
			attribute.String("service.name", "returnd"),
			attribute.String("service.version", cmp.Or(b.Version, "unknown")),
			attribute.String("service.instance.id", instanceID()),
		),
		resource.WithFromEnv())
	if err != nil {
		return nil, fmt.Errorf("read OTEL_RESOURCE_ATTRIBUTES: %w", err)
	}
	return about, nil
}

// instanceID is a random UUID, as the conventions recommend: replicas on one machine, or of one image, share all else.
func instanceID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// observe makes returnd_build_info, which is always 1: what it says stands in its labels.
func (b Build) observe(meter metric.Meter) error {
	labels := metric.WithAttributes(
		attribute.String("version", cmp.Or(b.Version, "unknown")),
		attribute.String("commit", cmp.Or(b.Commit, "unknown")),
		attribute.String("goversion", runtime.Version()),
	)
	_, err := meter.Int64ObservableGauge("returnd.build.info", metric.WithDescription("The build that runs, in the labels; always 1"),
		metric.WithInt64Callback(func(_ context.Context, o metric.Int64Observer) error {
			o.Observe(1, labels)
			return nil
		}))
	if err != nil {
		return fmt.Errorf("make returnd_build_info: %w", err)
	}
	return nil
}
