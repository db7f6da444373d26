package persist

import (
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"returnd/internal/job"
	"returnd/test/servers"
)

// benchBatch is how many returns a batch holds, as the worker's default.
const benchBatch = 2048

// BenchmarkWrite writes batches of returns of 700 bytes to real servers: a job's returns together (burst), or three
// hundred jobs interleaved over five thousand minions and twenty functions (scatter). No return comes twice. Compare
// the CPU time: it holds where others have the machine, too.
func BenchmarkWrite(b *testing.B) {
	for _, shape := range []string{"burst", "scatter"} {
		b.Run(shape, func(b *testing.B) {
			p := servers.Redis(b)
			writeBatches(b, storeOn(b, p), shape, p)
		})
		b.Run(shape+" to a cluster", func(b *testing.B) {
			g := servers.Cluster(b, 3, 0)
			writeBatches(b, storeOn(b, g.Nodes[0]), shape, g.Nodes...)
		})
	}
}

func writeBatches(b *testing.B, s *Store, shape string, processes ...*servers.Process) {
	b.Helper()
	batches := benchBatches(shape, benchBatches300k)
	runtime.GC()
	b.ReportAllocs()
	n := 0
	worker, redis := cpuOf(b, os.Getpid()), time.Duration(0)
	for _, p := range processes {
		redis -= cpuOf(b, p.PID())
	}
	for b.Loop() {
		if n == len(batches) {
			b.Fatalf("only the first %d batches are new to the server: use a smaller -benchtime", n)
		}
		for _, err := range s.Write(b.Context(), batches[n]) {
			if err != nil {
				b.Fatal(err)
			}
		}
		n++
	}
	worker = cpuOf(b, os.Getpid()) - worker
	for _, p := range processes {
		redis += cpuOf(b, p.PID())
	}
	million := float64(n*benchBatch) / 1e6
	b.ReportMetric(million*1e6/b.Elapsed().Seconds(), "returns/s")
	b.ReportMetric(worker.Seconds()/million, "worker-cpu-s/M")
	b.ReportMetric(redis.Seconds()/million, "redis-cpu-s/M")
}

// benchBatches300k is the number of batches that the figures of docs/performance.md are taken from.
const benchBatches300k = 146

func benchBatches(shape string, count int) [][]job.Entry {
	const jobs, minions = 300, 5000
	random := rand.New(rand.NewPCG(1, 2)) // #nosec G404 -- repeatable
	start := time.Now().Add(-time.Hour)
	places := make([]int, benchBatch*count) // of a return: its job and its minion
	for i := range places {
		places[i] = i/1000*minions + i%1000
	}
	if shape == "scatter" {
		for i := range places {
			places[i] = i%jobs*minions + i/jobs*5%minions + i%5
		}
		random.Shuffle(len(places), func(i, j int) { places[i], places[j] = places[j], places[i] })
	}
	batches := make([][]job.Entry, count)
	for i, place := range places {
		number, minion, fun := place/minions, place%minions, place/minions%20
		if shape == "scatter" {
			fun = random.IntN(20)
		}
		e := ret(job.FormatJID(start.Add(time.Duration(number)*time.Second)), fmt.Sprintf("web%04d.dc1.example.com", minion), fmt.Sprintf("module%02d.function", fun))
		e.Return.Body = append(e.Return.Body, strings.Repeat(" ", 700-len(e.Return.Body))...)
		batches[i/benchBatch] = append(batches[i/benchBatch], e)
	}
	return batches
}

// BenchmarkPlan collapses a batch without sending it.
func BenchmarkPlan(b *testing.B) {
	for _, shape := range []string{"burst", "scatter"} {
		b.Run(shape, func(b *testing.B) {
			s := storeOn(b, servers.Redis(b))
			c, err := s.target("", job.NoDB).connect(b.Context())
			if err != nil {
				b.Fatal(err)
			}
			batches := benchBatches(shape, 16)
			b.ReportAllocs()
			n := 0
			for b.Loop() {
				p := newPlan(s, batches[n%len(batches)])
				p.pipes = s.pipes(c)
				p.queueReturns(b.Context())
				n++
			}
			b.ReportMetric(float64(n*benchBatch)/b.Elapsed().Seconds(), "returns/s")
		})
	}
}

// cpuOf is the CPU time a process has used: fields 14 and 15 of /proc/<pid>/stat, in hundredths of a second.
func cpuOf(t testing.TB, pid int) time.Duration {
	t.Helper()
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(data), ") ")
	fields := strings.Fields(rest)
	user, err1 := strconv.Atoi(fields[11])
	system, err2 := strconv.Atoi(fields[12])
	if err1 != nil || err2 != nil {
		t.Fatalf("/proc/%d/stat holds %q", pid, data)
	}
	return time.Duration(user+system) * 10 * time.Millisecond
}
