package persist

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"returnd/internal/job"
	"returnd/test/servers"
)

// What lies in several slots is shared out, and the replies are made one.
func TestCommandsInACluster(t *testing.T) {
	t.Parallel()
	g := servers.Cluster(t, 3, 1)
	s, look := clusterRig(t, g)
	awaitReplicas(t, s, g)
	for _, tt := range []struct {
		line string
		want any
	}{
		{"set a 1", "OK"},
		{"get a", "1"},
		{"mset b 2 c 3 d 4 e 5 b 6", "OK"},
		{"mget e none d b a c d", []any{"5", nil, "4", "6", "1", "3", "4"}},
		{"exists a b c none a", int64(4)},
		{"touch a b none", int64(2)},
		{"dbsize", int64(5)},
		{"unlink a none", int64(1)},
		{"del b c none", int64(2)},
		{"dbsize", int64(2)},
		{"mset {t}1 x {t}2 y", "OK"},
		{"mget {t}2 {t}1", []any{"y", "x"}},
		{"rename {t}1 {t}3", "OK"},
		{"ping", "PONG"},
		{"echo hello", "hello"},
		{"script exists e0e1f9fabfc9d4800c877a703b823ac0578ff8db 0000", []any{int64(0), int64(0)}},
		{"config set maxmemory-samples 7", "OK"},
		{"config resetstat", "OK"},
		{"script flush", "OK"},
		{"pubsub channels", []any{}},
		{"pubsub numsub c", map[any]any{"c": int64(0)}},
		{"spublish channel x", int64(0)},
		{"cluster keyslot foo", int64(12182)},
		{fmt.Sprintf("cluster countkeysinslot %d", servers.KeySlot("d")), int64(1)},
		{fmt.Sprintf("cluster getkeysinslot %d 9", servers.KeySlot("e")), []any{"e"}},
	} {
		if got := execute(t, s, tt.line, ""); !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s gave %#v, want %#v", tt.line, got, tt.want)
		}
	}
	for _, node := range g.Nodes {
		if got := fmt.Sprint(node.Do("config", "get", "maxmemory-samples").Val()); !strings.Contains(got, "7") {
			t.Errorf("CONFIG SET did not reach %s: %s", node.Addr, got)
		}
	}
	if n := look.DBSize(t.Context()).Val(); n != 4 {
		t.Errorf("%d keys are left, want 4", n)
	}
	checkScansOfACluster(t, s, look)
	checkRefusedInACluster(t, s)
	checkTargetsOfACluster(t, s, g)
}

// awaitReplicas waits until every node lists every other: a replica is listed once it is known to have received something.
func awaitReplicas(t *testing.T, s *Store, g *servers.ClusterGroup) {
	t.Helper()
	execute(t, s, "mset a 0 b 0 c 0", "")
	servers.Eventually(t, 20*time.Second, "all replicas are listed everywhere", func() bool {
		for _, node := range g.Nodes {
			listed := fmt.Sprint(node.Do("cluster", "slots").Val())
			for _, addr := range servers.Addrs(g.Nodes) {
				if !strings.Contains(listed, strings.Replace(addr, ":", " ", 1)) {
					return false
				}
			}
		}
		return len(execute(t, s, "lastsave", job.TargetAll).(map[any]any)) == len(g.Nodes)
	})
	execute(t, s, "del a b c", "")
}

func checkScansOfACluster(t *testing.T, s *Store, look *redis.ClusterClient) {
	t.Helper()
	var want []string
	for i := range 300 {
		key := fmt.Sprintf("many/%03d", i)
		want = append(want, key)
		if err := look.Set(t.Context(), key, "", 0).Err(); err != nil {
			t.Fatal(err)
		}
	}
	for line, names := range map[string]func(any) any{
		"keys many/*":                   func(reply any) any { return reply },
		"scan 0 match many/* count 100": func(reply any) any { return reply.([]any)[1] },
	} {
		got := texts(names(execute(t, s, line, "")))
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("%s gave %d keys, want %d", line, len(got), len(want))
		}
	}
	_, err := s.Execute(t.Context(), anybody, command("scan 17 match many/*"))
	refused(t, err, job.RefusedMalformed, "a cursor of SCAN is one server's")
}

func checkRefusedInACluster(t *testing.T, s *Store) {
	t.Helper()
	for line, want := range map[string]string{
		"msetnx a 1 b 2":                "give them a common {tag}",
		"rename a b":                    "give them a common {tag}",
		"sinterstore a b c":             "give them a common {tag}",
		"mset a 1 b":                    "wrong number of arguments",
		"cluster countkeysinslot 99999": "no server keeps the slot",
		"cluster countkeysinslot x":     "must be a number",
	} {
		_, err := s.Execute(t.Context(), anybody, command(line))
		refused(t, err, job.RefusedMalformed, want)
	}
	_, err := s.Execute(t.Context(), anybody, job.Command{Args: []string{"mget", "a", "b"}, Target: job.TargetReplicas})
	refused(t, err, job.RefusedMalformed, "leave target out")
	_, err = s.Execute(t.Context(), anybody, command("del a b ret:1"))
	refused(t, err, job.RefusedForbidden, "returner's")
}

