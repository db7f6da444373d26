package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"returnd/internal/cfg"
)

// stopGoal is what supervisors wait before they kill.
const stopGoal = 10 * time.Second

// started is a worker with servers of its own, which runs until stop is called; that gives what it ended with.
func started(t *testing.T, folder string, memory bool) (w *worker, e *embedded, stop func() error) {
	t.Helper()
	e, c := embedIn(t, folder, memory)
	c.HTTP.Addr = "127.0.0.1:0"
	w, err := newWorker(t.Context(), c, quiet(), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- w.run(ctx, e.stages()...) }()
	select {
	case <-w.ready:
	case err := <-ended:
		t.Fatalf("ended before it was ready: %v", err)
	case <-time.After(20 * time.Second):
		t.Fatalf("not ready within 20 s: %v", w.unready(t.Context()))
	}
	return w, e, sync.OnceValue(func() error {
		cancel()
		defer e.close()
		return <-ended
	})
}

// Stopped in the middle of a stream of returns, the worker has stored what it settled, and leaves nothing running.
func TestRunStopsInOrder(t *testing.T) {
	needRedis(t)
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	folder := t.TempDir()
	w, e, stop := started(t, folder, false)
	const jid, minions = "20261120080000000000", 3000
	js, done := streamOf(t, cfg.Config{NATS: cfg.NATS{URL: e.url}})
	for i := range minions {
		body := fmt.Appendf(nil, `{"id": "m%d", "jid": %q, "fun": "test.ping", "return": true}`, i, jid)
		if _, err := js.PublishAsync(fmt.Sprintf("salt.job.%s.ret.m%d", jid, i), body); err != nil {
			t.Fatal(err)
		}
	}
	<-js.PublishAsyncComplete()
	settled := func() int {
		durable, err := js.Consumer(t.Context(), "RETURNS", "returnd")
		if err != nil {
			t.Fatal(err)
		}
		return int(durable.CachedInfo().AckFloor.Stream)
	}
	until(t, "the first returns are settled", func() bool { return settled() > 0 })
	done()
	began := time.Now()
	if err := stop(); err != nil {
		t.Errorf("ended with %v", err)
	}
	if took := time.Since(began); took > stopGoal {
		t.Errorf("took %v to stop", took)
	}
	if !w.nc.IsClosed() {
		t.Error("the NATS connection is still open")
	}
	e, c := embedIn(t, folder, false)
	defer e.close()
	js, done = streamOf(t, c)
	defer done()
	client := clientOf(t, c.Persist.Redis)
	defer client.Close()
	if stored := int(client.HLen(t.Context(), "ret:"+jid).Val()); stored < settled() {
		t.Errorf("%d returns stored, but %d settled", stored, settled())
	}
}

func TestRunServesHealth(t *testing.T) {
	w, _, stop := started(t, t.TempDir(), true)
	defer stop()
	reply, err := http.Get("http://" + w.health.Addr() + "/readyz")
	if err != nil {
		t.Fatal(err)
	}
	defer reply.Body.Close()
	var got struct {
		Ready bool
		Parts map[string]string
	}
	if err := json.NewDecoder(reply.Body).Decode(&got); err != nil || !got.Ready || got.Parts["redis"] != "ok" {
		t.Errorf("got %+v and %v", got, err)
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
}

// Without servers the worker waits, says for what, and still stops at once.
func TestRunWithoutServers(t *testing.T) {
	c := cfg.Default()
	c.NATS.URL, c.HTTP.Addr = "nats://user:hunter2@127.0.0.1:1", ""
	c.Persist.Redis.Port = 1
	var log syncBuffer
	w, err := newWorker(t.Context(), c, logTo(&log), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- w.run(ctx) }()
	reasons := map[string]string{"nats": "nats.url", "consumer": "", "redis": "127.0.0.1:1"}
	for _, check := range w.checks() {
		want, asked := reasons[check.Name]
		if err := check.Ready(t.Context()); asked && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v, want %q in it", check.Name, err, want)
		}
	}
	began := time.Now()
	cancel()
	if err := <-ended; err != nil || time.Since(began) > stopGoal {
		t.Errorf("ended with %v after %v", err, time.Since(began))
	}
	if strings.Contains(log.String(), "hunter2") {
		t.Errorf("the password is in the log:\n%s", &log)
	}
}

func TestRunEndsWithAPart(t *testing.T) {
	w, e, stop := started(t, t.TempDir(), true)
	e.nats.Shutdown()
	err := func() error {
		defer stop()
		until(t, "the worker has closed its connections", w.nc.IsClosed)
		return stop()
	}()
	if err == nil || !strings.Contains(err.Error(), "nats-server: the embedded NATS server shut itself down") {
		t.Errorf("ended with %v", err)
	}
}

func TestRunRefusesATakenAddress(t *testing.T) {
	w, _, stop := started(t, t.TempDir(), true)
	defer stop()
	c := w.config
	c.HTTP.Addr = w.health.Addr()
	if _, err := newWorker(t.Context(), c, quiet(), time.Now()); err == nil || !strings.Contains(err.Error(), "http.addr") {
		t.Errorf("got %v, want http.addr named", err)
	}
}

func TestRunUsage(t *testing.T) {
	tests := []struct {
		name string
		env  string
		args []string
		say  string
	}{
		{"data without embedded", "", []string{"--data", "x"}, "--embedded"},
		{"embedded with a Redis of another", "redis.example.com", []string{"--embedded", "--data", t.TempDir()}, "redis.host"},
		{"embedded for everybody", "127.0.0.1", []string{"--embedded", "--data", t.TempDir(), "--nats.url", "nats://0.0.0.0:4222"}, "this machine only"},
		{"an argument too many", "127.0.0.1", []string{"now"}, "now"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if tt.env != "" {
				t.Setenv("RETURND_REDIS__HOST", tt.env)
			}
			_, errs, code := command(t, "", append([]string{"run", "--http.addr", ""}, tt.args...)...)
			if code != 2 || !strings.Contains(errs, tt.say) {
				t.Errorf("exit code %d, said:\n%s", code, errs)
			}
		})
	}
}

// A part that fails ends the command with exit code 1 and a sentence.
func TestRunCommandFails(t *testing.T) {
	t.Parallel()
	var stderr bytes.Buffer
	code := execute(t.Context(), []string{"run", "--http.addr", "256.0.0.1:1"}, strings.NewReader(""), &stderr, &stderr)
	if code != 1 || !strings.Contains(stderr.String(), "http.addr") {
		t.Errorf("exit code %d, said:\n%s", code, &stderr)
	}
}
