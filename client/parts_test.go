package client

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"
)

// What a worker may send wrong, and what came of it.
func TestSequencesThatAreNotWhole(t *testing.T) {
	t.Parallel()
	nc := connect(t)
	const a, b = `{"a": 1}`, `{"b": 2}`
	tests := []struct {
		name string
		send func(r *fakeReply)
		is   error
		says string
	}{
		{"a gap", func(r *fakeReply) {
			r.send(a, fakeMore, numbered("1", "true", ""))
			r.send(b, "", numbered("3", "false", "3"))
		}, ErrIncomplete, "part 2 is lost: part 3 came in its place"},
		{"the first one lost", func(r *fakeReply) { r.send(b, "", numbered("2", "false", "2")) }, ErrIncomplete, "part 1 is lost"},
		{"doubled", func(r *fakeReply) {
			r.send(a, fakeMore, numbered("1", "true", ""))
			r.send(a, fakeMore, numbered("1", "true", ""))
		}, ErrIncomplete, "part 1 came twice"},
		{"two replicas", func(r *fakeReply) {
			r.send(a, fakeMore, numbered("1", "true", ""))
			r.send(b, "salt.returner.more.W2.S1", numbered("2", "true", ""))
		}, ErrIncomplete, "two workers"},
		{"no end", func(r *fakeReply) { r.send(a, fakeMore, numbered("1", "true", "")) }, ErrIncomplete, "after 1 parts: ask salt.returner.e4: no answer in time"},
		{"a number that is none", func(r *fakeReply) { r.send(a, "", numbered("one", "false", "1")) }, ErrIncomplete, "without a number"},
		{"an end too early", func(r *fakeReply) {
			r.send(a, fakeMore, numbered("1", "true", ""))
			r.send(b, "", numbered("2", "false", "3"))
		}, ErrIncomplete, `part 2 is the last one of "3"`},
		{"no total", func(r *fakeReply) { r.send(a, "", numbered("1", "false", "")) }, ErrIncomplete, `last one of ""`},
		{"no word on more", func(r *fakeReply) { r.send(a, "", nats.Header{headerSeq: {"1"}}) }, ErrIncomplete, "whether more follow"},
		{"another shape", func(r *fakeReply) {
			r.send(a, fakeMore, numbered("1", "true", ""))
			r.send(`[1]`, "", numbered("2", "false", "2"))
		}, ErrIncomplete, "shape"},
		{"no JSON", func(r *fakeReply) { r.whole("hm") }, ErrIncomplete, "no JSON"},
		{"a worker that is gone", func(r *fakeReply) { r.send(a, "salt.returner.more.W1.gone", numbered("1", "true", "")) }, ErrIncomplete, "after 1 parts: ask salt.returner.e11: the worker that answered is gone"},
		{"an error at the end", func(r *fakeReply) {
			r.send(a, fakeMore, numbered("1", "true", ""))
			r.fail("503", "Redis is away", "2", "")
		}, ErrUnavailable, "after 1 parts: Redis is away (503)"},
		{"an error at once", func(r *fakeReply) { r.fail("400", "jid is missing", "", "") }, ErrMalformed, "jid is missing (400)"},
		{"silence", func(*fakeReply) {}, ErrNoAnswer, "nothing for 150ms"},
	}
	for i, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			endpoint := fmt.Sprint("e", i)
			serve(t, nc, endpoint, tt.send)
			got, err := New(nc, Timeout(150*time.Millisecond)).Call(t.Context(), endpoint, nil)
			if err == nil {
				t.Fatalf("a part was taken for the whole: %s", got)
			}
			if !errors.Is(err, tt.is) || !strings.Contains(err.Error(), tt.says) || got != nil {
				t.Errorf("got %s, %v; want %v with %q", got, err, tt.is, tt.says)
			}
		})
	}
}

