package telemetry

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func ready(context.Context) error { return nil }

func TestReadyz(t *testing.T) {
	broken := func(context.Context) error { return errors.New("redis: NOAUTH; set redis.password_file") }
	tests := []struct {
		name   string
		checks []Check
		status int
		want   readiness
	}{
		{"no checks", nil, http.StatusOK, readiness{true, map[string]string{}}},
		{"ready", []Check{{"nats", ready}, {"redis", ready}}, http.StatusOK, readiness{true, map[string]string{"nats": "ok", "redis": "ok"}}},
		{
			"one is not",
			[]Check{{"nats", ready}, {"redis", broken}},
			http.StatusServiceUnavailable,
			readiness{false, map[string]string{"nats": "ok", "redis": "redis: NOAUTH; set redis.password_file"}},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			reply := httptest.NewRecorder()
			serveReady(test.checks)(reply, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/readyz", nil))
			var got readiness
			if err := json.Unmarshal(reply.Body.Bytes(), &got); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" || reply.Code != test.status {
				t.Errorf("status %d, want %d; (-want +got)\n%s", reply.Code, test.status, diff)
			}
		})
	}
}

// Two checks that hang, one of them deaf to its context, cost the time of one.
func TestReadyzIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		deaf := func(context.Context) error { <-release; return nil }
		slow := func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
		start := time.Now()
		got := ask(t.Context(), []Check{{"deaf", deaf}, {"slow", slow}, {"fine", ready}})
		close(release)
		if took := time.Since(start); took != checkLimit {
			t.Errorf("took %v, want %v", took, checkLimit)
		}
		if got.Ready || got.Parts["fine"] != "ok" {
			t.Errorf("got %+v", got)
		}
		for _, name := range []string{"deaf", "slow"} {
			if !strings.Contains(got.Parts[name], "no answer within 2s") {
				t.Errorf("%s: got %q", name, got.Parts[name])
			}
		}
	})
}

func TestHealthz(t *testing.T) {
	tests := []struct {
		name   string
		alive  error
		status int
		body   string
	}{
		{"alive", nil, http.StatusOK, "ok\n"},
		{"stuck", errors.New("no fetch for 3m0s"), http.StatusServiceUnavailable, "no fetch for 3m0s\n"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			reply := httptest.NewRecorder()
			alive := func() error { return test.alive }
			serveAlive(alive)(reply, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/healthz", nil))
			if got := reply.Body.String(); got != test.body || reply.Code != test.status {
				t.Errorf("got %d %q, want %d %q", reply.Code, got, test.status, test.body)
			}
		})
	}
}
