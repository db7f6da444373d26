package main

import (
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestHealthcheck(t *testing.T) {
	ready := false
	worker := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/readyz" && !ready {
			http.Error(w, `{"ready":false,"parts":{"redis":"start it"}}`, http.StatusServiceUnavailable)
		}
	}))
	defer worker.Close()
	addr := worker.Listener.Addr().String()
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		args []string
		code int
		says string
	}{
		{"alive", []string{"--http.addr", addr}, 0, ""},
		{"alive, on every address", []string{"--http.addr", ":" + port}, 0, ""},
		{"not ready", []string{"--ready", "--http.addr", addr}, 1, "start it"},
		{"nobody there", []string{"--http.addr", "127.0.0.1:1"}, 1, "no worker answers"},
		{"nothing served", []string{"--http.addr", ""}, 2, "http.addr is empty"},
		{"any port", []string{"--http.addr", "127.0.0.1:0"}, 2, "fixed port"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var out, errs strings.Builder
			code := execute(t.Context(), append([]string{"healthcheck"}, tt.args...), strings.NewReader(""), &out, &errs)
			if code != tt.code || !strings.Contains(errs.String(), tt.says) {
				t.Errorf("exit code %d, want %d; it says %q, want %q", code, tt.code, errs.String(), tt.says)
			}
		})
	}
	ready = true
	if err := checkHealth(t.Context(), addr, "/readyz"); err != nil {
		t.Errorf("ready: %v", err)
	}
}
