package persist

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"returnd/internal/job"
	"returnd/test/servers"
)

// benchKeys is how many ret: keys are swept, half of them without a load; BENCH_SWEEP_KEYS sets it.
func benchKeys() int {
	if n, err := strconv.Atoi(os.Getenv("BENCH_SWEEP_KEYS")); err == nil {
		return n
	}
	return 200_000
}

// BenchmarkSweep sweeps them without a pace and prints keys a second, the p99.9 of PINGs beside it and beside nothing, by
// turns, and what the heap grew to.
func BenchmarkSweep(b *testing.B) {
	n := benchKeys()
	p := servers.Redis(b)
	s := storeOn(b, p)
	look := clientOn(b, p)
	var keys int64
	var swept time.Duration
	var beside, control []time.Duration
	var heap uint64
	rounds, steps := 0, 0
	for b.Loop() {
		fill(b, look, n)
		control = append(control, pings(b, look, func() { pause(time.Second) })...)
		beside = append(beside, pings(b, look, func() {
			began := time.Now()
			report, err := s.Sweep(b.Context(), job.Database{DB: job.NoDB}, benchRules(), "", func(job.SweepReport, string) error {
				if steps++; steps%50 == 0 { // it stops the world
					heap = max(heap, heapInUse())
				}
				return nil
			})
			swept += time.Since(began)
			keys += report.Keys
			if err != nil || report.Count(job.SweepReturns).Removed != int64(n/2) {
				b.Errorf("%+v, %v", report.Of[job.SweepReturns], err)
			}
		})...)
		rounds++
	}
	b.ReportMetric(float64(keys)/swept.Seconds(), "keys/s")
	b.ReportMetric(float64(n*rounds)/swept.Seconds(), "returns/s")
	worst := func(d []time.Duration, q float64) float64 {
		slices.Sort(d)
		return float64(d[min(len(d)-1, int(q*float64(len(d))))].Microseconds()) / 1000
	}
	b.ReportMetric(worst(beside, .999), "ms-p99.9")
	b.ReportMetric(worst(control, .999), "ms-p99.9-control")
	b.ReportMetric(worst(beside, 1), "ms-max")
	b.ReportMetric(float64(heap)/(1<<20), "MB-heap")
	b.ReportMetric(0, "ns/op")
}

func benchRules() job.SweepRules {
	return job.SweepRules{Grace: time.Hour, MinionKeep: 30 * 24 * time.Hour, Returns: true, Loads: true, Pointers: true, Minions: true, Histories: true, Index: true}
}

func heapInUse() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func pause(d time.Duration) { <-time.After(d) }

// pings measures the server's answers, a thousand times a second, while something goes on.
func pings(b *testing.B, look *redis.Client, during func()) (took []time.Duration) {
	b.Helper()
	done := make(chan struct{})
	go func() { defer close(done); during() }()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		began := time.Now()
		if err := look.Ping(b.Context()).Err(); err != nil {
			b.Error(err)
		}
		took = append(took, time.Since(began))
		select {
		case <-done:
			return took
		case <-tick.C:
		}
	}
}

// fill puts n old returns into an empty server, half of them with a load.
func fill(b *testing.B, look *redis.Client, n int) {
	b.Helper()
	look.FlushAll(b.Context())
	start := time.Now().Add(-longAgo)
	for from := 0; from < n; from += 1000 {
		pipe := look.Pipeline()
		for i := from; i < min(from+1000, n); i++ {
			jid := job.FormatJID(start.Add(time.Duration(i) * time.Millisecond))
			pipe.Do(b.Context(), "hset", "ret:"+jid, fmt.Sprintf("m%d", i%1000), `{"return": true}`)
			pipe.Do(b.Context(), "expire", "ret:"+jid, 80000)
			if i%2 == 0 {
				pipe.Do(b.Context(), "set", "load:"+jid, "{}", "ex", 80000)
			}
		}
		if _, err := pipe.Exec(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}