func checkTargetsOfACluster(t *testing.T, s *Store, g *servers.ClusterGroup) {
	t.Helper()
	for target, want := range map[string][]string{
		job.TargetPrimaries: servers.Addrs(g.Primaries(t)), job.TargetReplicas: servers.Addrs(g.Replicas(t)), job.TargetAll: servers.Addrs(g.Nodes),
	} {
		var got []string
		for addr := range execute(t, s, "lastsave", target).(map[any]any) {
			got = append(got, addr.(string))
		}
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("%s are %q, want %q", target, got, want)
		}
	}
	owner := g.OwnerOf(t, "d")
	replica := g.ReplicaOf(t, owner)
	for _, target := range []string{"", job.TargetRandom, job.TargetAll, owner.Addr} {
		if got := execute(t, s, "get d", target); got != "4" {
			t.Errorf("get at %q gave %#v", target, got)
		}
	}
	for _, target := range []string{job.TargetReplicas, replica.Addr} {
		servers.Eventually(t, 10*time.Second, "a replica has it", func() bool { return execute(t, s, "get d", target) == "4" })
		_, err := s.Execute(t.Context(), anybody, job.Command{Args: []string{"set", "d", "5"}, Target: target})
		refused(t, err, job.RefusedMalformed, "chosen by target")
	}
	for _, other := range g.Primaries(t) {
		if other != owner {
			_, err := s.Execute(t.Context(), anybody, job.Command{Args: []string{"get", "d"}, Target: other.Addr})
			refused(t, err, job.RefusedMalformed, "does not keep the key")
		}
	}
	if role := execute(t, s, "role", replica.Addr).([]any)[0]; role != "slave" {
		t.Errorf("%s says that it is a %s", replica.Addr, role)
	}
}

// With the switch off nothing is shared out, reads neither: coredis does the same.
func TestCrossSlotIsRefused(t *testing.T) {
	t.Parallel()
	g := servers.Cluster(t, 3, 0)
	s := storeOn(t, g.Nodes[0], func(c *Config) { c.Redis.Cluster.NonAtomicCrossSlot = false })
	execute(t, s, "mset {t}1 a {t}2 b", "")
	for _, line := range []string{"del a b", "unlink a b", "mset a 1 b 2", "exists a b", "touch a b", "mget a b"} {
		_, err := s.Execute(t.Context(), anybody, command(line))
		refused(t, err, job.RefusedMalformed, "redis.cluster.non_atomic_cross_slot")
	}
	if got := execute(t, s, "del {t}1 {t}2", ""); got != int64(2) {
		t.Errorf("in one slot: %v", got)
	}
	if got := execute(t, s, "dbsize", ""); got != int64(0) {
		t.Errorf("%v keys were set", got)
	}
}

// While a slot moves, its keys are found at either server; and what was moved behind the worker's back too.
func TestCommandsWhileASlotMoves(t *testing.T) {
	t.Parallel()
	g := servers.Cluster(t, 3, 0)
	s, _ := clusterRig(t, g)
	execute(t, s, "mset {m}1 a {m}2 b other c", "")
	slot := servers.KeySlot("{m}")
	from := g.OwnerOfSlot(t, slot)
	to := g.Nodes[(slices.Index(g.Nodes, from)+1)%3]
	move := g.BeginMove(t, from, to, slot)
	if got := execute(t, s, "incr {m}new", ""); got != int64(1) { // not there: ASK
		t.Errorf("a new key of a slot that moves: %v", got)
	}
	// With keys on both sides neither server can.
	if _, err := s.Execute(t.Context(), anybody, command("exists {m}new {m}1")); !errors.Is(err, job.ErrUnavailable) {
		t.Errorf("keys on both sides: %v", err)
	}
	move.Finish()
	for range 3 {
		if got := execute(t, s, "mget other {m}1 {m}2 {m}new", ""); !reflect.DeepEqual(got, []any{"c", "a", "b", "1"}) {
			t.Errorf("after the move: %v", got)
		}
	}
	if got := execute(t, s, "incr {m}new", ""); got != int64(2) {
		t.Errorf("incremented to %v, want 2", got)
	}
}

// A shard that is down is the error of what touches it, and of nothing else.
func TestCommandsBesideADeadShard(t *testing.T) {
	t.Parallel()
	g := servers.Cluster(t, 3, 0, "--cluster-require-full-coverage", "no")
	s, _ := clusterRig(t, g)
	execute(t, s, "mset a 1 b 2 c 3", "")
	dead, alive := g.OwnerOf(t, "a"), "b"
	if g.OwnerOf(t, alive) == dead || g.OwnerOf(t, "minions") == dead {
		t.Fatal("the keys do not lie as the test needs it")
	}
	dead.Kill()
	_, err := s.Execute(t.Context(), anybody, command("mget a b"))
	if err == nil {
		t.Error("a reply without a shard")
	}
	if got := execute(t, s, "get "+alive, ""); got != "2" {
		t.Errorf("beside the dead shard: %v", got)
	}
}
