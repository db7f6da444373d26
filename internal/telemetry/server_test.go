package telemetry

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
)

func newServer(t *testing.T, addr string, metrics *Metrics, checks ...Check) *Server {
	t.Helper()
	return New(addr, metrics, func() error { return nil }, checks, slog.New(slog.DiscardHandler))
}

func testMetrics(t *testing.T) *Metrics {
	t.Helper()
	build := Build{Version: "v1.2.3", Commit: "abc"}
	about, err := build.resource()
	if err != nil {
		t.Fatal(err)
	}
	metrics, err := newMetrics(build, about)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := metrics.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return metrics
}

// get fetches without keeping the connection, which would look like a leak.
func get(t *testing.T, url string) (int, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Close = true
	reply, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer reply.Body.Close()
	body, err := io.ReadAll(reply.Body)
	if err != nil {
		t.Fatal(err)
	}
	return reply.StatusCode, string(body)
}

func TestServer(t *testing.T) {
	metrics := testMetrics(t)
	counter, err := metrics.Meter("returnd/consume").Int64Counter("returnd.consume.fetched")
	if err != nil {
		t.Fatal(err)
	}
	counter.Add(t.Context(), 3)
	server := newServer(t, "127.0.0.1:0", metrics, Check{"nats", ready})
	if err := server.Listen(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- server.Run(ctx) }()

	tests := []struct {
		path   string
		status int
		want   []string
	}{
		{"/healthz", http.StatusOK, []string{"ok\n"}},
		{"/readyz", http.StatusOK, []string{`{"ready":true,"parts":{"nats":"ok"}}`}},
		{"/metrics", http.StatusOK, []string{
			"returnd_consume_fetched_total 3", "go_goroutines", "process_", `service_name="returnd"`, `service_version="v1.2.3"`, `service_instance_id="`,
			`returnd_build_info{commit="abc",goversion="go`,
		}},
		{"/nothing", http.StatusNotFound, nil},
	}
	for _, test := range tests {
		t.Run(test.path, func(t *testing.T) {
			status, body := get(t, "http://"+server.Addr()+test.path)
			if status != test.status {
				t.Errorf("status %d, want %d", status, test.status)
			}
			for _, want := range test.want {
				if !strings.Contains(body, want) {
					t.Errorf("no %q in\n%s", want, body)
				}
			}
		})
	}
	cancel()
	if err := <-done; err != nil {
		t.Errorf("Run: %v", err)
	}
}

func TestServerAddressTaken(t *testing.T) {
	metrics := testMetrics(t)
	first := newServer(t, "127.0.0.1:0", metrics)
	if err := first.Listen(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	err := newServer(t, first.Addr(), metrics).Run(t.Context())
	if err == nil || !strings.Contains(err.Error(), "http.addr "+first.Addr()) {
		t.Errorf("got %v, want http.addr and the address in it", err)
	}
}

func TestServerOff(t *testing.T) {
	server := newServer(t, "", testMetrics(t))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := server.Run(ctx); err != nil || server.Addr() != "" {
		t.Errorf("got %v at %q, want nothing served", err, server.Addr())
	}
	if err := server.Close(); err != nil {
		t.Error(err)
	}
}

// Two sets of meters in one process must not meet in a global registry.
func TestMetricsAreApart(t *testing.T) {
	first, second := testMetrics(t), testMetrics(t)
	for _, metrics := range []*Metrics{first, second} {
		if _, err := metrics.Meter("part").Int64Counter("same.name"); err != nil {
			t.Error(err)
		}
	}
}
