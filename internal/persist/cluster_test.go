package persist

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"returnd/internal/job"
	"returnd/test/servers"
)

// clusterRig is a store on a cluster, and a plain client to look at what it leaves.
func clusterRig(t testing.TB, g *servers.ClusterGroup) (*Store, *redis.ClusterClient) {
	t.Helper()
	s := storeOn(t, g.Nodes[0])
	client := func() *redis.ClusterClient {
		return redis.NewClusterClient(&redis.ClusterOptions{Addrs: servers.Addrs(g.Nodes), MaxRedirects: 3, ContextTimeoutEnabled: true})
	}
	c := &connection{writer: client(), reader: client(), guards: map[string]*guard{}}
	c.cluster = c.writer.(*redis.ClusterClient)
	s.target("", job.NoDB).conn.Store(c)
	look := client()
	t.Cleanup(func() { _ = look.Close() })
	return s, look
}

func TestClusterHoldsTheSame(t *testing.T) {
	g := servers.Cluster(t, 3, 0)
	s, look := clusterRig(t, g)
	start := time.Now().Add(-time.Hour)
	var batch []job.Entry
	for i := range 60 {
		jid := job.FormatJID(start.Add(time.Duration(i) * time.Second))
		batch = append(batch, load(t, jid, `{"fun": "f.x", "minions": ["m0", "m1"]}`))
		for m := range 10 {
			batch = append(batch, ret(jid, fmt.Sprintf("m%d", m), "f.x"))
		}
	}
	for round := range 2 { // the second time repeats everything
		for i, err := range s.Write(t.Context(), batch) {
			if err != nil {
				t.Fatalf("round %d, entry %d: %v", round, i, err)
			}
		}
	}
	last := job.FormatJID(start.Add(59 * time.Second))
	for m := range 10 {
		minion := fmt.Sprintf("m%d", m)
		if got := look.Get(t.Context(), minion+":f.x").Val(); got != last {
			t.Errorf("pointer of %s = %q, want %q", minion, got, last)
		}
		history := look.LRange(t.Context(), "returnd/history:"+minion, 0, -1).Val()
		slices.Sort(history)
		if len(slices.Compact(history)) != 60 {
			t.Errorf("history of %s has %d entries, want 60", minion, len(history))
		}
	}
	var jids []string
	if err := s.Jobs(t.Context(), "", func(jid string, _ []byte) error { jids = append(jids, jid); return nil }); err != nil {
		t.Fatal(err)
	}
	if len(jids) != 60 || jids[0] != last {
		t.Errorf("%d jobs, the first %q", len(jids), jids[0])
	}
	returns := 0
	if err := s.LastReturns(t.Context(), "", "f.x", func(string, []byte) error { returns++; return nil }); err != nil || returns != 10 {
		t.Errorf("%d last returns, %v", returns, err)
	}
}

// Slots move while returns are written: each command finds its key's server, or is held.
func TestClusterWhileSlotsMove(t *testing.T) {
	g := servers.Cluster(t, 3, 0)
	s, look := clusterRig(t, g)
	jid := jidAt(time.Minute)
	e := ret(jid, "m", "f.x")
	if err := s.Write(t.Context(), []job.Entry{e})[0]; err != nil {
		t.Fatal(err)
	}
	slot := servers.KeySlot("ret:" + jid)
	from := g.OwnerOfSlot(t, slot)
	to := g.Nodes[(slices.Index(g.Nodes, from)+1)%3]
	move := g.BeginMove(t, from, to, slot)
	other := ret(jid, "n", "f.x")
	servers.Eventually(t, 10*time.Second, "a return is stored while its slot moves", func() bool {
		return s.Write(t.Context(), []job.Entry{other})[0] == nil
	})
	move.Finish()
	third := ret(jid, "o", "f.x")
	servers.Eventually(t, 10*time.Second, "a return is stored after its slot has moved", func() bool {
		return s.Write(t.Context(), []job.Entry{third})[0] == nil
	})
	if got := look.HLen(t.Context(), "ret:"+jid).Val(); got != 3 {
		t.Errorf("%d returns in Redis, want 3", got)
	}
}

// A shard that is down holds back its own returns, and no others.
func TestClusterShardDown(t *testing.T) {
	g := servers.Cluster(t, 3, 1)
	s, _ := clusterRig(t, g)
	var batch []job.Entry
	for i := range 30 {
		batch = append(batch, ret(jidAt(time.Duration(i+1)*time.Second), fmt.Sprintf("m%d", i), "f.x"))
	}
	for _, err := range s.Write(t.Context(), batch) {
		if err != nil {
			t.Fatal(err)
		}
	}
	g.Primaries(t)[1].Kill()
	began := time.Now()
	stored := 0
	for _, err := range s.Write(t.Context(), batch) {
		if err == nil {
			stored++
		}
	}
	t.Logf("with a shard just killed %d of %d were stored after %v", stored, len(batch), time.Since(began))
	if took := time.Since(began); took > 3*time.Second {
		t.Errorf("a batch took %v beside a dead shard", took)
	}
	servers.Eventually(t, 15*time.Second, "everything is stored again", func() bool {
		return !slices.ContainsFunc(s.Write(t.Context(), batch), func(err error) bool { return err != nil })
	})
	t.Logf("recovered %v after the kill (node timeout 2s)", time.Since(began))
}
