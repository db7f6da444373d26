package servers

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// Primaries are the nodes that own slots, in the order of Nodes, as the first
// node that answers sees them.
func (g *ClusterGroup) Primaries(t testing.TB) []*Process {
	t.Helper()
	return g.find(t, "a primary", clusterNode.serves)
}

// Replicas are the nodes that follow a primary and have not failed.
func (g *ClusterGroup) Replicas(t testing.TB) []*Process {
	t.Helper()
	return g.find(t, "a replica", func(n clusterNode) bool { return n.has("slave") && !n.failed() })
}

// OwnerOf is the primary that holds a key.
func (g *ClusterGroup) OwnerOf(t testing.TB, key string) *Process {
	t.Helper()
	return g.OwnerOfSlot(t, KeySlot(key))
}

// OwnerOfSlot is the primary that answers for a slot.
func (g *ClusterGroup) OwnerOfSlot(t testing.TB, slot int) *Process {
	t.Helper()
	return g.find(t, "the owner of the slot", func(n clusterNode) bool { return n.owns(slot) })[0]
}

// ReplicaOf is the first replica of a primary.
func (g *ClusterGroup) ReplicaOf(t testing.TB, primary *Process) *Process {
	t.Helper()
	id := ""
	g.find(t, "the primary", func(n clusterNode) bool {
		if n.addr == primary.Addr {
			id = n.id
		}
		return id != ""
	})
	return g.find(t, "a replica of "+primary.Addr, func(n clusterNode) bool { return n.primary == id && !n.failed() })[0]
}

// find waits for a node that answers and sees at least one node that fits,
// and returns all that fit.
func (g *ClusterGroup) find(t testing.TB, what string, fits func(clusterNode) bool) []*Process {
	t.Helper()
	var found []*Process
	Eventually(t, settleLimit, what, func() bool {
		for _, n := range g.anyView() {
			if p := at(g.Nodes, n.addr); p != nil && fits(n) {
				found = append(found, p)
			}
		}
		return len(found) > 0
	})
	slices.SortFunc(found, func(a, b *Process) int { return slices.Index(g.Nodes, a) - slices.Index(g.Nodes, b) })
	return found
}

// anyView is the view of the first node that answers and is part of the
// cluster's majority.
func (g *ClusterGroup) anyView() []clusterNode {
	for _, p := range g.Nodes {
		if p.serving() && clusterOK(p) {
			if view, err := clusterView(p); err == nil {
				return view
			}
		}
	}
	return nil
}

func clusterOK(p *Process) bool {
	info, err := p.Do("CLUSTER", "INFO").Text()
	return err == nil && strings.Contains(info, "cluster_state:ok")
}

// Settle waits until every node that runs serves and sees each of the others
// that run in the role it says it has, and every replica that runs has its
// link to a primary. Stopped nodes do not count as running. After a primary
// was killed it returns once a replica has taken over.
func (g *ClusterGroup) Settle(t testing.TB) {
	t.Helper()
	Eventually(t, settleLimit, "an agreement of the cluster's nodes", func() bool {
		roles := map[string]string{}
		for _, p := range g.Nodes {
			if !p.serving() {
				continue
			}
			kind, primary, linked := p.role()
			if kind == "" || (kind == "slave" && !linked) || !clusterOK(p) {
				return false
			}
			roles[p.Addr] = kind
			if of := at(g.Nodes, primary); of != nil && !of.serving() {
				return false
			}
		}
		return g.agree(roles)
	})
}

// agree tells whether all nodes that run see the same roles and links, and
// the same owners of slots.
func (g *ClusterGroup) agree(roles map[string]string) bool {
	owners := ""
	for addr := range roles {
		view, err := clusterView(at(g.Nodes, addr))
		if err != nil {
			return false
		}
		for _, n := range view {
			if kind, runs := roles[n.addr]; runs && (!n.has(kind) || !n.linked || n.has("fail?") || n.failed()) {
				return false
			}
		}
		if seen := ownership(view); owners == "" {
			owners = seen
		} else if seen != owners {
			return false
		}
	}
	return owners != ""
}

// ownership writes down who owns which slots, for comparison.
func ownership(view []clusterNode) string {
	var lines []string
	for _, n := range view {
		if n.serves() {
			lines = append(lines, fmt.Sprint(n.addr, n.slots))
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}
