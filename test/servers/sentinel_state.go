package servers

import (
	"net"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// Primary is the node that the Sentinels name: the first of them that answers.
func (g *SentinelGroup) Primary(t testing.TB) *Process {
	t.Helper()
	var primary *Process
	Eventually(t, readyLimit, "a Sentinel that names a primary", func() bool {
		for _, s := range g.Sentinels {
			if primary = g.named(s); primary != nil {
				return true
			}
		}
		return false
	})
	return primary
}

// Replicas are the other nodes, whatever they are doing.
func (g *SentinelGroup) Replicas(t testing.TB) []*Process {
	t.Helper()
	primary := g.Primary(t)
	return slices.DeleteFunc(slices.Clone(g.Nodes), func(p *Process) bool { return p == primary })
}

// Failover makes the Sentinels promote a replica, waits until the group has
// settled and returns the new primary.
func (g *SentinelGroup) Failover(t testing.TB) *Process {
	t.Helper()
	former := g.Primary(t)
	Eventually(t, readyLimit, "a Sentinel that starts a failover", func() bool {
		return slices.ContainsFunc(g.Sentinels, func(s *Process) bool {
			return s.serving() && s.Do("SENTINEL", "FAILOVER", g.MasterName).Err() == nil
		})
	})
	Eventually(t, settleLimit, "another primary", func() bool { return g.Primary(t) != former })
	return g.Settle(t)
}

// Settle waits until all that is left agrees, and returns the primary: every
// Sentinel that runs names the same node, has the quorum and knows all nodes
// and Sentinels; that node says it is a primary, and every other node that
// runs replicates from it. Stopped processes do not count as running. After a
// primary was killed it returns once another has taken over.
func (g *SentinelGroup) Settle(t testing.TB) *Process {
	t.Helper()
	var primary *Process
	Eventually(t, settleLimit, "an agreement of Sentinels and nodes", func() bool {
		primary = g.agreed()
		return primary != nil
	})
	return primary
}

// agreed is the primary that Settle waits for, nil while there is none.
func (g *SentinelGroup) agreed() *Process {
	var primary *Process
	for _, s := range g.Sentinels {
		if !s.serving() {
			continue
		}
		named := g.named(s)
		if named == nil || !named.serving() || (primary != nil && named != primary) || !g.complete(s) {
			return nil
		}
		primary = named
	}
	for _, p := range g.Nodes {
		if primary == nil || (p.serving() && !follows(p, primary)) {
			return nil
		}
	}
	return primary
}

// named is the node that a Sentinel calls the primary.
func (g *SentinelGroup) named(s *Process) *Process {
	if !s.serving() {
		return nil
	}
	answer, err := s.Do("SENTINEL", "GET-MASTER-ADDR-BY-NAME", g.MasterName).StringSlice()
	if err != nil || len(answer) != 2 {
		return nil
	}
	return at(g.Nodes, net.JoinHostPort(answer[0], answer[1]))
}

// complete tells whether a Sentinel could do a failover now, as far as nodes
// and Sentinels run at all, and is in none.
func (g *SentinelGroup) complete(s *Process) bool {
	if s.Do("SENTINEL", "CKQUORUM", g.MasterName).Err() != nil {
		return false
	}
	master := fields(s.Do("SENTINEL", "MASTER", g.MasterName).Result())
	if strings.Contains(master["flags"], "failover") || master["num-other-sentinels"] != strconv.Itoa(len(g.Sentinels)-1) {
		return false
	}
	replicas, err := s.Do("SENTINEL", "REPLICAS", g.MasterName).Slice()
	if err != nil || len(replicas) != len(g.Nodes)-1 {
		return false
	}
	return !slices.ContainsFunc(replicas, func(entry any) bool {
		replica := fields(entry, nil)
		p := at(g.Nodes, replica["name"])
		return p == nil || (p.serving() && (replica["flags"] != "slave" || replica["master-link-status"] != "ok"))
	})
}

// follows tells whether a node is the primary or replicates from it.
func follows(p, primary *Process) bool {
	kind, of, linked := p.role()
	if p == primary {
		return kind == "master"
	}
	return of == primary.Addr && linked
}
