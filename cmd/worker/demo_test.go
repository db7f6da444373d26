package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"returnd/internal/cfg"
	"returnd/internal/job"
)

// syncBuffer is written by many and read by the test meanwhile.
type syncBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

func logTo(w io.Writer) *slog.Logger { return slog.New(slog.NewTextHandler(w, nil)) }

// The whole of it in one process: a fleet, NATS, the worker, a Redis, and queries that show what the fleet sent.
func TestDemo(t *testing.T) {
	for _, tt := range []struct {
		name   string
		memory bool
		redis  string
	}{
		{"redis-server", false, "redis-server"},
		{"in-process Redis", true, "FORGETS"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if !tt.memory {
				needRedis(t)
			}
			defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
			t.Setenv("TMPDIR", t.TempDir())
			c := cfg.Default()
			c.NATS.URL, c.HTTP.Addr = freeURL, "127.0.0.1:0"
			o := demoOptions{fleetOptions: fleetOptions{minions: 60, every: 100 * time.Millisecond, seed: 7}}
			o.memory = tt.memory
			var out syncBuffer
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			ended := make(chan error, 1)
			go func() { ended <- runDemo(ctx, c, o, quiet(), newConsole(&out, cancel)) }()
			until(t, "three jobs are shown", func() bool { return strings.Count(out.String(), "readable in") >= 3 })
			began := time.Now()
			cancel()
			if err := <-ended; err != nil || time.Since(began) > stopGoal {
				t.Errorf("ended with %v after %v", err, time.Since(began))
			}
			shown := out.String()
			for _, want := range []string{"60 minions", tt.redis, "query get_jid jid=20", "/readyz", "--nats.url nats://127.0.0.1:", "all readable"} {
				if !strings.Contains(shown, want) {
					t.Errorf("it does not show %q:\n%s", want, shown)
				}
			}
			if strings.Contains(shown, "\x1b") {
				t.Error("colours, though this is no terminal")
			}
			left, err := os.ReadDir(os.TempDir())
			if err != nil || len(left) > 0 {
				t.Errorf("left behind: %v, %v", left, err)
			}
		})
	}
}

func TestDemoEndsByItself(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	out, errs, code := command(t, "", "demo", "--for", "300ms", "--every", "100ms", "--minions", "10", "--memory-redis",
		"--nats.url", "nats://127.0.0.1:0", "--http.addr", "")
	if code != 0 || !strings.Contains(out, "ended") {
		t.Errorf("exit code %d, said:\n%s%s", code, out, errs)
	}
}

// A reader that has seen enough, as head has, ends the demo like Ctrl-C.
func TestDemoEndsWithItsReader(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	in, out := io.Pipe()
	if err := in.Close(); err != nil {
		t.Fatal(err)
	}
	var errs syncBuffer
	code := execute(t.Context(), []string{"demo", "--memory-redis", "--nats.url", "nats://127.0.0.1:0", "--http.addr", ""}, strings.NewReader(""), out, &errs)
	if left, err := os.ReadDir(os.TempDir()); code != 0 || err != nil || len(left) > 0 {
		t.Errorf("exit code %d, left behind: %v, %v; said:\n%s", code, left, err, &errs)
	}
}

func TestDemoUsage(t *testing.T) {
	t.Parallel()
	_, errs, code := command(t, "", "demo", "--minions", "1", "--every", "1ms", "--for", "-1s")
	for _, flag := range []string{"--minions", "--every", "--for"} {
		if code != 2 || !strings.Contains(errs, flag) {
			t.Errorf("exit code %d, %s is not named:\n%s", code, flag, errs)
		}
	}
}

func TestFleetIsMadeOfItsSeed(t *testing.T) {
	t.Parallel()
	jobs := func(seed uint64) [sha256.Size]byte {
		f := newFleet(100, seed)
		var all []plan
		for range 2 * len(kinds()) {
			all = append(all, f.plan("20261120080000000000"))
		}
		return sha256.Sum256(fmt.Append(nil, all))
	}
	if first, again := jobs(1), jobs(1); first != again {
		t.Error("one seed, two fleets")
	}
	if jobs(1) == jobs(2) {
		t.Error("two seeds, one fleet")
	}
}

// What the fleet sends is what the worker takes, with every fate there is.
func TestFleetSendsRealDocuments(t *testing.T) {
	t.Parallel()
	f := newFleet(200, 1)
	var failed, late, missing int
	for range 3 * len(kinds()) {
		p := f.plan("20261120080000000000")
		load, err := job.ParseLoad(p.jid, p.load)
		if err != nil || !load.Real || len(load.Minions) != p.expected {
			t.Fatalf("%s: %v, %d minions of %d", p.fun, err, len(load.Minions), p.expected)
		}
		missing += p.expected - len(p.returns)
		for _, r := range p.returns {
			ret, err := job.ParseReturn(r.body)
			if err != nil || ret.JID != p.jid || ret.Minion != r.minion {
				t.Fatalf("%s: %v, jid %s, minion %s", p.fun, err, ret.JID, ret.Minion)
			}
			if ret.Failed {
				failed++
			}
			if r.late {
				late++
			}
		}
	}
	if failed == 0 || late == 0 || missing == 0 {
		t.Errorf("%d failed, %d late, %d missing: want some of each", failed, late, missing)
	}
}
