package e2e

import (
	"context"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/redis/go-redis/v9"

	"returnd/test/servers"
)

// The forms of Redis that the whole suite runs on; TEST_REDIS names one.
const (
	standalone = "standalone" // one server
	sentinel   = "sentinel"   // a primary, two replicas, three Sentinels
	cluster    = "cluster"    // three primaries with a replica each
)

// form is the one that this run is on.
func form(t *testing.T) string {
	t.Helper()
	switch f := os.Getenv("TEST_REDIS"); f {
	case "":
		return standalone
	case standalone, sentinel, cluster:
		return f
	default:
		t.Fatalf("TEST_REDIS is %q: use %s, %s or %s", f, standalone, sentinel, cluster)
		return ""
	}
}

// patience is the silence in milliseconds after which a group takes a node for
// dead. These tests stop and kill all of Redis and bring it back: nobody is to
// be promoted meanwhile, since what a promotion loses is told by the tests of
// failovers.
const patience = "60000"

// store is Redis in one of its forms. What a test stops or kills is all of its
// nodes: while a group has a node left to promote, Redis is not away.
type store struct {
	form      string
	nodes     []*servers.Process
	sentinels *servers.SentinelGroup
	cluster   *servers.ClusterGroup
	password  string
}

// newStore starts Redis in this run's form; password "" is none.
func newStore(t *testing.T, password string) *store {
	t.Helper()
	var extra []string
	if password != "" {
		extra = []string{"--requirepass", password}
	}
	s := &store{form: form(t), password: password}
	switch s.form {
	case sentinel:
		s.sentinels = servers.Sentinel(t, servers.SentinelOptions{Down: limit * 2}, extra...)
		s.nodes = s.sentinels.Nodes
	case cluster:
		s.cluster = servers.Cluster(t, 3, 1, append(extra, "--cluster-node-timeout", patience)...)
		s.nodes = s.cluster.Nodes
	default:
		s.nodes = []*servers.Process{servers.Redis(t, extra...)}
	}
	return s
}

// databases tells whether the form has more than one.
func (s *store) databases() bool { return s.form != cluster }

// args point a worker at it. A cluster is found by any of its nodes.
func (s *store) args() []string {
	switch s.form {
	case sentinel:
		return []string{
			"--redis.sentinel.master", s.sentinels.MasterName,
			"--redis.sentinel.addresses", strings.Join(servers.Addrs(s.sentinels.Sentinels), ","),
		}
	case cluster:
		return []string{"--redis.cluster.startup_nodes", strings.Join(servers.Addrs(s.nodes[:2]), ",")}
	}
	_, port, _ := net.SplitHostPort(s.nodes[0].Addr)
	return []string{"--redis.port", port}
}

// primaries are the nodes that take writes.
func (s *store) primaries(t *testing.T) []*servers.Process {
	t.Helper()
	switch s.form {
	case sentinel:
		return []*servers.Process{s.sentinels.Primary(t)}
	case cluster:
		return s.cluster.Primaries(t)
	}
	return s.nodes
}

// client looks into a database. It goes around the Sentinels, to the primary.
func (s *store) client(t *testing.T, db int) redis.UniversalClient {
	t.Helper()
	if s.form == cluster {
		if db != 0 {
			t.Fatalf("database %d: a cluster has only one", db)
		}
		c := redis.NewClusterClient(&redis.ClusterOptions{Addrs: servers.Addrs(s.nodes), Password: s.password})
		t.Cleanup(func() { _ = c.Close() })
		return c
	}
	return open(t, &redis.Options{Addr: s.primaries(t)[0].Addr, DB: db, Password: s.password})
}

// disconnect has every node drop its clients, as a restart does.
func (s *store) disconnect(t *testing.T) {
	t.Helper()
	for _, p := range s.nodes {
		if err := p.Do("CLIENT", "KILL", "TYPE", "normal").Err(); err != nil {
			t.Fatalf("disconnect the clients of %s: %v", p.Addr, err)
		}
	}
}

func (s *store) each(do func(*servers.Process)) {
	for _, p := range s.nodes {
		do(p)
	}
}

// Stop freezes all nodes; Sentinels go on naming the primary.
func (s *store) Stop() { s.each((*servers.Process).Stop) }

// Cont lets all nodes go on.
func (s *store) Cont() { s.each((*servers.Process).Cont) }

// Kill ends all nodes, in the moment it takes.
func (s *store) Kill() { s.each((*servers.Process).Kill) }

// Restart brings all nodes back and waits until they are a whole again.
func (s *store) Restart(t *testing.T) {
	t.Helper()
	s.each((*servers.Process).Restart)
	switch s.form {
	case sentinel:
		s.sentinels.Settle(t)
	case cluster:
		s.cluster.Settle(t)
	}
}

// usedDatabases counts those that hold a key, on any primary.
func (s *store) usedDatabases(t *testing.T) int {
	t.Helper()
	found := map[string]bool{}
	for _, p := range s.primaries(t) {
		info, err := p.Do("INFO", "keyspace").Text()
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(info) {
			if name, _, ok := strings.Cut(line, ":keys="); ok {
				found[name] = true
			}
		}
	}
	return len(found)
}

// keysOf lists all keys: of a cluster, those of all primaries.
func keysOf(t *testing.T, c redis.UniversalClient) []string {
	t.Helper()
	var mu sync.Mutex
	var all []string
	collect := func(ctx context.Context, server *redis.Client) error {
		keys, err := server.Keys(ctx, "*").Result()
		mu.Lock()
		defer mu.Unlock()
		all = append(all, keys...)
		return err
	}
	var err error
	switch c := c.(type) {
	case *redis.ClusterClient:
		err = c.ForEachMaster(t.Context(), collect)
	case *redis.Client:
		err = collect(t.Context(), c)
	default:
		err = fmt.Errorf("a client of type %T", c)
	}
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(all)
	return all
}
