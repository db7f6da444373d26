package persist

import (
	"context"
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

// BenchmarkSweep sweeps them, as fast as it goes and at the default pace, and prints keys a second, what Redis' PINGs
// wait, and what the heap grew to.
//
// Every quarter of a second the sweep is held up, and nobody or another client takes its turn: the same PINGs beside
// nothing (control) and beside a client that asks for one small value after the other (busy). The latter is what a server
// that has work to do waits for the processor, however short its commands; on a busy machine that is most of it.
func BenchmarkSweep(b *testing.B) {
	b.Run("unpaced", func(b *testing.B) { benchSweep(b, 0, time.Hour) })
	b.Run("paced", func(b *testing.B) { benchSweep(b, 10_000, 12*time.Second) })
}

// benchSweep sweeps at a rate, for so long at most.
func benchSweep(b *testing.B, rate int, most time.Duration) {
	b.Helper()
	n := benchKeys()
	p := servers.Redis(b)
	s, look := storeOn(b, p), clientOn(b, p)
	turns := newTurns(b, p)
	rules := everything()
	rules.Rate = rate
	var keys int64
	var used time.Duration
	var heaps []uint64
	for b.Loop() {
		fillKeyspace(b, look, n)
		look.ConfigResetStat(b.Context())
		began, steps := time.Now(), 0
		heaps = append(heaps, heapInUse())
		turns.begin()
		report, err := s.Sweep(b.Context(), job.Database{DB: job.NoDB}, rules, "", func(job.SweepReport, string) error {
			if steps++; steps%100 == 0 { // it stops the world
				heaps = append(heaps, heapInUse())
			}
			if time.Since(began) > most {
				return errEnough
			}
			turns.next()
			return nil
		})
		used += turns.end()
		keys += report.Keys
		switch {
		case err == nil:
			leftAsSaltWould(b, look, n, report)
		case !errors.Is(err, errEnough):
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(keys)/turns.took.Seconds(), "keys/s")
	b.ReportMetric(used.Seconds()*1e6/float64(keys), "redis-CPU-s/M")
	turns.report(b)
	b.ReportMetric(float64(slices.Max(heaps))/(1<<20), "MB-heap")
	b.ReportMetric(float64(heaps[0])/(1<<20), "MB-heap-before")
	b.ReportMetric(commandTime(b, look, "evalsha"), "ms-script-p99.9")
	b.ReportMetric(commandTime(b, look, "scan"), "ms-scan-p99.9")
	b.ReportMetric(0, "ns/op")
}

// leftAsSaltWould holds what is left to Salt's rule: every ret: without a load: is gone, and no other.
func leftAsSaltWould(b *testing.B, look *redis.Client, n int, report job.SweepReport) {
	b.Helper()
	if got := report.Count(job.SweepReturns).Removed; got != int64(n/2) {
		b.Errorf("%d removed, want %d", got, n/2)
	}
	start := benchStart
	for from := 0; from < n; from += 1000 {
		pipe := look.Pipeline()
		var there []*redis.IntCmd
		for i := from; i < min(from+1000, n); i++ {
			there = append(there, pipe.Exists(b.Context(), "ret:"+job.FormatJID(start.Add(time.Duration(i)*time.Millisecond))))
		}
		if _, err := pipe.Exec(b.Context()); err != nil {
			b.Fatal(err)
		}
		for i, cmd := range there {
			if want := int64(1 - (from+i)%2); cmd.Val() != want {
				b.Fatalf("return %d: there %d, want %d", from+i, cmd.Val(), want)
			}
		}
	}
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

// commandTime is Redis' own measure of a command, in milliseconds.
func commandTime(b *testing.B, look *redis.Client, command string) float64 {
	b.Helper()
	info, err := look.Info(b.Context(), "latencystats").Result()
	if err != nil {
		b.Fatal(err)
	}
	_, rest, _ := strings.Cut(fields(info)["latency_percentiles_usec_"+command], "p99.9=")
	us, _ := strconv.ParseFloat(strings.TrimSpace(rest), 64)
	return us / 1000
}

// benchStart is when the first of the swept jobs began.
var benchStart = time.Now().Add(-longAgo).Truncate(time.Second)

// fillKeyspace puts n old returns into an empty server, half of them with a load.
func fillKeyspace(b *testing.B, look *redis.Client, n int) {
	b.Helper()
	look.FlushAll(context.Background())
	for from := 0; from < n; from += 1000 {
		pipe := look.Pipeline()
		for i := from; i < min(from+1000, n); i++ {
			jid := job.FormatJID(benchStart.Add(time.Duration(i) * time.Millisecond))
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
