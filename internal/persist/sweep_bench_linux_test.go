package persist

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
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

// BenchmarkSweep sweeps them without a pace and prints keys a second, the p99.9 of PINGs beside it and, by turns, beside
// nothing and beside a client that asks for one small value after the other: on a busy machine the latter is what a
// server that has work to do waits for the processor, however short its commands. And what the heap grew to.
func BenchmarkSweep(b *testing.B) {
	n := benchKeys()
	p := servers.Redis(b)
	s := storeOn(b, p)
	look := clientOn(b, p)
	var keys int64
	var swept, used time.Duration
	var beside, control, busy []time.Duration
	var heap uint64
	rounds, steps := 0, 0
	for b.Loop() {
		fillKeyspace(b, look, n)
		control = append(control, pings(b, look, func() { pause(time.Second) })...)
		busy = append(busy, pings(b, look, func() { ask(b, p, time.Second) })...)
		beside = append(beside, pings(b, look, func() {
			began, before := time.Now(), serverCPU(b, p.PID())
			report, err := s.Sweep(b.Context(), job.Database{DB: job.NoDB}, benchRules(), "", func(job.SweepReport, string) error {
				if steps++; steps%50 == 0 { // it stops the world
					heap = max(heap, heapInUse())
				}
				return nil
			})
			swept += time.Since(began)
			used += serverCPU(b, p.PID()) - before
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
	b.ReportMetric(used.Seconds()*1e6/float64(keys), "redis-CPU-s/M")
	b.ReportMetric(worst(beside, .999), "ms-p99.9")
	b.ReportMetric(worst(control, .999), "ms-p99.9-control")
	b.ReportMetric(worst(busy, .999), "ms-p99.9-busy")
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

// serverCPU is the CPU time a process has used: fields 14 and 15 of /proc/<pid>/stat, in hundredths of a second.
func serverCPU(b *testing.B, pid int) time.Duration {
	b.Helper()
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		b.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(data), ") ")
	fields := strings.Fields(rest)
	user, err1 := strconv.Atoi(fields[11])
	system, err2 := strconv.Atoi(fields[12])
	if err1 != nil || err2 != nil {
		b.Fatalf("/proc/%d/stat holds %q", pid, data)
	}
	return time.Duration(user+system) * 10 * time.Millisecond
}

func pause(d time.Duration) { <-time.After(d) }

// ask reads one value after the other for a while.
func ask(b *testing.B, p *servers.Process, d time.Duration) {
	b.Helper()
	client := redis.NewClient(&redis.Options{Addr: p.Addr, DisableIdentity: true})
	defer client.Close()
	for end := time.Now().Add(d); time.Now().Before(end); {
		if err := client.Get(b.Context(), "x").Err(); err != nil && !errors.Is(err, redis.Nil) {
			b.Error(err)
			return
		}
	}
}

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
func fillKeyspace(b *testing.B, look *redis.Client, n int) {
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