func TestWholeReplies(t *testing.T) {
	t.Parallel()
	nc := connect(t)
	tests := []struct {
		name string
		send func(r *fakeReply)
		want string
	}{
		{"one part", func(r *fakeReply) { r.whole(`{"a":  1.50}`) }, `{"a":  1.50}`},
		{"from one who knows no parts", func(r *fakeReply) { r.send("[1]", "", nil) }, "[1]"},
		{"objects", func(r *fakeReply) {
			r.parts(3, func(i int) string { return fmt.Sprintf(" { \"m%d\": [%d] } ", i, i) }, nil)
		}, `{ "m1": [1], "m2": [2], "m3": [3] }`},
		{"lists with empty parts", func(r *fakeReply) {
			r.parts(4, func(i int) string { return []string{"", "[]", `["a"]`, "[]", `["b"]`}[i] }, nil)
		}, `["a", "b"]`},
		{"null", func(r *fakeReply) { r.whole("null") }, "null"},
	}
	for i, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			endpoint := fmt.Sprint("whole", i)
			serve(t, nc, endpoint, tt.send)
			got, err := New(nc).Call(t.Context(), endpoint, []byte("{}"))
			if err != nil || string(got) != tt.want {
				t.Errorf("got %s, %v; want %s", got, err, tt.want)
			}
		})
	}
}

// many is a job of minions × size bytes, so many to a part.
const (
	manyParts   = 100
	manyPerPart = 100
)

var padding = strings.Repeat("x", 960)

func manyBody(part int) string {
	var b strings.Builder
	for i := range manyPerPart {
		if i > 0 {
			b.WriteString(", ")
		}
		id := fmt.Sprintf("m%05d", (part-1)*manyPerPart+i)
		fmt.Fprintf(&b, `%q: {"id": %[1]q, "n": 1.50, "return": "%s"}`, id, padding)
	}
	return "{" + b.String() + "}"
}

func TestReturnsOfALargeJob(t *testing.T) {
	nc := connect(t)
	most := make(chan int, 2)
	serve(t, nc, "get_jid", func(r *fakeReply) {
		r.parts(manyParts, manyBody, nats.Header{headerSkipped: {"2"}})
		most <- r.most
	})
	skipped := 0
	c := New(nc, Window(3), OnSkipped(func(n int) { skipped = n }))
	var before, now runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	var highest uint64
	n := 0
	for ret, err := range c.Returns(t.Context(), "1") {
		if err != nil {
			t.Fatal(err)
		}
		id := fmt.Sprintf("m%05d", n)
		want := fmt.Sprintf(`{"id": %q, "n": 1.50, "return": "%s"}`, id, padding)
		if ret.Minion != id || string(ret.Body) != want {
			t.Fatalf("return %d is %s %s", n, ret.Minion, ret.Body)
		}
		if n++; n%1000 == 0 {
			runtime.GC()
			runtime.ReadMemStats(&now)
			highest = max(highest, now.HeapAlloc-min(before.HeapAlloc, now.HeapAlloc))
		}
	}
	if n != manyParts*manyPerPart || skipped != 2 {
		t.Errorf("%d returns, %d skipped", n, skipped)
	}
	// A part is 100 kB: the window, what the fake builds and what the server buffers, against 10 MB in all.
	if highest > 4<<20 {
		t.Errorf("%d bytes were alive at once", highest)
	}
	if got := <-most; got > 3 {
		t.Errorf("%d parts were on their way with a window of 3", got)
	}
	all, err := c.GetJID(t.Context(), "1")
	if err != nil || len(all) != n {
		t.Errorf("at once: %d returns, %v", len(all), err)
	}
}

func TestLeavingEndsTheWork(t *testing.T) {
	t.Parallel()
	nc := connect(t)
	sent := make(chan int, 1)
	serve(t, nc, "get_jid", func(r *fakeReply) { sent <- r.parts(manyParts, manyBody, nil) })
	if _, err := nc.Request("salt.none", nil, time.Second); err == nil { // so that Request's own inbox is there
		t.Fatal("somebody answered")
	}
	for ret, err := range New(nc, Window(2)).Returns(t.Context(), "1") {
		if err != nil || ret.Minion != "m00000" {
			t.Errorf("%s, %v", ret.Minion, err)
		}
		break
	}
	if got := <-sent; got > 3 {
		t.Errorf("%d parts were sent to nobody", got)
	}
}

func TestCancelledWhileReading(t *testing.T) {
	t.Parallel()
	nc := connect(t)
	sent := make(chan int, 1)
	serve(t, nc, "get_jid", func(r *fakeReply) { sent <- r.parts(manyParts, manyBody, nil) })
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	n := 0
	var fault error
	for _, err := range New(nc, Window(2)).Returns(ctx, "1") {
		if err != nil {
			fault = err
			continue
		}
		n++
		cancel()
	}
	if !errors.Is(fault, context.Canceled) || !errors.Is(fault, ErrIncomplete) {
		t.Errorf("got %v", fault)
	}
	if n == 0 || n > 2*manyPerPart {
		t.Errorf("%d returns came", n)
	}
	if got := <-sent; got > 4 {
		t.Errorf("%d parts were sent to nobody", got)
	}
}

