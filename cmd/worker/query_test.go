package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"
)

func TestQueryOptions(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		o    queryOptions
		args []string
		want []string
	}{
		{"fine", queryOptions{timeout: time.Second}, []string{"get_jids"}, nil},
		{"fine with all flags", queryOptions{timeout: time.Second, output: "yaml", watch: true, fail: true}, []string{"get_jid"}, nil},
		{"no endpoint", queryOptions{timeout: time.Second}, nil, []string{"no endpoint given", "get_minions", "save_load"}},
		{"unknown endpoint", queryOptions{timeout: time.Second}, []string{"get_jib"}, []string{`there is no endpoint "get_jib": did you mean get_jid`, "get_jid ", "returner"}},
		{"nothing alike", queryOptions{timeout: time.Second}, []string{"xyzzy"}, []string{`there is no endpoint "xyzzy"; there are`}},
		{"all at once", queryOptions{output: "xml"}, []string{"x"}, []string{"--output", "ndjson", "--timeout", "no endpoint"}},
		{"watch what has no end", queryOptions{timeout: time.Second, watch: true, fail: true}, []string{"get_jids"}, []string{"--watch is for get_jid", "--fail is for get_jid"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := tt.o.check(tt.args)
			if (err != nil) != (tt.want != nil) {
				t.Fatalf("fault: %v", err)
			}
			for _, want := range tt.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q does not name %q", err, want)
				}
			}
		})
	}
}

func TestQueryErrors(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		answer func(*fakeAnswer)
		want   string
	}{
		{"data", func(a *fakeAnswer) { a.parts(1, func(int) string { return "{}" }, nil) }, ""},
		{"error", func(a *fakeAnswer) { a.fail("503", "try again \x1b[2J") }, `try again \u001b[2J (503)`},
		{"nobody there", nil, "nobody answers salt.returner.get_jid at nats://127.0.0.1:"},
		{"no answer", func(*fakeAnswer) {}, "no answer to salt.returner.get_jid in time: look at the log of the workers, or raise --timeout"},
		{"no JSON", func(a *fakeAnswer) { _ = a.request.Respond([]byte("hm")) }, "the answer is no JSON"},
		{"broken off", func(a *fakeAnswer) {
			_ = a.request.RespondMsg(&nats.Msg{Data: []byte(`{"a": 1}`), Header: nats.Header{"Returnd-Seq": {"1"}, "Returnd-More": {"true"}}})
			a.fail("503", "Redis is away")
		}, "the answer broke off, so what there is of it is not the whole: Redis is away (503)"},
		{"another shape", func(a *fakeAnswer) { a.parts(2, func(i int) string { return []string{`{}`, `[]`}[i-1] }, nil) }, "show the answer: the parts"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newFakeWorker(t)
			if tt.answer != nil {
				w.on("get_jid", tt.answer)
			}
			q := newQuestion(w.nc, "salt", queryOptions{timeout: 200 * time.Millisecond}, "get_jid", []byte("{}"))
			err := q.show(t.Context(), io.Discard, io.Discard)
			switch {
			case tt.want == "" && err != nil:
				t.Error(err)
			case tt.want != "" && (err == nil || !strings.HasPrefix(err.Error(), tt.want)):
				t.Errorf("got %v, want %q", err, tt.want)
			}
			if tt.answer == nil && (!strings.Contains(err.Error(), "worker run") || !strings.Contains(err.Error(), "nats.url")) {
				t.Errorf("%q names no remedy", err)
			}
		})
	}
}

// A stored value comes out byte for byte, its own white space too, in one part or in several.
func TestQueryJSON(t *testing.T) {
	t.Parallel()
	const m1 = `{"n": 123456789012345678901234567890,  "f": 1.50, "a": "` + "\u0085" + `<"}`
	w := newFakeWorker(t)
	w.on("get_jid", func(a *fakeAnswer) {
		a.parts(3, func(i int) string {
			return []string{` {"m1": ` + m1 + `, "a": []}` + "\n", `{}`, `{"m2":1e400}`}[i-1]
		}, nats.Header{"Returnd-Skipped": {"2"}, "Returnd-Cursor": {"c-1"}})
	})
	out, errs, code := command(t, "", "query", "get_jid", "jid=1", "limit=3", "--nats.url", w.url)
	if diff := cmp.Diff(`{"m1": `+m1+`, "a": [], "m2":1e400}`+"\n", out); diff != "" || code != 0 {
		t.Errorf("exit %d (-want +got):\n%s", code, diff)
	}
	if want := "left out, since not JSON: 2 of the stored values\nthere is more: ask get_jid again with cursor=c-1\n"; errs != want {
		t.Errorf("notes %q, want %q", errs, want)
	}
}

