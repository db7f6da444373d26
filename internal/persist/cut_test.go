package persist

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"returnd/internal/job"
	"returnd/test/servers"
)

// wire stands between a store and its server, and breaks after so many bytes.
type wire struct {
	addr   string
	stall  sync.RWMutex // while it is locked nothing passes
	closed atomic.Int64 // connections that the store has closed

	mu    sync.Mutex
	ends  string // the server that new connections lead to
	left  [2]int // bytes to pass on yet, to the server and back; -1 is without end
	conns map[net.Conn]bool
}

const toServer, toStore = 0, 1

func newWire(t *testing.T, server string) *wire {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{addr: listener.Addr().String(), ends: server, left: [2]int{-1, -1}, conns: map[net.Conn]bool{}}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			node, err := net.Dial("tcp", w.end())
			if err != nil {
				_ = client.Close()
				continue
			}
			w.keep(client, node)
			running.Go(func() { w.pass(node, client, toServer); _, _ = client.Close(), node.Close() })
			running.Go(func() { w.pass(client, node, toStore); _, _ = client.Close(), node.Close() })
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		w.breakAll()
		running.Wait()
	})
	return w
}

// lead has new connections lead to another server.
func (w *wire) lead(server string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ends = server
}

func (w *wire) end() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.ends
}

func (w *wire) keep(conns ...net.Conn) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range conns {
		w.conns[c] = true
	}
}

func (w *wire) breakAll() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for c := range w.conns {
		_ = c.Close()
	}
	clear(w.conns)
}

// breakAfter has all connections break once so many bytes have gone one way.
func (w *wire) breakAfter(bytes, way int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.left[way] = bytes
}

// take is how many of some bytes may pass.
func (w *wire) take(n, way int) (pass int, end bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.left[way] < 0 {
		return n, false
	}
	pass = min(n, w.left[way])
	w.left[way] -= pass
	if end = w.left[way] == 0; end {
		w.left[way] = -1 // the next connection is whole
	}
	return pass, end
}

func (w *wire) pass(to, from net.Conn, way int) {
	buffer := make([]byte, 16<<10)
	for {
		n, err := from.Read(buffer)
		if err != nil {
			if way == toServer && !errors.Is(err, net.ErrClosed) {
				w.closed.Add(1)
			}
			return
		}
		w.stall.RLock()
		n, end := w.take(n, way)
		w.stall.RUnlock()
		if _, err = to.Write(buffer[:n]); err != nil || end {
			if way == toStore && err != nil && !errors.Is(err, net.ErrClosed) {
				w.closed.Add(1)
			}
			w.breakAll()
			return
		}
	}
}

// A connection that breaks at any byte of a batch: what is confirmed is there, nothing is half done, and once more is
// enough for all of it. The client library sends nothing again by itself, and keeps no connection that waits for EXEC.
func TestAConnectionThatBreaksWithinATransaction(t *testing.T) {
	r := newRig(t)
	w := newWire(t, r.proc.Addr)
	s := storeOn(t, &servers.Process{Addr: w.addr})
	if err := s.Write(t.Context(), []job.Entry{ret(jidAt(0), "first", "f.x")})[0]; err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(1, 2)) // #nosec G404 -- repeatable
	for round := range 150 {
		batch := someReturns(random, fmt.Sprintf("-%d", round))
		way := random.IntN(2)
		w.breakAfter(1+random.IntN([]int{40_000, 700}[way]), way)
		before := calls(t, r.proc, "multi")
		errs := s.Write(t.Context(), batch)
		if got, limit := calls(t, r.proc, "multi")-before, len(batch)/4+4; got > limit {
			t.Fatalf("round %d: %d transactions for %d returns: sent again", round, got, len(batch))
		}
		for i, err := range errs {
			if err == nil {
				wantWritten(t, r, batch[i])
			} else if !errors.Is(err, job.ErrUnavailable) {
				t.Fatalf("round %d: %v, want it held", round, err)
			}
		}
		w.breakAfter(-1, way)
		servers.Eventually(t, 10*time.Second, "the batch is stored", func() bool {
			for _, err := range s.Write(t.Context(), batch) {
				if err != nil {
					return false
				}
			}
			return true
		})
		for _, e := range batch {
			wantWritten(t, r, e)
		}
		if clients := r.redis.ClientList(t.Context()).Val(); strings.Count(clients, "multi=-1") != strings.Count(clients, "multi=") {
			t.Fatalf("round %d: a connection waits for EXEC:\n%s", round, clients)
		}
	}
}

