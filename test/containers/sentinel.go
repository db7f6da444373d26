package containers

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"returnd/test/servers"
)

const (
	// masterName is the name the Sentinels watch the primary under; it is the
	// one of Redis's own documentation.
	masterName   = "mymaster"
	sentinelPort = 26379
	// The sizes are the smallest that survive the loss of any one container.
	sentinelNodes = 3
	sentinels     = 3
	quorum        = 2
	// settleLimit bounds a failover, whoever started it: it takes seconds,
	// and tens of them on a busy machine.
	settleLimit = time.Minute
)

// SentinelGroup is one primary, its replicas and the Sentinels that watch them.
type SentinelGroup struct {
	Sentinels  []*Server
	Nodes      []*Server // Nodes[0] is the first primary
	MasterName string

	t testing.TB
}

// Sentinel starts one primary, two replicas and three Sentinels, and waits
// until all of them know each other. All announce their names, so that a
// container which comes back at another address is the same to the others.
// Extra arguments are those of every node.
func Sentinel(t testing.TB, n *Network, extra ...string) *SentinelGroup {
	t.Helper()
	g := &SentinelGroup{MasterName: masterName, t: t}
	o := redis.Options{Password: password(extra)}
	g.Nodes = startServers(t, o, g.node(n, "", extra))
	primary := g.Nodes[0].Name
	var replicas, watchers []spec
	for range sentinelNodes - 1 {
		replicas = append(replicas, g.node(n, primary, extra))
	}
	g.Nodes = append(g.Nodes, startServers(t, o, replicas...)...)
	for range sentinels {
		watchers = append(watchers, watcher(t, n, primary, o.Password))
	}
	g.Sentinels = startServers(t, redis.Options{}, watchers...)
	for _, s := range g.Sentinels {
		// How often a Sentinel asks the nodes (10 s) and speaks to the others
		// (2 s) stands in no configuration file.
		s.must("SENTINEL", "DEBUG", "info-period", 500, "publish-period", 500)
	}
	g.Settle(t)
	return g
}

// node is the primary, or a replica of it.
func (g *SentinelGroup) node(n *Network, primary string, extra []string) spec {
	g.t.Helper()
	s := redisSpec(g.t, n, "redis-node")
	plain := s.args
	s.args = func(name string) []string {
		args := append(plain(name), "--replica-announce-ip", name, "--repl-diskless-sync-delay", "0")
		if secret := password(extra); secret != "" {
			args = append(args, "--masterauth", secret)
		}
		if primary != "" {
			args = append(args, "--replicaof", primary+" 6379")
		}
		return append(args, extra...)
	}
	return s
}

// watcher is a Sentinel. Its configuration is a file that it rewrites.
func watcher(t testing.TB, n *Network, primary, password string) spec {
	t.Helper()
	s := redisSpec(t, n, "sentinel")
	s.port = sentinelPort
	lines := []string{
		"port 26379", "bind 0.0.0.0", "protected-mode no", "dir /data",
		"sentinel resolve-hostnames yes", "sentinel announce-hostnames yes",
		fmt.Sprintf("sentinel monitor %s %s %d %d", masterName, primary, redisPort, quorum),
		"sentinel down-after-milliseconds " + masterName + " 1000",
		"sentinel failover-timeout " + masterName + " 10000",
	}
	if password != "" {
		lines = append(lines, "sentinel auth-pass "+masterName+" "+password)
	}
	s.files = map[string]string{"/data/sentinel.conf": strings.Join(lines, "\n") + "\n"}
	s.args = func(name string) []string {
		return []string{"/data/sentinel.conf", "--sentinel", "--sentinel", "announce-ip", name}
	}
	return s
}

// Master is the name:port of the primary, as the first Sentinel that answers
// tells it.
func (g *SentinelGroup) Master() string {
	for _, s := range g.Sentinels {
		if host, err := s.Do("SENTINEL", "GET-MASTER-ADDR-BY-NAME", g.MasterName).StringSlice(); err == nil && len(host) == 2 {
			return host[0] + ":" + host[1]
		}
	}
	return ""
}

// Settle waits until every Sentinel names the same primary, which says it is
// one, with all other nodes linked to it, and all Sentinels known.
func (g *SentinelGroup) Settle(t testing.TB) {
	t.Helper()
	servers.Eventually(t, settleLimit, "settled Sentinels", func() bool {
		master := g.Master()
		for _, s := range g.Sentinels {
			seen := fields(s.Do("SENTINEL", "MASTER", g.MasterName))
			if seen["ip"]+":"+seen["port"] != master || seen["flags"] != "master" ||
				seen["num-slaves"] != strconv.Itoa(sentinelNodes-1) || seen["num-other-sentinels"] != strconv.Itoa(sentinels-1) {
				return false
			}
		}
		return g.linked(master)
	})
}

// linked tells whether all nodes but the primary follow it.
func (g *SentinelGroup) linked(master string) bool {
	for _, node := range g.Nodes {
		info := node.Do("INFO", "replication").String()
		if node.Inside == master {
			if !strings.Contains(info, "role:master") {
				return false
			}
		} else if !strings.Contains(info, "master_link_status:up") || !strings.Contains(info, "master_host:"+hostOf(master)) {
			return false
		}
	}
	return master != ""
}

func hostOf(addr string) string {
	host, _, _ := strings.Cut(addr, ":")
	return host
}

// fields reads a reply of names and values in turn.
func fields(reply *redis.Cmd) map[string]string {
	list, err := reply.StringSlice()
	if err != nil {
		return nil
	}
	found := make(map[string]string, len(list)/2)
	for i := 0; i+1 < len(list); i += 2 {
		found[list[i]] = list[i+1]
	}
	return found
}
