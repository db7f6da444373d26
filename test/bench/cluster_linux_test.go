package bench

import (
	"testing"

	"returnd/test/servers"
)

// BenchmarkCluster drains the same stream to one Redis and to a cluster of three, in one run, and reports the ratio.
// All of it shares the machine's cores: on more of them the cluster gains, and the single Redis does not.
func BenchmarkCluster(b *testing.B) {
	for _, name := range []string{"burst", "scatter"} {
		b.Run(name, func(b *testing.B) {
			r := newRig(b, name)
			g := servers.Cluster(b, 3, 0)
			n := float64(len(r.docs))
			var one, three cost
			for b.Loop() {
				one, _ = r.drain(b, r.redis)
				three, _ = r.drain(b, g.Nodes...)
			}
			b.ReportMetric(n/one.wall.Seconds(), "single-returns/s")
			b.ReportMetric(n/three.wall.Seconds(), "cluster-returns/s")
			b.ReportMetric(one.wall.Seconds()/three.wall.Seconds(), "of-single")
			b.ReportMetric(three.client.Seconds()/n*1e6, "worker-cpu-s/M")
			b.ReportMetric(three.redis.Seconds()/n*1e6, "redis-cpu-s/M")
			b.ReportMetric(one.cpu().Seconds()/three.cpu().Seconds(), "of-single-by-cpu")
			b.ReportMetric(0, "ns/op")
		})
	}
}
