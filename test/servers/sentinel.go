package servers

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"testing"
	"time"
)

const (
	// masterName is the name the Sentinels watch the primary under; it is the
	// one of Redis's own documentation.
	masterName = "mymaster"
	// The sizes are the smallest that survive the loss of any one process.
	sentinelNodes = 3
	sentinels     = 3
	quorum        = 2
	// failoverTimeout: a failover that comes to nothing is given up after it,
	// and tried again after twice as long.
	failoverTimeout = 10 * time.Second
	// settleLimit bounds a failover, whoever started it: it takes seconds,
	// and tens of them on a machine busy with -race builds.
	settleLimit = time.Minute
)

// SentinelGroup is one primary, its replicas and the Sentinels that watch them.
type SentinelGroup struct {
	Sentinels  []*Process
	Nodes      []*Process // Nodes[0] is the first primary
	MasterName string

	tls *TLSGroup
	t   testing.TB
}

// SentinelOptions say how the Sentinels are reached and how patient they are.
type SentinelOptions struct {
	Password string        // of the Sentinels themselves; "" is none
	Down     time.Duration // silence after which a node counts as down; 0 is one second
	TLS      *TLSGroup     // nodes and Sentinels speak TLS alone; nil is plain
}

// Sentinel starts one primary, two replicas and three Sentinels, and waits
// until all of them know each other. Extra arguments are those of every node
// ("--min-replicas-to-write", "1"); a --requirepass among them is also what
// replicas and Sentinels log in with.
func Sentinel(t testing.TB, o SentinelOptions, extra ...string) *SentinelGroup {
	t.Helper()
	g := &SentinelGroup{MasterName: masterName, tls: o.TLS, t: t}
	for range sentinelNodes {
		g.Nodes = append(g.Nodes, g.startNode(extra))
	}
	for range sentinels {
		g.Sentinels = append(g.Sentinels, g.startSentinel(o, option(extra, "--requirepass")))
	}
	g.Settle(t)
	return g
}

// startNode starts the primary, or a replica of it. What it replicates stands
// in a file and not among the arguments, so that the Sentinels can rewrite it
// and the node comes back from a restart as what they made of it.
func (g *SentinelGroup) startNode(extra []string) *Process {
	g.t.Helper()
	p := newRedis(g.t, "redis-node", extra)
	role := ""
	if len(g.Nodes) > 0 {
		host, port := g.Nodes[0].hostPort()
		role = "replicaof " + host + " " + port
	}
	p.startOnFreePort(g.tls.scheme(), func(port int) []string {
		g.configure(p, role)
		return slices.Concat([]string{p.file("server.conf")}, g.tls.args(p, port), replicating(extra))
	})
	return p
}

// startSentinel starts a Sentinel. It finds replicas and other Sentinels
// through the primary.
func (g *SentinelGroup) startSentinel(o SentinelOptions, nodePassword string) *Process {
	g.t.Helper()
	var extra []string
	if o.Password != "" {
		// Sentinels log in to each other with their own password.
		extra = []string{"--requirepass", o.Password}
	}
	p := newRedis(g.t, "redis-sentinel", extra)
	p.answers = sentinelAnswers
	p.startOnFreePort(g.tls.scheme(), func(port int) []string {
		g.configure(p, g.watch(o, nodePassword))
		return slices.Concat([]string{p.file("server.conf"), "--sentinel"}, g.tls.args(p, port), extra)
	})
	return p
}

func (g *SentinelGroup) watch(o SentinelOptions, nodePassword string) string {
	host, port := g.Nodes[0].hostPort()
	lines := fmt.Sprintf("sentinel monitor %s %s %s %d\n", g.MasterName, host, port, quorum)
	lines += fmt.Sprintf("sentinel down-after-milliseconds %s %d\n", g.MasterName, cmp.Or(o.Down, time.Second).Milliseconds())
	lines += fmt.Sprintf("sentinel failover-timeout %s %d\n", g.MasterName, failoverTimeout.Milliseconds())
	if nodePassword != "" {
		lines += fmt.Sprintf("sentinel auth-pass %s %q\n", g.MasterName, nodePassword)
	}
	return lines
}

func (g *SentinelGroup) configure(p *Process, lines string) {
	g.t.Helper()
	if err := os.WriteFile(p.file("server.conf"), []byte(lines+"\n"), 0o600); err != nil {
		g.t.Fatalf("configure %s: %v", p.name, err)
	}
}

// sentinelAnswers also tightens the timers that no configuration file knows
// and no restart keeps: how often a Sentinel asks the nodes (10 s) and speaks
// to the others (2 s). A former primary is made a replica after four of the
// latter, as in production, but in two seconds instead of eight.
func sentinelAnswers(p *Process) bool {
	return redisAnswers(p) && p.Do("SENTINEL", "DEBUG", "info-period", 500, "publish-period", 500).Err() == nil
}
