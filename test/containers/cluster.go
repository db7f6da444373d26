package containers

import (
	"slices"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"returnd/test/servers"
)

// clusterNodeTimeout is how many milliseconds of silence make a node count as
// failed: fast enough for tests, slow enough that a busy machine fails nobody.
const clusterNodeTimeout = "2000"

// ClusterGroup is a Redis Cluster. Those that were started as primaries come
// first in Nodes, whatever their role is now.
type ClusterGroup struct {
	Nodes []*Server

	n *Network
	t testing.TB
}

// Cluster starts a Redis Cluster of so many primaries, each with so many
// replicas and its even share of the slots, and waits until every node sees
// all of it and serves. The nodes send clients to each other by name. Extra
// arguments are those of every node.
func Cluster(t testing.TB, n *Network, primaries, replicas int, extra ...string) *ClusterGroup {
	t.Helper()
	g := &ClusterGroup{n: n, t: t}
	specs := make([]spec, primaries*(1+replicas))
	for i := range specs {
		specs[i] = g.node(extra)
	}
	g.Nodes = startServers(t, redis.Options{Password: password(extra)}, specs...)
	for i, p := range g.Nodes[:primaries] {
		p.must("CLUSTER", "ADDSLOTSRANGE", i*servers.Slots/primaries, (i+1)*servers.Slots/primaries-1)
	}
	g.meet()
	for i, p := range g.Nodes[primaries:] {
		id, _ := g.Nodes[i%primaries].must("CLUSTER", "MYID").Text()
		p.must("CLUSTER", "REPLICATE", id)
	}
	g.Settle(t)
	return g
}

func (g *ClusterGroup) node(extra []string) spec {
	g.t.Helper()
	s := redisSpec(g.t, g.n, "redis-cluster")
	plain := s.args
	s.args = func(name string) []string {
		args := append(plain(name),
			"--cluster-enabled", "yes", "--cluster-node-timeout", clusterNodeTimeout, "--repl-diskless-sync-delay", "0",
			"--cluster-announce-hostname", name, "--cluster-preferred-endpoint-type", "hostname")
		if secret := password(extra); secret != "" {
			args = append(args, "--masterauth", secret)
		}
		return append(args, extra...)
	}
	return s
}

// meet introduces all nodes to each other, by address: names will not do.
// Different epochs from the start save the cluster the quarrel about them.
func (g *ClusterGroup) meet() {
	g.t.Helper()
	for i, p := range g.Nodes {
		p.must("CLUSTER", "SET-CONFIG-EPOCH", i+1)
		for _, other := range g.Nodes[:i] {
			p.must("CLUSTER", "MEET", other.IP(g.n), redisPort)
		}
	}
	servers.Eventually(g.t, settleLimit, "an acquaintance of all nodes", func() bool {
		return !slices.ContainsFunc(g.Nodes, func(p *Server) bool {
			view := g.view(p)
			return len(view) != len(g.Nodes) || strings.Contains(strings.Join(view, "\n"), "handshake")
		})
	})
}

// view is how a node sees the cluster, one line a node, as CLUSTER NODES
// prints it.
func (g *ClusterGroup) view(p *Server) []string {
	text, err := p.Do("CLUSTER", "NODES").Text()
	if err != nil {
		return nil
	}
	return strings.Split(strings.TrimSpace(text), "\n")
}

// Settle waits until every node sees all others up and all slots served, and
// every replica follows its primary.
func (g *ClusterGroup) Settle(t testing.TB) {
	t.Helper()
	servers.Eventually(t, settleLimit, "a settled cluster", func() bool {
		return !slices.ContainsFunc(g.Nodes, func(p *Server) bool { return !g.settled(p) })
	})
}

func (g *ClusterGroup) settled(p *Server) bool {
	state, err := p.Do("CLUSTER", "INFO").Text()
	if err != nil || !strings.Contains(state, "cluster_state:ok") || !strings.Contains(state, "cluster_slots_ok:16384") {
		return false
	}
	for _, line := range g.view(p) {
		if strings.Contains(line, "fail") || !strings.Contains(line, " connected") || !strings.Contains(line, ",redis-cluster") {
			return false
		}
	}
	info := p.Do("INFO", "replication").String()
	return strings.Contains(info, "role:master") || strings.Contains(info, "master_link_status:up")
}
