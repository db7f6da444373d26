package query

import (
	"context"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
)

// giant is a store with one job of 10,000 returns of 1 kB, which costs no allocation to read.
type giant struct {
	*fakeStore
	names []string
	value []byte
}

func newGiant() *giant {
	g := &giant{fakeStore: &fakeStore{}, value: []byte(`{"id": "m", "return": "` + strings.Repeat("x", 970) + `"}`)}
	for i := range 10_000 {
		g.names = append(g.names, "minion-"+strings.Repeat("0", i%5)+".example.com")
	}
	return g
}

func (g *giant) Returns(_ context.Context, _, _, _ string, yield func(string, []byte) error) (string, error) {
	for _, name := range g.names {
		if err := yield(name, g.value); err != nil {
			return "", err
		}
	}
	return "", nil
}

// BenchmarkStream sends 10 MB through a NATS server, the service unpaced, to a plain reader and to one that confirms.
func BenchmarkStream(b *testing.B) {
	r := startAt(b, startNATS(b, 1<<20), newGiant(), func(c *Config) { c.HeavyRateBytes = 0 })
	b.Run("plain", func(b *testing.B) { r.benchmark(b) })
	b.Run("window of 8", func(b *testing.B) { r.benchmark(b, HeaderWindow, "8") })
}

func (r *rig) benchmark(b *testing.B, headers ...string) {
	b.ReportAllocs()
	var first time.Duration
	var bytes, requests int
	for b.Loop() {
		began := time.Now()
		sub := r.stream(b, "get_jid", `{"jid": "j"}`, headers...)
		msg := next(b, sub)
		first += time.Since(began)
		bytes += len(msg.Data)
		for ; msg.Header.Get(HeaderMore) == "true"; bytes += len(msg.Data) {
			if len(headers) > 0 {
				r.confirm(b, msg.Reply, msg.Header.Get(HeaderSeq))
			}
			msg = next(b, sub)
		}
		if err := sub.Unsubscribe(); err != nil {
			b.Fatal(err)
		}
		requests++
	}
	b.SetBytes(int64(bytes / requests))
	b.ReportMetric(first.Seconds()*1000/float64(requests), "ms-to-first-part")
}

// A stream's memory does not grow with the job: beside what the server and the reader need for the same messages, it is a
// few parts.
func TestMemoryOfAStream(t *testing.T) {
	r := startAt(t, startNATS(t, 1<<20), newGiant())
	var parts []*nats.Msg
	read := func() { parts = all(t, r.stream(t, "get_jid", `{"jid": "j"}`)) }
	relay := func() { // the same messages, which are there already
		sub, err := r.caller.SubscribeSync("relay")
		if err != nil {
			t.Fatal(err)
		}
		if err := r.caller.Flush(); err != nil {
			t.Fatal(err)
		}
		for _, msg := range parts {
			msg.Subject, msg.Reply = "relay", ""
			if err := r.nc.PublishMsg(msg); err != nil {
				t.Fatal(err)
			}
		}
		if got := len(all(t, sub)); got != len(parts) {
			t.Fatalf("%d of %d parts came", got, len(parts))
		}
	}
	read() // the connections' buffers have grown
	read()
	ours, control := allocated(read), allocated(relay)
	t.Logf("%d bytes for the stream, %d for its messages alone", ours, control)
	if ours-control > 16*nextParts {
		t.Errorf("%d bytes were allocated for 10 MB, %d more than by the same messages alone", ours, ours-control)
	}
}

func allocated(by func()) int {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	by()
	runtime.ReadMemStats(&after)
	return int(after.TotalAlloc - before.TotalAlloc)
}
