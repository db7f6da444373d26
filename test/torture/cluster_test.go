package torture

import (
	"strconv"
	"testing"
	"time"

	"returnd/test/servers"
)

const (
	// changeover bounds a failover that all sides agree on, and whatever leaves every server alive: the servers take a
	// fraction of a second, a busy machine some more.
	changeover = 5 * time.Second
	// afterTakeover is what the workers may take to find the new primary (FAULTS: node timeout + 5 s).
	afterTakeover = 5 * time.Second
)

// ownsNoIndex finds a primary without the keys that every return is in: while it is away, returns of the other shards
// can be settled.
func ownsNoIndex(t testing.TB, g *servers.ClusterGroup) *servers.Process {
	t.Helper()
	busy := map[*servers.Process]bool{g.OwnerOf(t, "minions"): true, g.OwnerOf(t, "returnd/seen"): true}
	for _, p := range g.Primaries(t) {
		if !busy[p] {
			return p
		}
	}
	t.Fatal("every primary holds an index")
	return nil
}

func clusterFailover(g *servers.ClusterGroup) act {
	return act{"CLUSTER FAILOVER", func(st *stage) time.Duration {
		g.Failover(st.t, g.ReplicaOf(st.t, g.OwnerOf(st.t, "minions")))
		return changeover
	}}
}

// killPrimary kills a primary and brings it back once a replica has taken over. restored: writes count only when a
// replica has them, so they wait for the killed one to be back as such.
func killPrimary(g *servers.ClusterGroup, restored bool) act {
	return act{"kill -9 of a primary", func(st *stage) time.Duration {
		t := st.t
		primary := ownsNoIndex(t, g)
		replica := g.ReplicaOf(t, primary)
		began := time.Now()
		primary.Kill()
		early := st.mustLook()
		awaitRole(t, replica, "master")
		takeover := time.Since(began)
		late := st.mustLook()
		t.Logf("the takeover took %v; meanwhile %d returns of the other shards were settled", takeover.Round(time.Millisecond), late.settled-early.settled)
		if late.settled-early.settled < pacePerSecond/10 {
			t.Errorf("%d returns were settled while one shard of three was away: the healthy ones wait for it", late.settled-early.settled)
		}
		g.Settle(t)
		if !restored {
			servers.Eventually(t, recoverLimit, "returns settled without the killed one", func() bool {
				now, err := st.look()
				return err == nil && now.floor >= late.last
			})
		}
		primary.Restart()
		g.Settle(t)
		if restored {
			return time.Since(began) + afterTakeover
		}
		return takeover + afterTakeover
	}}
}

// sleepPrimary makes a primary deaf for longer than the node timeout: a replica takes its place while it lives, and it
// comes to itself as a primary that no longer is one.
func sleepPrimary(g *servers.ClusterGroup) act {
	return act{"DEBUG SLEEP 7", func(st *stage) time.Duration {
		began := time.Now()
		primary := ownsNoIndex(st.t, g)
		_ = primary.Do("DEBUG", "SLEEP", "7").Err() // its answer takes longer than is waited for
		awaitRole(st.t, primary, "slave")
		g.Settle(st.t)
		return time.Since(began) + afterTakeover
	}}
}

// moveSlots takes the first slots from their owner; no act before it moves one.
func moveSlots(g *servers.ClusterGroup, count int) act {
	return act{strconv.Itoa(count) + " slots migrating", func(st *stage) time.Duration {
		slots := make([]int, count)
		for i := range slots {
			slots[i] = i
		}
		g.MoveSlots(st.t, g.OwnerOfSlot(st.t, 0), g.OwnerOfSlot(st.t, servers.Slots-1), slots...)
		return changeover
	}}
}

func killClients(g group) act {
	return act{"CLIENT KILL TYPE normal, ten times", func(st *stage) time.Duration {
		for range 10 {
			for _, p := range g.primaries(st.t) {
				if err := p.Do("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes").Err(); err != nil {
					st.t.Fatal(err)
				}
			}
			pace(100 * time.Millisecond)
		}
		return changeover
	}}
}

func awaitRole(t testing.TB, p *servers.Process, want string) {
	t.Helper()
	servers.Eventually(t, recoverLimit, p.Addr+" as "+want, func() bool {
		reply, err := p.Do("ROLE").Slice()
		return err == nil && len(reply) > 0 && reply[0] == want
	})
}

// TestClusterUnderLoad: a failover that both sides agree on loses nothing, moving slots loses nothing, and a lost
// connection loses nothing; so writes need not wait for replicas.
func TestClusterUnderLoad(t *testing.T) {
	servers.Slow(t)
	t.Parallel()
	g := servers.Cluster(t, 3, 1, durableNodes...)
	st := newStage(t, overCluster(g), 0)
	nothingLost(t, st.play(30*time.Second, clusterFailover(g), killClients(st.group), moveSlots(g, 2500), clusterFailover(g)))
}

// TestClusterPrimaryDies: a primary that dies takes with it what it has confirmed and not yet replicated; that is the
// server's own promise. With redis.write.min_replicas 1 a return counts only when the one replica has it, and the
// oracle finds all of them.
func TestClusterPrimaryDies(t *testing.T) {
	t.Parallel()
	g := servers.Cluster(t, 3, 1, durableNodes...)
	st := newStage(t, overCluster(g), 1)
	acts, lasting := []act{clusterFailover(g), killPrimary(g, true)}, 10*time.Second
	if slow() {
		acts = append(acts, sleepPrimary(g), killPrimary(g, true), clusterFailover(g))
		lasting = time.Minute
	}
	nothingLost(t, st.play(lasting, acts...))
}

// TestClusterPrimaryDiesUnreplicated shows the other side: writes go on as soon as a replica has taken over, and what
// only the dead primary had is counted.
func TestClusterPrimaryDiesUnreplicated(t *testing.T) {
	servers.Slow(t)
	t.Parallel()
	g := servers.Cluster(t, 3, 1, durableNodes...)
	st := newStage(t, overCluster(g), 0)
	faults := st.play(40*time.Second, killPrimary(g, false), killPrimary(g, false))
	t.Logf("min_replicas 0: %d of the acknowledged returns and loads are lost, %d faults in all", lost(faults), len(faults))
}