// someReturns are of jobs and minions of their own, some with large bodies, some twice.
func someReturns(random *rand.Rand, suffix string) []job.Entry {
	var batch []job.Entry
	for i := range 2 + random.IntN(20) {
		jid := job.FormatJID(time.Now().Add(-time.Duration(1+random.IntN(4)) * time.Second).Truncate(time.Second))
		minion := fmt.Sprintf("m%d%s", random.IntN(4), suffix)
		body := fmt.Sprintf(`{"id": %q, "jid": %q, "fun": "f.x", "return": %q}`, minion, jid, strings.Repeat("x", i%3*2000))
		batch = append(batch, retBody(jid, minion, "f.x", body))
	}
	last := map[string][]byte{} // the same return has the same bytes
	for i := range batch {
		e := &batch[i].Return
		if body, known := last[e.JID+e.Minion]; known {
			e.Body = body
		}
		last[e.JID+e.Minion] = e.Body
	}
	return batch
}

// wantWritten checks all that a return leaves.
func wantWritten(t testing.TB, r *rig, e job.Entry) {
	t.Helper()
	ctx, ret := context.Background(), &e.Return
	if got := r.redis.HGet(ctx, "ret:"+ret.JID, ret.Minion).Val(); got != string(ret.Body) {
		t.Errorf("return of %s for %s = %q, want %q", ret.Minion, ret.JID, got, ret.Body)
	}
	list := r.redis.LRange(ctx, "returnd/history:"+ret.Minion, 0, -1).Val()
	if n := times(list, ret.JID+"\t"+ret.Fun); n != 1 {
		t.Errorf("%s stands %d times in %q", ret.JID, n, list)
	}
	if got := r.redis.Get(ctx, ret.Minion+":"+ret.Fun).Val(); got < ret.JID {
		t.Errorf("pointer = %q, want %s or a greater one", got, ret.JID)
	}
	for _, key := range []string{"ret:" + ret.JID, "returnd/history:" + ret.Minion, ret.Minion + ":" + ret.Fun} {
		if ttl := r.redis.TTL(ctx, key).Val(); ttl <= 0 {
			t.Errorf("TTL of %s = %v", key, ttl)
		}
	}
	if !r.redis.SIsMember(ctx, "minions", ret.Minion).Val() {
		t.Errorf("%s is not among the minions", ret.Minion)
	}
}

// A deadline that ends while a batch is being written, or its answers are waited for: the connection is closed, since
// the server may be within a transaction on it.
func TestADeadlineWithinATransactionClosesTheConnection(t *testing.T) {
	for name, size := range map[string]int{"while writing": 16 << 20, "while reading": 1000} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			w := newWire(t, r.proc.Addr)
			s := storeOn(t, &servers.Process{Addr: w.addr}, func(c *Config) { c.Redis.HealthCheckInterval = 0 })
			if err := s.Write(t.Context(), []job.Entry{ret(jidAt(0), "first", "f.x")})[0]; err != nil {
				t.Fatal(err)
			}
			closed := w.closed.Load()
			w.stall.Lock()
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			e := retBody(jidAt(time.Second), "m", "f.x", strings.Repeat("x", size))
			if err := s.Write(ctx, []job.Entry{e})[0]; !errors.Is(err, job.ErrUnavailable) {
				t.Errorf("error = %v, want it held", err)
			}
			w.stall.Unlock()
			servers.Eventually(t, 5*time.Second, "the connection is closed", func() bool { return w.closed.Load() > closed })
			servers.Eventually(t, 5*time.Second, "the return is stored", func() bool { return s.Write(t.Context(), []job.Entry{e})[0] == nil })
			wantWritten(t, r, e)
		})
	}
}
