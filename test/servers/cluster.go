package servers

import (
	"slices"
	"strconv"
	"testing"
)

// clusterNodeTimeout is how many milliseconds of silence make a node count as
// failed: fast enough for tests, slow enough that a busy machine fails nobody.
const clusterNodeTimeout = 2000

// ClusterGroup is a Redis Cluster. Nodes keep their place in Nodes whatever
// their role is; those that were started as primaries come first.
type ClusterGroup struct {
	Nodes []*Process

	tls *TLSGroup
	t   testing.TB
}

// Cluster starts a Redis Cluster of so many primaries, each with so many
// replicas and its even share of the slots, and waits until every node sees
// all of it and serves. Extra arguments are those of every node; a
// --requirepass among them is also what replicas log in with.
//
// Nothing is kept on disk but each node's view of the cluster. A primary that
// is killed and restarted before its replica has taken over (two seconds)
// comes back empty, and empties the replica: "--appendonly", "yes" helps.
func Cluster(t testing.TB, primaries, replicas int, extra ...string) *ClusterGroup {
	t.Helper()
	return startCluster(t, nil, primaries, replicas, extra...)
}

// ClusterTLS is Cluster with nodes that speak TLS alone.
func ClusterTLS(t testing.TB, o *TLSGroup, primaries, replicas int, extra ...string) *ClusterGroup {
	t.Helper()
	return startCluster(t, o, primaries, replicas, append([]string{"--tls-cluster", "yes"}, extra...)...)
}

func startCluster(t testing.TB, o *TLSGroup, primaries, replicas int, extra ...string) *ClusterGroup {
	t.Helper()
	g := &ClusterGroup{tls: o, t: t}
	for range primaries * (1 + replicas) {
		g.Nodes = append(g.Nodes, g.startNode(extra))
	}
	g.share(g.Nodes[:primaries])
	g.meet()
	g.attach(g.Nodes[:primaries], g.Nodes[primaries:])
	g.Settle(t)
	return g
}

func (g *ClusterGroup) startNode(extra []string) *Process {
	g.t.Helper()
	p := newRedis(g.t, "redis-cluster", extra)
	p.startOn(freeBusPort, g.tls.scheme(), func(port int) []string {
		return slices.Concat(g.tls.args(p, port), []string{
			"--cluster-enabled", "yes", "--cluster-config-file", "nodes.conf",
			"--cluster-node-timeout", strconv.Itoa(clusterNodeTimeout),
		}, replicating(extra))
	})
	return p
}

// share gives each primary its slots.
func (g *ClusterGroup) share(primaries []*Process) {
	g.t.Helper()
	for i, p := range primaries {
		p.must("CLUSTER", "ADDSLOTSRANGE", i*Slots/len(primaries), (i+1)*Slots/len(primaries)-1)
	}
}

// meet introduces all nodes to each other. One of them could spread the word,
// but that takes seconds. Different epochs from the start save the cluster the
// quarrel about them.
func (g *ClusterGroup) meet() {
	g.t.Helper()
	for i, p := range g.Nodes {
		p.must("CLUSTER", "SET-CONFIG-EPOCH", i+1)
		for _, other := range g.Nodes[:i] {
			host, port := other.hostPort()
			p.must("CLUSTER", "MEET", host, port)
		}
	}
	Eventually(g.t, settleLimit, "an acquaintance of all nodes", func() bool {
		for _, p := range g.Nodes {
			if !g.knowsAll(p) {
				return false
			}
		}
		return true
	})
}

// attach makes the replicas follow the primaries in turn.
func (g *ClusterGroup) attach(primaries, replicas []*Process) {
	g.t.Helper()
	for i, p := range replicas {
		p.must("CLUSTER", "REPLICATE", primaries[i%len(primaries)].nodeID())
	}
}

// knowsAll tells whether a node has shaken hands with all the others.
func (g *ClusterGroup) knowsAll(p *Process) bool {
	view, err := clusterView(p)
	if err != nil || len(view) != len(g.Nodes) {
		return false
	}
	for _, n := range view {
		if n.has("handshake") || at(g.Nodes, n.addr) == nil {
			return false
		}
	}
	return true
}

// nodeID is the node's name within the cluster.
func (p *Process) nodeID() string {
	p.t.Helper()
	id, _ := p.must("CLUSTER", "MYID").Text()
	return id
}
