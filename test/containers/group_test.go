package containers

import (
	"slices"
	"strings"
	"testing"

	"returnd/test/servers"
)

// TestSentinel: the Sentinels name the primary by its name in the network, and
// another one when it is gone; it comes back as a replica.
func TestSentinel(t *testing.T) {
	t.Parallel()
	n := NewNetwork(t)
	g := Sentinel(t, n)
	first := g.Nodes[0]
	if len(g.Nodes) != 3 || len(g.Sentinels) != 3 || g.Master() != first.Inside {
		t.Fatalf("%d nodes, %d Sentinels, primary %s", len(g.Nodes), len(g.Sentinels), g.Master())
	}
	asked := g.Sentinels[1].CLI("-h", g.Sentinels[2].Name, "-p", "26379", "SENTINEL", "GET-MASTER-ADDR-BY-NAME", g.MasterName)
	wants(t, asked, first.Name)
	wants(t, g.Sentinels[0].CLI("-h", first.Name, "ROLE"), "master")
	wants(t, g.Sentinels[0].CLI("-h", g.Nodes[1].Name, "ROLE"), "slave")

	first.Kill()
	servers.Eventually(t, settleLimit, "another primary", func() bool {
		master := g.Master()
		return master != "" && master != first.Inside
	})
	first.Start()
	g.Settle(t)
	wants(t, first.CLI("ROLE"), "slave")
}

// TestCluster: the nodes serve all slots and send clients to each other by
// name; a replica takes a lost primary's place, which comes back as a replica.
func TestCluster(t *testing.T) {
	t.Parallel()
	n := NewNetwork(t)
	g := Cluster(t, n, 3, 1)
	if len(g.Nodes) != 6 {
		t.Fatalf("%d nodes", len(g.Nodes))
	}
	asker := g.Nodes[5]
	wants(t, asker.CLI("CLUSTER", "INFO"), "cluster_state:ok")
	set(t, asker, g.Nodes[0], "before")

	first := g.Nodes[0]
	first.Cut(n)
	servers.Eventually(t, settleLimit, "the promotion of its replica", func() bool {
		return strings.Contains(g.Nodes[3].Do("INFO", "replication").String(), "role:master")
	})
	servers.Eventually(t, settleLimit, "a cluster that serves", func() bool {
		return strings.Contains(asker.Do("CLUSTER", "INFO").String(), "cluster_state:ok")
	})
	set(t, asker, g.Nodes[4], "meanwhile")
	first.Mend(n)
	g.Settle(t)
	wants(t, first.CLI("ROLE"), "slave")
}

// set writes keys of many slots by way of one node and reads them by another's.
func set(t *testing.T, asker, node *Server, value string) {
	t.Helper()
	keys := strings.Split("abcdefghijkl", "")
	slots := map[int]bool{}
	for _, key := range keys {
		slots[servers.KeySlot(key)*3/servers.Slots] = true
	}
	if len(slots) != 3 {
		t.Fatalf("the keys lie on the primaries %v alone", slots)
	}
	for _, key := range keys {
		wants(t, asker.CLI("-c", "-h", node.Name, "SET", key, value), "OK")
	}
	for _, key := range slices.Backward(keys) {
		wants(t, asker.CLI("-c", "-h", asker.Name, "GET", key), value)
	}
}
