package torture

import (
	"strings"
	"testing"
	"time"

	"returnd/test/servers"
)

// lost counts the acknowledged returns and loads that are gone.
func lost(faults []string) (n int) {
	for _, f := range faults {
		if strings.HasPrefix(f, "lost: ") {
			n++
		}
	}
	return n
}

// cutOff keeps replicas from their primary without a Sentinel's noticing: they are up and answer, and show a password
// that the primary does not know. What the primary writes from then on it has alone.
func cutOff(t testing.TB, primary *servers.Process, replicas []*servers.Process) (restore func()) {
	t.Helper()
	login := func(user, password string) {
		for _, p := range replicas {
			if err := p.Do("CONFIG", "SET", "masteruser", user, "masterauth", password).Err(); err != nil {
				t.Fatal(err)
			}
		}
	}
	login("nobody", "wrong")
	if err := primary.Do("CLIENT", "KILL", "TYPE", "replica").Err(); err != nil {
		t.Fatal(err)
	}
	for _, p := range replicas {
		servers.Eventually(t, drainLimit, p.Addr+" cut off", func() bool {
			reply, err := p.Do("ROLE").Slice()
			return err == nil && len(reply) > 3 && reply[3] != "connected"
		})
	}
	return func() { login("", "") }
}

// promoteStale has the primary write alone for a while and die, so that a replica takes its place which knows nothing
// of that.
func promoteStale(g *servers.SentinelGroup) act {
	return act{"a stale replica promoted", func(st *stage) time.Duration {
		t := st.t
		began := time.Now()
		primary := g.Primary(t)
		restore := cutOff(t, primary, g.Replicas(t))
		// Far below ten times the Sentinels' patience: after that they would promote neither.
		pace(2 * time.Second)
		primary.Kill()
		restore()
		g.Settle(t)
		return time.Since(began) + afterTakeover
	}}
}

// TestStaleReplicaPromoted: with redis.write.min_replicas 1 what the primary had alone was never acknowledged, and is
// written again. Without it, that is lost; how much is in the log, and in docs/operations.md.
func TestStaleReplicaPromoted(t *testing.T) {
	servers.Slow(t)
	t.Parallel()
	for _, tt := range []struct {
		name        string
		minReplicas int
	}{
		{"one replica confirms", 1},
		{"nobody confirms", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			g := servers.Sentinel(t, servers.SentinelOptions{}, durableNodes...)
			st := newStage(t, behindSentinels(g), tt.minReplicas)
			faults := st.play(12*time.Second, promoteStale(g))
			t.Logf("min_replicas %d: %d of %d acknowledged returns and loads are lost", tt.minReplicas, lost(faults), st.generator.sent.Load())
			if tt.minReplicas > 0 {
				nothingLost(t, faults)
			}
		})
	}
}
