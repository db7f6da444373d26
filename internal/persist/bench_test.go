package persist

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"returnd/internal/job"
	"returnd/test/servers"
)

// BenchmarkWrite writes batches of 2048 returns of 700 bytes to a real Redis: a job's returns together (burst), or
// each of another of three hundred jobs (scatter).
func BenchmarkWrite(b *testing.B) {
	for _, shape := range []string{"burst", "scatter"} {
		b.Run(shape, func(b *testing.B) {
			p := servers.Redis(b)
			s := storeOn(b, p)
			batches := benchBatches(shape, 64)
			b.ReportAllocs()
			n := 0
			for b.Loop() {
				for _, err := range s.Write(b.Context(), batches[n%len(batches)]) {
					if err != nil {
						b.Fatal(err)
					}
				}
				n++
			}
			b.ReportMetric(float64(n*2048)/b.Elapsed().Seconds(), "returns/s")
		})
	}
}

func benchBatches(shape string, count int) [][]job.Entry {
	random := rand.New(rand.NewPCG(1, 2)) // #nosec G404 -- repeatable
	start := time.Now().Add(-time.Hour)
	batches := make([][]job.Entry, count)
	at := 0
	for i := range batches {
		batch := make([]job.Entry, 2048)
		for k := range batch {
			number, minion, fun := at/1000, at%1000, at/1000%20
			if shape == "scatter" {
				number, minion, fun = random.IntN(300), random.IntN(5000), random.IntN(20)
			}
			batch[k] = ret(job.FormatJID(start.Add(time.Duration(number)*time.Second)), fmt.Sprintf("web%04d.dc1.example.com", minion), fmt.Sprintf("module%02d.function", fun))
			batch[k].Return.Body = append(batch[k].Return.Body, strings.Repeat(" ", 700-len(batch[k].Return.Body))...)
			at++
		}
		batches[i] = batch
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
			b.ReportMetric(float64(n*2048)/b.Elapsed().Seconds(), "returns/s")
		})
	}
}
