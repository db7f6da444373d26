package persist

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"returnd/internal/job"
	"returnd/test/servers"
)

// BenchmarkCompletion tells what looking for complete jobs costs: the same batches are written in turn by a store that
// has nobody to tell and by one that has, each to a Redis of its own. Beside burst and scatter, whose jobs have no
// loads, there are small jobs: a load, three returns and an announcement each.
func BenchmarkCompletion(b *testing.B) {
	for _, form := range []string{"standalone", "cluster"} {
		for _, shape := range []string{"burst", "scatter", "small"} {
			b.Run(form+"/"+shape, func(b *testing.B) { compareCompletion(b, form, shape) })
		}
	}
}

func compareCompletion(b *testing.B, form, shape string) {
	b.Helper()
	var stores [2]*Store
	var nodes [2][]*servers.Process
	for i, announcer := range []Announcer{nil, &listener{}} {
		nodes[i] = benchNodes(b, form)
		stores[i] = announcingStore(b, nodes[i][0], announcer)
	}
	made := benchBatches(shape, 256)
	var took [2][]time.Duration
	used := [2]float64{redisSeconds(b, nodes[0]), redisSeconds(b, nodes[1])}
	entries := 0
	for round := 0; b.Loop(); round++ {
		batch := made[round%len(made)] // a repeated one costs much more: keep below 256 rounds
		if shape == "small" {
			batch = smallJobs(b, round)
		}
		for i := range stores {
			turn := (i + round) % 2
			began := time.Now()
			stored(b, stores[turn], batch...)
			took[turn] = append(took[turn], time.Since(began))
		}
		entries += len(batch)
	}
	for i := range took { // the median: the machine does other things too
		slices.Sort(took[i])
	}
	without, with := took[0][len(took[0])/2], took[1][len(took[1])/2]
	size := float64(entries) / float64(len(took[0]))
	b.ReportMetric(size/without.Seconds(), "without/s")
	b.ReportMetric(size/with.Seconds(), "with/s")
	b.ReportMetric(float64(with)/float64(without), "time-ratio")
	b.ReportMetric((redisSeconds(b, nodes[1])-used[1])/(redisSeconds(b, nodes[0])-used[0]), "redis-cpu-ratio")
}

func benchNodes(b *testing.B, form string) []*servers.Process {
	b.Helper()
	if form == "cluster" {
		return servers.Cluster(b, 3, 0).Nodes
	}
	return []*servers.Process{servers.Redis(b)}
}

// smallJobs is a batch of 512 jobs: a load and three returns each.
func smallJobs(b *testing.B, round int) (batch []job.Entry) {
	b.Helper()
	for k := range 512 {
		jid := job.FormatJID(time.Now().Add(-time.Hour + time.Duration(round*512+k)*time.Microsecond))
		batch = append(batch, load(b, jid, `{"fun": "test.ping", "tgt": "web*", "minions": ["web1", "web2", "web3"]}`))
		for m := range 3 {
			batch = append(batch, ret(jid, fmt.Sprintf("web%d", m+1), "test.ping"))
		}
	}
	return batch
}

// redisSeconds is the processor time that the servers have taken, in seconds.
func redisSeconds(b *testing.B, nodes []*servers.Process) (sum float64) {
	b.Helper()
	for _, p := range nodes {
		info, err := p.Do("INFO", "cpu").Text()
		if err != nil {
			b.Fatal(err)
		}
		for line := range strings.Lines(info) {
			name, value, _ := strings.Cut(strings.TrimSpace(line), ":")
			if name == "used_cpu_user" || name == "used_cpu_sys" {
				seconds, err := strconv.ParseFloat(value, 64)
				if err != nil {
					b.Fatal(err)
				}
				sum += seconds
			}
		}
	}
	return sum
}
