package persist

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"returnd/internal/job"
	"returnd/test/servers"
)

func TestSentinel(t *testing.T) {
	const password = "of-the-sentinels"
	g := servers.Sentinel(t, servers.SentinelOptions{Password: password}, "--requirepass", "of-redis")
	r := DefaultRedis()
	r.Sentinel.Master, r.Password, r.ReadFromReplicas = g.MasterName, "of-redis", true
	for _, s := range g.Sentinels {
		r.Sentinel.Addresses = append(r.Sentinel.Addresses, s.Addr)
	}
	r.DB = 2
	t.Run("wrong password", func(t *testing.T) {
		wrong := r
		wrong.Sentinel.Password = "wrong"
		writer, _ := clients(t, wrong, wrong.declared(), job.NoDB)
		wantError(t, writer.Ping(t.Context()).Err(), "redis.sentinel.password_file")
	})
	r.Sentinel.Password = password
	t.Run("unknown primary", func(t *testing.T) {
		wrong := r
		wrong.Sentinel.Master = "nobody"
		writer, reader := clients(t, wrong, wrong.declared(), job.NoDB)
		const want = `no Sentinel knows a primary named "nobody"`
		single, batch, read := writer.Set(t.Context(), "k", "v", 0).Err(), pipelined(t, writer), reader.Get(t.Context(), "k").Err()
		wantError(t, single, want)
		wantError(t, batch, want)
		for _, err := range []error{single, batch, read} {
			if err == nil || errors.Is(err, redis.Nil) {
				t.Errorf("%v looks like a missing key", err)
			}
		}
	})
	wantError(t, r.faults().at("redis."), "")
	writer, reader := clients(t, r, r.declared(), job.NoDB)
	if err := writer.Set(t.Context(), "k", "v", 0).Err(); err != nil {
		t.Fatal(err)
	}
	servers.Eventually(t, 10*time.Second, "the value on a replica", func() bool { return reader.Get(t.Context(), "k").Val() == "v" })
	conn, release, err := r.pinned(t.Context(), reader, "k")
	if err != nil {
		t.Fatal(err)
	}
	defer release()
	if got := role(t, conn); got != "slave" {
		t.Errorf("reads go to a %s, want a replica", got)
	}
	copied := *writer.(*redis.Client).Options()
	again := redis.NewClient(&copied)
	if err := again.Ping(t.Context()).Err(); err != nil {
		t.Errorf("a client of the same options: %v", err)
	}
	_ = again.Close()
	g.Failover(t)
	servers.Eventually(t, 10*time.Second, "a write to the new primary", func() bool {
		return writer.Set(t.Context(), "k", "w", 0).Err() == nil
	})
}

// A killed primary is back within the node timeout and five seconds.
func TestClusterPrimaryKilled(t *testing.T) {
	g := servers.Cluster(t, 3, 1)
	r := at(t, g.Nodes[0].Addr)
	r.Cluster.StartupNodes = []string{g.Nodes[0].Addr, g.Nodes[1].Addr}
	r.ReadFromReplicas = true
	writer, reader := clients(t, r, r.declared(), job.NoDB)
	cluster := writer.(*redis.ClusterClient)
	if missing, err := uncovered(t.Context(), cluster); missing != 0 || err != nil {
		t.Errorf("%d slots uncovered, %v", missing, err)
	}
	if err := writer.Set(t.Context(), "k", "v", 0).Err(); err != nil {
		t.Fatal(err)
	}
	servers.Eventually(t, 10*time.Second, "the value on a replica", func() bool { return reader.Get(t.Context(), "k").Val() == "v" })
	// A replica that has just joined is left out for a moment.
	servers.Eventually(t, 10*time.Second, "reads from a replica", func() bool {
		conn, release, err := r.pinned(t.Context(), reader, "k")
		defer release()
		return err == nil && role(t, conn) == "slave"
	})
	owner, err := cluster.MasterForKey(t.Context(), "k")
	if err != nil {
		t.Fatal(err)
	}
	for _, node := range g.Nodes {
		if node.Addr == owner.Options().Addr {
			node.Kill()
		}
	}
	killed := time.Now()
	// The servers' node timeout is two seconds; a busy machine gets some more.
	servers.Eventually(t, 20*time.Second, "a write to the promoted replica", func() bool {
		return writer.Set(t.Context(), "k", "w", 0).Err() == nil
	})
	t.Logf("written again after %v", time.Since(killed).Round(time.Millisecond))
}

func role(t *testing.T, c redis.Cmdable) any {
	t.Helper()
	doer := c.(interface {
		Do(context.Context, ...any) *redis.Cmd
	})
	answer, err := doer.Do(t.Context(), "ROLE").Slice()
	if err != nil {
		return err
	}
	return answer[0]
}

func pipelined(t *testing.T, c redis.UniversalClient) error {
	t.Helper()
	pipe := c.Pipeline()
	cmd := pipe.Set(t.Context(), "k", "v", 0)
	_, _ = pipe.Exec(t.Context())
	return cmd.Err()
}
