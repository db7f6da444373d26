package torture

import (
	"context"
	"testing"
	"time"

	"returnd/internal/consume"
	"returnd/internal/job"
	"returnd/internal/persist"
	"returnd/test/servers"
)

// The planted faults of a worker. Both tell the consumer that all is stored.
type (
	// forgiving ignores what the server says of the commands.
	forgiving struct{ store consume.Sink }
	// hasty writes after it has answered; what it has not written when it is killed is gone.
	hasty struct {
		store  consume.Sink
		later  chan []job.Entry
		killed chan struct{}
	}
)

func (f forgiving) Write(ctx context.Context, entries []job.Entry) []error {
	f.store.Write(ctx, entries)
	return make([]error, len(entries))
}

func (h hasty) Write(_ context.Context, entries []job.Entry) []error {
	h.later <- append([]job.Entry(nil), entries...) // the consumer uses its slice again
	return make([]error, len(entries))
}

func (h hasty) run() {
	for {
		select {
		case <-h.killed:
			return
		case entries := <-h.later:
			h.store.Write(context.Background(), entries)
		}
	}
}

// TestFaultsCatchALyingWorker shows that an outage of Redis and the death of a worker in it bring a worker to light
// that acknowledges before or without the write, and clear an honest one.
func TestFaultsCatchALyingWorker(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		lie  func(store consume.Sink, killed chan struct{}) consume.Sink
		want bool
	}{
		{"honest", func(store consume.Sink, _ chan struct{}) consume.Sink { return store }, false},
		{"errors ignored", func(store consume.Sink, _ chan struct{}) consume.Sink { return forgiving{store} }, true},
		{"acknowledged before the write", func(store consume.Sink, killed chan struct{}) consume.Sink {
			h := hasty{store, make(chan []job.Entry, 1000), killed}
			go h.run()
			return h
		}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			faults := outage(t, tt.lie)
			if got := len(faults) > 0; got != tt.want {
				t.Errorf("the oracle finds %d faults, want some: %v\n%.1000q", len(faults), tt.want, faults)
			}
		})
	}
}

// outage publishes while Redis is stopped and killed, lets the worker die in it and another take over.
func outage(t *testing.T, lie func(consume.Sink, chan struct{}) consume.Sink) []string {
	t.Helper()
	redis := servers.Redis(t, "--appendonly", "yes", "--appendfsync", "always")
	s := newStores(t, redis, func(c *persist.Config) {
		c.Redis.ReadTimeout, c.Redis.DialTimeout = 200*time.Millisecond, 200*time.Millisecond
	})
	b := connect(t, servers.EmbeddedNATS(t).ClientURL())
	b.create(prefix)
	cfg := consume.DefaultConfig()
	cfg.AckWait, cfg.Batch.Returns = time.Second, 16

	killed := make(chan struct{})
	first := begin(t, b, cfg, lie(s.all[0], killed))
	g := &generator{broker: connect(t, b.nc.ConnectedUrl()), prefix: prefix, oracle: newOracle()}
	published := make(chan struct{})
	go func() {
		defer close(published)
		g.run(t, steady(time.Now(), 20, 20), 1500*time.Millisecond, killed)
	}()
	servers.Eventually(t, drainLimit, "some returns published", func() bool { return g.sent.Load() > 40 })
	redis.Stop()
	pace(workInHand)
	close(killed)
	redis.Kill()
	<-published
	redis.Restart()
	first()
	begin(t, b, cfg, s.all[1])
	servers.Eventually(t, drainLimit, "the stream is drained", func() bool { return b.drained(prefix, cfg.Durable) })
	keys, err := readKeyspace(t.Context(), s.redis)
	if err != nil {
		t.Fatal(err)
	}
	return g.oracle.faults(keys, time.Now(), historyLimit())
}

// begin runs a consumer until the function returned is called, or the test ends.
func begin(t *testing.T, b broker, cfg consume.Config, sink consume.Sink) (stop func()) {
	t.Helper()
	worker, err := consumer(b, prefix, cfg, sink)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- worker.Run(ctx); close(ended) }()
	stop = func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run: %v", err)
		}
	}
	t.Cleanup(stop)
	return stop
}
