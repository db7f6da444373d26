package bench

import (
	"context"
	"log/slog"
	"net"
	"strconv"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.opentelemetry.io/otel/metric/noop"

	"returnd/internal/consume"
	"returnd/internal/persist"
)

// BenchmarkPipeline drains the stream within this process, so that -cpuprofile and -memprofile show the worker's own
// work.
func BenchmarkPipeline(b *testing.B) {
	for _, name := range []string{"burst", "scatter"} {
		b.Run(name, func(b *testing.B) {
			r := newRig(b, name)
			b.ReportAllocs()
			for b.Loop() {
				r.client.FlushAll(b.Context())
				r.pipeline(b)
				if err := r.js.DeleteConsumer(b.Context(), "RETURNS", "pipeline"); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N*len(r.docs))/b.Elapsed().Seconds(), "returns/s")
		})
	}
}

func (r *rig) pipeline(b *testing.B) {
	b.Helper()
	nc, err := nats.Connect(r.nats.URL)
	if err != nil {
		b.Fatal(err)
	}
	defer nc.Close()
	store := r.store(b)
	defer func() { _ = store.Close() }()
	cfg := consume.DefaultConfig()
	cfg.Durable = "pipeline"
	c, err := consume.New(cfg, consume.DefaultStreamConfig(), subjects, nc, store, slog.New(slog.DiscardHandler), noop.Meter{})
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(b.Context())
	ended := make(chan error, 1)
	go func() { ended <- c.Run(ctx) }()
	r.waitFor(b, cfg.Durable, func(i *jetstream.ConsumerInfo) bool { return i.NumPending == 0 && i.NumAckPending == 0 })
	cancel()
	if err := <-ended; err != nil {
		b.Fatal(err)
	}
}

func (r *rig) store(b *testing.B) *persist.Store {
	b.Helper()
	host, port, err := net.SplitHostPort(r.redis.Addr)
	if err != nil {
		b.Fatal(err)
	}
	cfg := persist.DefaultConfig()
	cfg.Redis.Host = host
	cfg.Redis.Port, _ = strconv.Atoi(port)
	cfg.Redis.ReadTimeout = 10 * time.Second
	s, err := persist.New(cfg, nil, slog.New(slog.DiscardHandler), noop.Meter{})
	if err != nil {
		b.Fatal(err)
	}
	return s
}
