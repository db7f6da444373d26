package servers

import (
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

func clusterClient(t *testing.T, g *ClusterGroup, password string) *redis.ClusterClient {
	t.Helper()
	c := redis.NewClusterClient(&redis.ClusterOptions{Addrs: Addrs(g.Nodes), Password: password})
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func TestClusterServesAndKnowsItsRoles(t *testing.T) {
	t.Parallel()
	begin := time.Now()
	g := Cluster(t, 3, 1, "--requirepass", "pass", "--maxmemory", "50mb")
	t.Logf("started within %v", time.Since(begin))
	c := clusterClient(t, g, "pass")
	for i := range 30 {
		key := "key:" + strconv.Itoa(i)
		if err := c.Set(t.Context(), key, i, 0).Err(); err != nil {
			t.Fatal(err)
		}
		if got, err := g.OwnerOf(t, key).Do("GET", key).Int(); got != i || err != nil {
			t.Errorf("the owner of %s has %d, %v", key, got, err)
		}
	}
	if got := g.Primaries(t); !slices.Equal(got, g.Nodes[:3]) {
		t.Errorf("primaries: got %v, want %v", Addrs(got), Addrs(g.Nodes[:3]))
	}
	if got := g.Replicas(t); !slices.Equal(got, g.Nodes[3:]) {
		t.Errorf("replicas: got %v, want %v", Addrs(got), Addrs(g.Nodes[3:]))
	}
	for i, p := range g.Nodes[:3] {
		if got := g.ReplicaOf(t, p); got != g.Nodes[3+i] {
			t.Errorf("replica of node %d: got %s, want %s", i, got.Addr, g.Nodes[3+i].Addr)
		}
	}
}

func TestClusterFailsOver(t *testing.T) {
	t.Parallel()
	g := Cluster(t, 3, 1)
	first := g.OwnerOfSlot(t, 0)
	second := g.ReplicaOf(t, first)
	g.Failover(t, second)
	if got := g.OwnerOfSlot(t, 0); got != second {
		t.Errorf("after CLUSTER FAILOVER: slot 0 is at %s, want %s", got.Addr, second.Addr)
	}
	second.Kill()
	g.Settle(t)
	if got := g.OwnerOfSlot(t, 0); got != first {
		t.Errorf("after a kill: slot 0 is at %s, want %s", got.Addr, first.Addr)
	}
	second.Restart()
	g.Settle(t)
	if got := g.ReplicaOf(t, first); got != second {
		t.Errorf("after the restart: the replica is at %s, want %s", got.Addr, second.Addr)
	}
}

func TestClusterMovesSlots(t *testing.T) {
	t.Parallel()
	g := Cluster(t, 2, 0, "--requirepass", "pass")
	c := clusterClient(t, g, "pass")
	from, to := g.Nodes[0], g.Nodes[1]
	slot := KeySlot("{moving}")
	if g.OwnerOfSlot(t, slot) == to {
		from, to = to, from
	}
	const keys = 250
	for i := range keys {
		if err := c.Set(t.Context(), "{moving}"+strconv.Itoa(i), i, 0).Err(); err != nil {
			t.Fatal(err)
		}
	}
	m := g.BeginMove(t, from, to, slot)
	if got := m.Keys(120); got != 120 {
		t.Errorf("moved %d keys, want 120", got)
	}
	if count := c.Exists(t.Context(), "{moving}0").Val(); count != 1 {
		t.Error("a key is lost in between")
	}
	m.Finish()
	g.Settle(t)
	if got := g.OwnerOfSlot(t, slot); got != to {
		t.Errorf("slot %d is at %s, want %s", slot, got.Addr, to.Addr)
	}
	if got, err := to.Do("CLUSTER", "COUNTKEYSINSLOT", slot).Int(); got != keys || err != nil {
		t.Errorf("got %d keys at the new owner, want %d (%v)", got, keys, err)
	}
	begin := time.Now()
	g.MoveSlots(t, from, to, slots(from == g.Nodes[0], slot)...)
	t.Logf("moved 1,000 slots within %v", time.Since(begin))
	g.Settle(t)
	if got := g.Primaries(t); len(got) != 2 {
		t.Errorf("primaries: %v", Addrs(got))
	}
}

// slots are 1,000 that the first or the second of two primaries owns, without
// the one that has moved.
func slots(first bool, moved int) []int {
	begin := Slots / 2
	if first {
		begin = 0
	}
	var list []int
	for slot := begin; len(list) < 1000; slot++ {
		if slot != moved {
			list = append(list, slot)
		}
	}
	return list
}

func TestKeySlot(t *testing.T) {
	t.Parallel()
	p := Redis(t, "--cluster-enabled", "yes", "--cluster-port", strconv.Itoa(FreePort(t)))
	for _, key := range []string{"", "123456789", "ret:{20261120080102123456}", "{}x", "a{b}{c}", "a{b", "a{{b}}", "…", "}{x}"} {
		want, err := p.Do("CLUSTER", "KEYSLOT", key).Int()
		if got := KeySlot(key); got != want || err != nil {
			t.Errorf("%q: got %d, want %d (%v)", key, got, want, err)
		}
	}
}
