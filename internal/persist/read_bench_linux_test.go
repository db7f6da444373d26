package persist

import (
	"fmt"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"returnd/internal/job"
	"returnd/test/servers"
)

// BenchmarkReturns reads whole jobs: how long it takes until the first return, and by how much the process grows.
func BenchmarkReturns(b *testing.B) {
	for _, shape := range []struct{ minions, size int }{{1, 1 << 10}, {30, 1 << 10}, {10_000, 1 << 10}, {3, 900 << 10}, {300, 900 << 10}} {
		b.Run(fmt.Sprintf("%dx%dkB", shape.minions, shape.size>>10), func(b *testing.B) {
			p := servers.Redis(b)
			s, c := storeOn(b, p), clientOn(b, p)
			for i := range shape.minions {
				c.HSet(b.Context(), "ret:x", fmt.Sprintf("web%05d.dc1.example.com", i), strings.Repeat("x", shape.size))
			}
			debug.FreeOSMemory()
			forgetPeak(b)
			before := memory(b, "VmRSS:")
			var first time.Duration
			b.ReportAllocs()
			for b.Loop() {
				began, n := time.Now(), 0
				_, err := s.Returns(b.Context(), "", "x", "", func(string, []byte) error {
					if n++; n == 1 {
						first += time.Since(began)
					}
					return nil
				})
				if err != nil || n != shape.minions {
					b.Fatal(n, err)
				}
			}
			b.ReportMetric(float64(first.Microseconds())/float64(b.N), "µs-to-first")
			b.ReportMetric(float64(memory(b, "VmHWM:")-before)/1024, "MB-more")
		})
	}
}

// BenchmarkJobs reads the newest hundred of 200,000 jobs.
func BenchmarkJobs(b *testing.B) {
	p := servers.Redis(b)
	s, c := storeOn(b, p), clientOn(b, p)
	jobs := make([]redis.Z, 200_000)
	for i := range jobs {
		start := time.Now().Add(-time.Duration(i) * time.Second)
		jobs[i] = redis.Z{Score: float64(start.UnixMicro()), Member: job.FormatJID(start)}
	}
	plant(b, c, jobs)
	c.Set(b.Context(), "returnd/indexed", "1", 0)
	b.ReportAllocs()
	for b.Loop() {
		n := 0
		_, err := s.Jobs(b.Context(), "", job.Span{}, "", func(string, []byte) error {
			if n == 100 {
				return job.ErrPageFull
			}
			n++
			return nil
		})
		if err != nil || n != 100 {
			b.Fatal(n, err)
		}
	}
}

// BenchmarkIndex scans 200,000 loads that others have written.
func BenchmarkIndex(b *testing.B) {
	p := servers.Redis(b)
	s, c := storeOn(b, p), clientOn(b, p)
	jobs := make([]redis.Z, 200_000)
	for i := range jobs {
		jobs[i] = redis.Z{Member: job.FormatJID(time.Now().Add(-time.Duration(i) * time.Second))}
	}
	plant(b, c, jobs)
	conn, err := s.reading(b.Context(), "")
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		c.Unlink(b.Context(), "returnd/jobs", "returnd/indexed")
		if err := s.indexed(b.Context(), conn); err != nil {
			b.Fatal(err)
		}
	}
}

// forgetPeak begins the peak of the process's memory anew.
func forgetPeak(b *testing.B) {
	b.Helper()
	if err := os.WriteFile("/proc/self/clear_refs", []byte("5"), 0o600); err != nil {
		b.Fatal(err)
	}
}

// memory is a line of /proc/self/status in kB.
func memory(b *testing.B, name string) int {
	b.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		b.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(status), name)
	n, err := strconv.Atoi(strings.Fields(rest)[0])
	if err != nil {
		b.Fatal(err)
	}
	return n
}
