package servers

import (
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

func TestSentinelFailover(t *testing.T) {
	t.Parallel()
	g := Sentinel(t, SentinelOptions{}, "--min-replicas-to-write", "1")
	former := g.Primary(t)
	if former != g.Nodes[0] || len(g.Replicas(t)) != 2 {
		t.Errorf("the primary is at %s, want %s", former.Addr, g.Nodes[0].Addr)
	}
	c := redis.NewFailoverClient(&redis.FailoverOptions{MasterName: g.MasterName, SentinelAddrs: Addrs(g.Sentinels)})
	defer c.Close()
	if err := c.Set(t.Context(), "kept", "yes", 0).Err(); err != nil {
		t.Fatal(err)
	}
	if err := c.Wait(t.Context(), 2, 5*time.Second).Err(); err != nil {
		t.Fatal(err)
	}
	primary := g.Failover(t)
	if primary == former {
		t.Errorf("the primary is still at %s", former.Addr)
	}
	if got, err := primary.Do("GET", "kept").Text(); got != "yes" || err != nil {
		t.Errorf("got %q from the new primary, %v", got, err)
	}
}

func TestSentinelReplacesAKilledPrimary(t *testing.T) {
	t.Parallel()
	g := Sentinel(t, SentinelOptions{Password: "guards"}, "--requirepass", "pass")
	for _, p := range []*Process{g.Sentinels[1], g.Nodes[1]} {
		refused(t, p.Addr+" without a password", "NOAUTH", redisClient(t, "tcp", p.Addr).Ping(t.Context()).Err())
	}
	former := g.Primary(t)
	former.Kill()
	g.Sentinels[0].Stop()
	primary := g.Settle(t)
	if primary == former {
		t.Fatalf("the killed node at %s is the primary", former.Addr)
	}
	former.Restart()
	g.Sentinels[0].Cont()
	if got := g.Settle(t); got != primary {
		t.Errorf("the primary is at %s, want %s", got.Addr, primary.Addr)
	}
	if _, of, linked := former.role(); of != primary.Addr || !linked {
		t.Errorf("the former primary replicates from %q", of)
	}
}
