package bench

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.opentelemetry.io/contrib/exporters/autoexport"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/noop"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"returnd/internal/consume"
	"returnd/internal/persist"
	"returnd/internal/telemetry"
)

// BenchmarkTelemetry drains the stream within this process without telemetry, with metrics, and with traces besides, in
// turns within one run, and compares medians. It counts this process's own CPU time alone: wall time is noise on a busy
// machine. Every message
// has a trace; of a hundred, one is sampled.
func BenchmarkTelemetry(b *testing.B) {
	b.Setenv("OTEL_TRACES_EXPORTER", "bench")
	b.Setenv("OTEL_TRACES_SAMPLER", "parentbased_traceidratio")
	b.Setenv("OTEL_TRACES_SAMPLER_ARG", "0.01")
	for _, name := range []string{"burst", "scatter"} {
		b.Run(name, func(b *testing.B) {
			r := newRig(b, name)
			r.refill(b)
			ways := []way{{name: "off"}, {name: "metrics", meters: true}, {name: "traces", meters: true, traces: true}}
			spent := make([][]cost, len(ways))
			rounds := 0
			for b.Loop() {
				for i := range ways { // the first one in a round differs, lest a warm cache favours one
					at := (i + rounds) % len(ways)
					spent[at] = append(spent[at], r.through(b, ways[at]))
				}
				rounds++
			}
			cpu, wall := make([]float64, len(ways)), make([]float64, len(ways))
			for i, w := range ways {
				cpu[i] = median(spent[i], func(c cost) time.Duration { return c.client })
				wall[i] = median(spent[i], func(c cost) time.Duration { return c.wall })
				b.ReportMetric(cpu[i]/float64(len(r.docs))*1e6, w.name+"-cpu-s/M")
			}
			b.ReportMetric(cpu[0]/cpu[1], "metrics-of-off-by-cpu")
			b.ReportMetric(cpu[1]/cpu[2], "traces-of-metrics-by-cpu")
			b.ReportMetric(wall[0]/wall[1], "metrics-of-off")
			b.ReportMetric(wall[1]/wall[2], "traces-of-metrics")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// way is how much of a worker is looked at.
type way struct {
	name           string
	meters, traces bool
}

func median(all []cost, of func(cost) time.Duration) float64 {
	times := make([]time.Duration, len(all))
	for i, c := range all {
		times[i] = of(c)
	}
	slices.Sort(times)
	return times[len(times)/2].Seconds()
}

// discarding takes spans as a collector would that is never slow.
type discarding struct{}

func (discarding) ExportSpans(context.Context, []sdktrace.ReadOnlySpan) error { return nil }
func (discarding) Shutdown(context.Context) error                             { return nil }

func init() { //nolint:gochecknoinits // the registry is the library's, and takes a name once
	autoexport.RegisterSpanExporter("bench", func(context.Context) (sdktrace.SpanExporter, error) { return discarding{}, nil })
}

// refill gives every message the context of a span of its own.
func (r *rig) refill(b *testing.B) {
	b.Helper()
	stream, err := r.js.Stream(b.Context(), "RETURNS")
	if err != nil {
		b.Fatal(err)
	}
	if err := stream.Purge(b.Context()); err != nil {
		b.Fatal(err)
	}
	for i, d := range r.docs {
		flags := 0
		if i%100 == 0 {
			flags = 1
		}
		m := &nats.Msg{Subject: subjects.Return(d.jid, d.minion), Data: d.body, Header: nats.Header{
			"traceparent": {fmt.Sprintf("00-%032x-%016x-%02x", i+1, i+1, flags)},
		}}
		if _, err := r.js.PublishMsgAsync(m, jetstream.WithStallWait(time.Minute)); err != nil {
			b.Fatal(err)
		}
	}
	<-r.js.PublishAsyncComplete()
}

// through drains the whole stream once.
func (r *rig) through(b *testing.B, w way) cost {
	b.Helper()
	r.client.FlushAll(b.Context())
	tel, err := telemetry.Start(b.Context(), telemetry.Build{}, slog.New(slog.DiscardHandler))
	if err != nil {
		b.Fatal(err)
	}
	defer tel.Shutdown(b.Context())
	meter := func(string) metric.Meter { return noop.Meter{} }
	if w.meters {
		meter = tel.Metrics.Meter
	}
	nc, err := nats.Connect(r.nats.URL)
	if err != nil {
		b.Fatal(err)
	}
	defer nc.Close()
	store := r.measuredStore(b, meter("persist"))
	defer func() { _ = store.Close() }()
	cfg := consume.DefaultConfig()
	cfg.Durable = "telemetry"
	c, err := consume.New(cfg, consume.DefaultStreamConfig(), subjects, nc, store, tel.Log, meter("consume"))
	if err != nil {
		b.Fatal(err)
	}
	if provider, propagator, on := tel.Tracing(); on && w.traces {
		c.UseTracer(provider.Tracer("bench"), propagator)
	}
	ctx, cancel := context.WithCancel(b.Context())
	ended := make(chan error, 1)
	began, before := time.Now(), ownCPU(b)
	go func() { ended <- c.Run(ctx) }()
	r.waitFor(b, cfg.Durable, func(i *jetstream.ConsumerInfo) bool { return i.NumPending == 0 && i.NumAckPending == 0 })
	if w.meters {
		tel.Metrics.Handler().ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(ctx, http.MethodGet, "/metrics", http.NoBody))
	}
	spent := cost{wall: time.Since(began), client: ownCPU(b) - before}
	cancel()
	if err := <-ended; err != nil {
		b.Fatal(err)
	}
	if err := r.js.DeleteConsumer(b.Context(), "RETURNS", cfg.Durable); err != nil {
		b.Fatal(err)
	}
	return spent
}

func (r *rig) measuredStore(b *testing.B, meter metric.Meter) *persist.Store {
	b.Helper()
	host, port, err := net.SplitHostPort(r.redis.Addr)
	if err != nil {
		b.Fatal(err)
	}
	cfg := persist.DefaultConfig()
	cfg.Redis.Host, cfg.Redis.ReadTimeout = host, 10*time.Second
	cfg.Redis.Port, _ = strconv.Atoi(port)
	s, err := persist.New(cfg, nil, slog.New(slog.DiscardHandler), meter)
	if err != nil {
		b.Fatal(err)
	}
	return s
}

// ownCPU is what this process has used so far.
func ownCPU(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
