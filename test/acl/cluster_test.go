package acl

import (
	"fmt"
	"testing"

	"github.com/redis/go-redis/v9"

	"returnd/internal/persist"
	"returnd/test/deploy"
	"returnd/test/servers"
)

// deployedCluster is a cluster of three primaries with a replica each, whose nodes know the deployed user. The default
// user stays as it is: it is whom the test itself speaks as.
func deployedCluster(t *testing.T, site *deploy.Site) *servers.ClusterGroup {
	t.Helper()
	g := servers.Cluster(t, 3, 1)
	args := []any{"ACL", "SETUSER", "returnd"}
	for _, rule := range deployedRules(t, site, "returnd") {
		args = append(args, rule)
	}
	for _, node := range g.Nodes {
		if err := node.Do(args...).Err(); err != nil {
			t.Fatal(err)
		}
		if err := node.Do("CONFIG", "RESETSTAT").Err(); err != nil {
			t.Fatal(err)
		}
	}
	return g
}

// On a cluster the worker does all it can do, sweeps and moves of slots included, and needs each of the commands that
// are granted for that alone.
func TestDeployedRedisUserMayDoWhatTheWorkerDoesOnACluster(t *testing.T) {
	site := deploy.New(t)
	g := deployedCluster(t, site)
	t.Cleanup(func() { refusedNowhere(t, g) })
	nats, password := servers.EmbeddedNATS(t), site.SecretFile("redis-worker")
	start := func(args ...string) *servers.Process {
		return startWorker(t, nats.ClientURL(), append(args, "--redis.mode", "cluster", "--redis.cluster.startup_nodes", g.Nodes[0].Addr,
			"--redis.username", "returnd", "--redis.password_file", password)...)
	}
	worker := start("--history.limit", "1", "--redis.read_from_replicas")
	c := everything(t, connect(t, nats.ClientURL()), oneDatabase, func() { flushNodes(t, g) })
	move := beginMove(t, g, servers.KeySlot("minions"))
	c.publishReturn("sent to ask elsewhere", "web1", "test.ping", "")
	c.settled()
	move.Finish()
	worker.Terminate()
	start("--redis.write.min_replicas", "1")
	c.publishReturn("confirmed", "web1", "test.ping", "")
	c.settled()
	admin := redis.NewClusterClient(&redis.ClusterOptions{Addrs: servers.Addrs(g.Nodes), DisableIdentity: true})
	t.Cleanup(func() { _ = admin.Close() })
	sweepAll(t, admin, storeAs(t, g.Nodes[0].Addr, password, func(r *persist.Redis) { r.ClusterMode = true }), 1)
	given := map[string]bool{}
	for _, node := range g.Nodes {
		for _, name := range used(t, clientOf(t, node)) {
			given[name] = true
		}
	}
	for _, name := range clusterOnly(t) {
		if !given[name] {
			t.Errorf("%s is granted and was never needed", name)
		}
	}
}

func clientOf(t *testing.T, node *servers.Process) *redis.Client {
	t.Helper()
	c := redis.NewClient(&redis.Options{Addr: node.Addr, DisableIdentity: true, Protocol: 2})
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func refusedNowhere(t *testing.T, g *servers.ClusterGroup) {
	t.Helper()
	for _, node := range g.Nodes {
		if log := node.Do("ACL", "LOG").Val(); fmt.Sprint(log) != "[]" {
			t.Errorf("%s refused: %v", node.Addr, log)
		}
	}
}

func flushNodes(t *testing.T, g *servers.ClusterGroup) {
	t.Helper()
	for _, node := range g.Nodes {
		if err := node.Do("SCRIPT", "FLUSH").Err(); err != nil {
			t.Fatal(err)
		}
	}
}

// beginMove has a slot half moved, so that clients are sent to ask elsewhere.
func beginMove(t *testing.T, g *servers.ClusterGroup, slot int) *servers.Move {
	t.Helper()
	const primaries = 3
	owner := 0
	for slot >= (owner+1)*servers.Slots/primaries { // each has its even share
		owner++
	}
	move := g.BeginMove(t, g.Nodes[owner], g.Nodes[(owner+1)%primaries], slot)
	move.Keys(1)
	return move
}