func TestQueryCommandLines(t *testing.T) {
	t.Parallel()
	const failed = `{"web1": {"id": "web1", "jid": "1", "fun": "f", "return": 1}, "web2": {"id": "web2", "jid": "1", "fun": "f", "retcode": {"a": [2]}}, "odd": 7}`
	w := newFakeWorker(t)
	w.says("get_jid", failed)
	w.says("get_fun", `{"web1": {"id": "web1", "jid": "1", "fun": "f", "return": 1}}`)
	w.on("get_minions", func(a *fakeAnswer) { _ = a.request.Respond(append(append([]byte("["), a.request.Data...), ']')) })
	tests := []struct {
		name string
		args []string
		code int
		out  string
		errs string
	}{
		{"a failure is an answer", []string{"get_jid", "jid=1"}, 0, failed + "\n", ""},
		{"unless asked", []string{"get_jid", "jid=1", "--fail"}, 1, failed + "\n", "worker: 1 minion failed: web2\n"},
		{"nobody failed", []string{"get_fun", "fun=f", "--fail", "-o", "csv"}, 0, "minion,jid,fun,result,retcode,seconds,return\nweb1,1,f,ok,,,1\n", ""},
		{"numbers are numbers", []string{"get_minions", "limit=7", "cursor=7"}, 0, `[{"limit": 7, "cursor": "7"}]` + "\n", ""},
		{"a number that is none", []string{"get_minions", "limit=many"}, 2, "", "worker: limit is not what it must be: write a whole number: limit=100\n"},
		{"a slip of the shell", []string{"save_load", "jid=1", "load={a: 1}"}, 2, "", "worker: load is broken JSON (malformed: "},
		{"a list that is none", []string{"save_minions", "jid=1", "minions=web1"}, 2, "", `write a list, quoted for the shell or from a file: minions='["web1", "web2"]', minions=@FILE`},
		{"watching nothing", []string{"get_jid", "--watch"}, 2, "", "worker: --watch needs jid=JID\n"},
		{"an endpoint misspelt", []string{"get_jidd"}, 2, "", `worker: there is no endpoint "get_jidd": did you mean get_jid`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			out, errs, code := command(t, "", append([]string{"query", "--nats.url", w.url}, tt.args...)...)
			if code != tt.code || out != tt.out || !strings.Contains(errs, tt.errs) || tt.errs == "" && errs != "" {
				t.Errorf("exit %d, want %d\nout  %q\nwant %q\nerrs %q\nwant %q", code, tt.code, out, tt.out, errs, tt.errs)
			}
		})
	}
}

// Of progress in parts, the list goes on and the numbers are the last part's.
func TestQueryProgress(t *testing.T) {
	t.Parallel()
	w := newFakeWorker(t)
	w.says("get_progress", `{"missing": ["c"]}`, `{"missing": []}`, `{"missing": ["d\u001b"], "expected": 4, "returned": 2, "failed": 1, "complete": false}`)
	q := newQuestion(w.nc, "salt", queryOptions{timeout: time.Second, output: outputJSON, fail: true}, "get_progress", []byte("{}"))
	var out bytes.Buffer
	err := q.show(t.Context(), &out, io.Discard)
	if want := `1 minion failed; 2 minions missing: c, d\u001b`; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	if want := `{"missing": ["c", "d\u001b"], "expected": 4, "returned": 2, "failed": 1, "complete": false}` + "\n"; out.String() != want {
		t.Errorf("got %s, want %s", out.String(), want)
	}
}

// An interrupted caller ends at once, and the worker's work with it.
func TestQueryInterrupted(t *testing.T) {
	t.Parallel()
	w := newFakeWorker(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	sent := make(chan int, 1)
	w.on("get_minions", func(a *fakeAnswer) {
		sent <- a.parts(1000, func(i int) string {
			if i == 5 {
				cancel()
			}
			return `["a"]`
		}, nil)
	})
	var errs bytes.Buffer
	code := execute(ctx, []string{"query", "get_minions", "--nats.url", w.url}, strings.NewReader(""), io.Discard, &errs)
	if code != 1 || errs.String() != "worker: interrupted\n" {
		t.Errorf("exit %d, %q", code, errs.String())
	}
	if n := <-sent; n > 20 {
		t.Errorf("%d parts were sent to nobody", n)
	}
}

// Nothing is read of a standard input that nobody asked for, and an interruption ends the wait for one.
func TestQueryStandardInput(t *testing.T) {
	t.Parallel()
	w := newFakeWorker(t)
	w.on("save_load", func(a *fakeAnswer) { _ = a.request.Respond([]byte("null")) })
	untouched := readerFunc(func([]byte) (int, error) { t.Error("was read"); return 0, io.EOF })
	if code := execute(t.Context(), []string{"query", "save_load", "jid=1", "load={}", "--nats.url", w.url}, untouched, io.Discard, io.Discard); code != 0 {
		t.Errorf("exit %d", code)
	}
	ctx, cancel := context.WithCancel(t.Context())
	release := make(chan struct{})
	defer close(release)
	silent := readerFunc(func([]byte) (int, error) { cancel(); <-release; return 0, io.EOF })
	if code := execute(ctx, []string{"query", "save_load", "jid=1", "load=@-", "--nats.url", w.url}, silent, io.Discard, io.Discard); code != 1 {
		t.Errorf("interrupted: exit %d", code)
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// A reader of our output that has gone ends the answer.
func TestQueryOutputFails(t *testing.T) {
	t.Parallel()
	w := newFakeWorker(t)
	w.says("get_minions", `["a"]`, `["b"]`)
	q := newQuestion(w.nc, "salt", queryOptions{timeout: time.Second, output: outputNDJSON}, "get_minions", []byte("{}"))
	full := errors.New("disk full")
	if err := q.show(t.Context(), failingWriter{full}, io.Discard); !errors.Is(err, full) {
		t.Errorf("got %v", err)
	}
}

type failingWriter struct{ err error }

func (w failingWriter) Write([]byte) (int, error) { return 0, w.err }