// A reader that takes its time is waited for, up to the worker's own patience.
func TestSlowReader(t *testing.T) {
	t.Parallel()
	nc := connect(t)
	most := make(chan int, 1)
	serve(t, nc, "patient", func(r *fakeReply) {
		r.parts(8, func(int) string { return `[1]` }, nil)
		most <- r.most
	})
	n := 0
	for part, err := range New(nc, Window(1)).Parts(t.Context(), "patient", nil) {
		if err != nil {
			t.Fatal(err)
		}
		// All that was sent has arrived here once the server has answered.
		if err := nc.Flush(); err != nil {
			t.Fatal(err)
		}
		if n++; part.Seq != n {
			t.Errorf("part %d came as number %d", part.Seq, n)
		}
	}
	if got := <-most; n != 8 || got != 1 {
		t.Errorf("%d parts, %d at once", n, got)
	}
	serve(t, nc, "hasty", func(r *fakeReply) {
		r.patience = time.Millisecond
		r.parts(8, func(int) string { return `[1]` }, nil)
	})
	var fault error
	came := nc.Stats().InMsgs
	for part, err := range New(nc, Window(1)).Parts(t.Context(), "hasty", nil) {
		if fault = err; part.Seq == 1 {
			awaitMessages(t, nc, came+2) // the part, and the worker's last word
		}
	}
	if !errors.Is(fault, ErrDeadline) || !errors.Is(fault, ErrIncomplete) {
		t.Errorf("got %v", fault)
	}
}

func awaitMessages(t *testing.T, nc *nats.Conn, n uint64) {
	t.Helper()
	for limit := time.Now().Add(5 * time.Second); nc.Stats().InMsgs < n; runtime.Gosched() {
		if time.Now().After(limit) {
			t.Fatalf("%d messages came, want %d", nc.Stats().InMsgs, n)
		}
	}
}

// A worker that sends beyond the window costs its own reply, not the reader's memory.
func TestFlood(t *testing.T) {
	t.Parallel()
	nc := connect(t)
	flooded := make(chan bool)
	serve(t, nc, "get_minions", func(r *fakeReply) {
		for seq := 1; seq <= 50; seq++ {
			r.send(`["a"]`, fakeMore, numbered(strconv.Itoa(seq), "true", ""))
		}
		_ = r.nc.Flush()
		close(flooded)
	})
	var fault error
	for _, err := range New(nc, Window(1)).Minions(t.Context()) {
		<-flooded
		if flushed := nc.Flush(); flushed != nil {
			t.Fatal(flushed)
		}
		fault = err
	}
	if !errors.Is(fault, ErrIncomplete) || !errors.Is(fault, nats.ErrSlowConsumer) {
		t.Errorf("got %v", fault)
	}
}

func TestNoWorker(t *testing.T) {
	t.Parallel()
	_, err := New(connect(t)).GetMinions(t.Context())
	if !errors.Is(err, ErrNoWorker) || !errors.Is(err, nats.ErrNoResponders) || !IsRetryable(err) || !strings.Contains(err.Error(), "worker run") {
		t.Errorf("got %v", err)
	}
}

func TestClosedConnection(t *testing.T) {
	t.Parallel()
	nc := connect(t)
	nc.Close()
	if _, err := New(nc).GetMinions(t.Context()); !errors.Is(err, nats.ErrConnectionClosed) {
		t.Errorf("got %v", err)
	}
}

func TestRetryHint(t *testing.T) {
	t.Parallel()
	nc := connect(t)
	serve(t, nc, "get_load", func(r *fakeReply) { r.fail("503", "no room", "", "1.5") })
	_, err := New(nc).GetLoad(t.Context(), "1")
	var answered *Error
	if !errors.As(err, &answered) || !IsRetryable(err) {
		t.Fatalf("got %v", err)
	}
	if diff := cmp.Diff(Error{Code: 503, Message: "no room", RetryAfter: 1500 * time.Millisecond}, *answered); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if errors.Is(err, ErrDeadline) || IsRetryable(ErrTooLarge) {
		t.Error("codes are mixed up")
	}
}
