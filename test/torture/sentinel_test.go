package torture

import (
	"fmt"
	"testing"
	"time"

	"returnd/test/servers"
)

// sentinelReplicas is how many replicas servers.Sentinel gives a primary. A Sentinel may promote any of them, so a
// write is sure to outlive a failover only where all of them have it.
const sentinelReplicas = 2

func sentinelFailover(g *servers.SentinelGroup) act {
	return act{"SENTINEL FAILOVER", func(st *stage) time.Duration {
		began := time.Now()
		g.Failover(st.t)
		return time.Since(began) + changeover
	}}
}

func sentinelKill(g *servers.SentinelGroup) act {
	return act{"kill -9 of the primary", func(st *stage) time.Duration {
		began := time.Now()
		primary := g.Primary(st.t)
		primary.Kill()
		g.Settle(st.t)
		st.t.Logf("another primary with its replica after %v", time.Since(began).Round(time.Millisecond))
		primary.Restart()
		g.Settle(st.t)
		return time.Since(began) + afterTakeover
	}}
}

func sentinelSleep(g *servers.SentinelGroup) act {
	return act{"DEBUG SLEEP 7 of the primary", func(st *stage) time.Duration {
		began := time.Now()
		primary := g.Primary(st.t)
		_ = primary.Do("DEBUG", "SLEEP", "7").Err() // its answer takes longer than is waited for
		awaitRole(st.t, primary, "slave")
		g.Settle(st.t)
		return time.Since(began) + afterTakeover
	}}
}

// TestSentinelUnderLoad: nothing is lost where a return counts only when every replica has it. With fewer the primary
// that is being replaced may still have its writes confirmed by a replica that is about to follow the new one.
func TestSentinelUnderLoad(t *testing.T) {
	t.Parallel()
	g := servers.Sentinel(t, servers.SentinelOptions{}, durableNodes...)
	st := newStage(t, behindSentinels(g), sentinelReplicas)
	acts, lasting := []act{sentinelFailover(g)}, 8*time.Second
	if slow() {
		acts = append(acts, killClients(st.group), sentinelKill(g), sentinelSleep(g), sentinelFailover(g))
		lasting = 90 * time.Second
	}
	nothingLost(t, st.play(lasting, acts...))
}

// TestSentinelFailoversByReplicasAsked counts what failovers cost that nobody confirms, and that one replica of two
// does. Only zero of the whole group is promised, above.
func TestSentinelFailoversByReplicasAsked(t *testing.T) {
	servers.Slow(t)
	t.Parallel()
	for _, minReplicas := range []int{0, 1} {
		t.Run(fmt.Sprintf("min_replicas %d", minReplicas), func(t *testing.T) {
			t.Parallel()
			g := servers.Sentinel(t, servers.SentinelOptions{}, durableNodes...)
			st := newStage(t, behindSentinels(g), minReplicas)
			faults := st.play(20*time.Second, sentinelFailover(g), sentinelFailover(g), sentinelFailover(g))
			t.Logf("min_replicas %d: three failovers lost %d of %d acknowledged returns and loads", minReplicas, lost(faults), st.generator.sent.Load())
		})
	}
}

// TestOneServerUnderLoad: no failover, so nothing can be lost, however long it is deaf and however often it hangs up.
func TestOneServerUnderLoad(t *testing.T) {
	servers.Slow(t)
	t.Parallel()
	p := servers.Redis(t, durableNodes...)
	g := alone(p)
	st := newStage(t, g, 0)
	deaf := act{"DEBUG SLEEP 7", func(*stage) time.Duration {
		began := time.Now()
		_ = p.Do("DEBUG", "SLEEP", "7").Err() // its answer takes longer than is waited for
		awaitRole(t, p, "master")
		return time.Since(began) + changeover
	}}
	nothingLost(t, st.play(25*time.Second, deaf, killClients(g), deaf))
}
