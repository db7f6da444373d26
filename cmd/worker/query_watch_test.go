package main

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// watchedJob is a job of four minions that comes along by one minion a question.
func watchedJob(w *fakeWorker) *atomic.Int64 {
	looks := new(atomic.Int64)
	w.on("get_progress", func(a *fakeAnswer) {
		n := min(looks.Add(1), 4)
		missing := []string{`"a"`, `"b"`, `"c"`, `"d"`}[n:]
		_ = a.request.Respond(fmt.Appendf(nil, `{"missing": [%s], "expected": 4, "returned": %d, "failed": 1, "complete": %t}`, strings.Join(missing, ","), n, n == 4))
	})
	return looks
}

func TestWatch(t *testing.T) {
	t.Parallel()
	w := newFakeWorker(t)
	looks := watchedJob(w)
	w.says("get_jid", `{"a": {"id": "a", "jid": "1", "fun": "f", "success": false}}`)
	out, errs, code := command(t, "", "query", "get_jid", "jid=1", "profile=p", "--watch", "--fail", "--nats.url", w.url)
	if want := "job 1 is complete: 4 of 4 returned, 1 failed\nworker: 1 minion failed: a\n"; code != 1 || errs != want || !strings.HasPrefix(out, `{"a": {`) {
		t.Errorf("exit %d, %q %q; want 1, %q", code, out, errs, want)
	}
	if n := looks.Load(); n != 4 {
		t.Errorf("asked %d times", n)
	}
}

// With the announcement there is no waiting for the next look.
func TestWatchHearsTheEnd(t *testing.T) {
	t.Parallel()
	w := newFakeWorker(t)
	var looks atomic.Int64
	w.on("get_progress", func(a *fakeAnswer) {
		n := looks.Add(1)
		_ = a.request.Respond(fmt.Appendf(nil, `{"missing": [], "expected": 1, "returned": 1, "failed": 0, "complete": %t}`, n > 1))
		_ = w.nc.Publish("salt.job.my%20job.complete", []byte("{}"))
	})
	q := newQuestion(w.nc, "salt", queryOptions{timeout: 5 * time.Second}, "get_progress", []byte(`{"jid": "my job"}`))
	began := time.Now()
	if err := q.watch(t.Context(), &bytes.Buffer{}); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); looks.Load() != 2 || took > firstGlance {
		t.Errorf("asked %d times in %v", looks.Load(), took)
	}
}

func TestWatchEnds(t *testing.T) {
	t.Parallel()
	const unknown = `{"returned": 2, "failed": 0}`
	const missing = `{"missing": ["b", "\u001b"], "expected": 4, "returned": 2, "failed": 0, "complete": false}`
	tests := []struct {
		name   string
		answer func(a *fakeAnswer, look int64)
		want   string
		notes  string
	}{
		{"late", func(a *fakeAnswer, _ int64) { _ = a.request.Respond([]byte(missing)) }, `job 1 was not complete within 100ms: 2 of 4 returned, 2 minions missing: b, \u001b`, ""},
		{
			"of nobody knows whom", func(a *fakeAnswer, _ int64) { _ = a.request.Respond([]byte(unknown)) },
			"job 1 was not complete within 100ms: 2 returned, and nobody has said whom", "without its load its end cannot be seen",
		},
		{"refused", func(a *fakeAnswer, _ int64) { a.fail("400", "jid must be a string") }, "jid must be a string (400)", ""},
		{"away at once", func(a *fakeAnswer, _ int64) { a.fail("503", "Redis is away") }, "Redis is away (503)", ""},
		{"away for a while", func(a *fakeAnswer, look int64) {
			switch look {
			case 1:
				_ = a.request.Respond([]byte(missing))
				_ = a.nc.Publish("salt.job.1.complete", nil)
			case 2:
				a.fail("503", "Redis is away")
				_ = a.nc.Publish("salt.job.1.complete", nil)
			default:
				_ = a.request.Respond([]byte(`{"missing": [], "expected": 4, "returned": 4, "failed": 0, "complete": true}`))
			}
		}, "", "job 1 is complete: 4 of 4 returned, 0 failed"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newFakeWorker(t)
			var looks atomic.Int64
			w.on("get_progress", func(a *fakeAnswer) { tt.answer(a, looks.Add(1)) })
			ctx, limit := t.Context(), 5*time.Second
			if strings.Contains(tt.want, "100ms") {
				var cancel context.CancelFunc
				limit = 100 * time.Millisecond
				ctx, cancel = context.WithTimeout(ctx, limit)
				defer cancel()
			}
			q := newQuestion(w.nc, "salt", queryOptions{timeout: limit}, "get_jid", []byte(`{"jid": "1"}`))
			var notes bytes.Buffer
			err := q.watch(ctx, &notes)
			if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) || !strings.Contains(notes.String(), tt.notes) {
				t.Errorf("got %v, %q; want %q, %q", err, notes.String(), tt.want, tt.notes)
			}
		})
	}
}

func TestWatchIsInterrupted(t *testing.T) {
	t.Parallel()
	w := newFakeWorker(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	w.on("get_progress", func(a *fakeAnswer) {
		_ = a.request.Respond([]byte(`{"returned": 0, "failed": 0}`))
		cancel()
	})
	var errs bytes.Buffer
	code := execute(ctx, []string{"query", "get_jid", "jid=1", "--watch", "--nats.url", w.url}, strings.NewReader(""), &bytes.Buffer{}, &errs)
	if code != 1 || !strings.HasSuffix(errs.String(), "worker: interrupted\n") {
		t.Errorf("exit %d, %q", code, errs.String())
	}
}

func TestWatchWithoutWorker(t *testing.T) {
	t.Parallel()
	w := newFakeWorker(t)
	q := newQuestion(w.nc, "salt", queryOptions{timeout: time.Second}, "get_jid", []byte(`{"jid": "1"}`))
	if err := q.watch(t.Context(), &bytes.Buffer{}); err == nil || !strings.HasPrefix(err.Error(), "nobody answers salt.returner.get_progress") {
		t.Errorf("got %v", err)
	}
}
