package torture

import (
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"returnd/test/servers"
)

// durableNodes keep on disk what they have confirmed: one that is killed and comes back holds it.
var durableNodes = []string{"--appendonly", "yes", "--appendfsync", "always", "--enable-debug-command", "yes"}

// group is Redis on several servers.
type group struct {
	args      []string // point a worker at it
	primaries func(testing.TB) []*servers.Process
}

func (g group) keyspace(t testing.TB) keyspace {
	t.Helper()
	all := keyspace{}
	for _, p := range g.primaries(t) {
		keys, err := readKeyspace(t.Context(), clientOn(t, p, 0))
		if err != nil {
			t.Fatal(err)
		}
		for key, v := range keys {
			if _, twice := all[key]; twice {
				t.Errorf("two primaries hold %q", key)
			}
			all[key] = v
		}
	}
	return all
}

func overCluster(g *servers.ClusterGroup) group {
	return group{
		args:      []string{"--redis.cluster.startup_nodes", strings.Join(servers.Addrs(g.Nodes), ",")},
		primaries: g.Primaries,
	}
}

func behindSentinels(g *servers.SentinelGroup) group {
	return group{
		args: []string{
			"--redis.sentinel.master", g.MasterName,
			"--redis.sentinel.addresses", strings.Join(servers.Addrs(g.Sentinels), ","),
		},
		primaries: func(t testing.TB) []*servers.Process {
			t.Helper()
			return []*servers.Process{g.Primary(t)}
		},
	}
}

func alone(p *servers.Process) group {
	_, port, _ := net.SplitHostPort(p.Addr)
	return group{
		args:      []string{"--redis.port", port},
		primaries: func(testing.TB) []*servers.Process { return []*servers.Process{p} },
	}
}

// act is one thing done to a group. do returns what its recovery may take, counted from the moment it was called: it
// knows how long the servers themselves took.
type act struct {
	name string
	do   func(st *stage) (allowed time.Duration)
}

// stage is a group, the workers that write to it, and a steady load.
type stage struct {
	*theatre
	group group
}

// pacePerSecond is the load: what two workers, six servers and a broker on two cores do with one hand.
const pacePerSecond = 200

// failoverAckWait is longer than any failover: what is held comes again only if the worker forgets to say that it is
// being worked on.
const failoverAckWait = 5 * time.Second

func newStage(t *testing.T, g group, minReplicas int) *stage {
	t.Helper()
	th := &theatre{t: t, nats: servers.NATS(t)}
	th.broker = connect(t, th.nats.URL)
	th.broker.create(prefix)
	args := append([]string{
		"run", "--nats.url", th.nats.URL, "--subjects.prefix", prefix, "--stream.name", streamOf(prefix).Name,
		"--http.addr", "", "--log.level", "warn", "--consume.ack_wait", failoverAckWait.String(),
		"--redis.write.min_replicas", strconv.Itoa(minReplicas),
	}, g.args...)
	for range workers {
		th.workers = append(th.workers, servers.Worker(t, args...))
	}
	th.generator = &generator{broker: connect(t, th.nats.URL), prefix: prefix, oracle: newOracle()}
	servers.Eventually(t, drainLimit, "the workers' consumer", func() bool { return th.broker.drained(prefix, durable) })
	return &stage{theatre: th, group: g}
}

// play does the acts under a steady load, each once the one before is made up for, and gives what the oracle finds at
// the end. lasting is how long the load is to last; it goes on as long as the acts do.
func (st *stage) play(lasting time.Duration, acts ...act) (faults []string) {
	t := st.t
	t.Helper()
	const minions = 50
	all := steady(time.Now(), max(1, int(lasting.Seconds())*pacePerSecond/minions), minions)
	published, last := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(published)
		st.generator.run(t, all, lasting, last)
	}()
	servers.Eventually(t, drainLimit, "a load", func() bool { return st.generator.sent.Load() > pacePerSecond/2 })
	for i, a := range acts {
		if i == len(acts)-1 {
			close(last)
		}
		st.perform(a)
	}
	<-published
	servers.Eventually(t, recoverLimit, "the stream is drained", func() bool { return st.broker.drained(prefix, durable) })
	seen := st.mustLook()
	t.Logf("%d messages published, %d outcomes unknown, %d delivered again", len(all), st.generator.unknown.Load(), seen.redelivered)
	if n := st.broker.letters(t, prefix); n != 0 {
		t.Errorf("%d dead letters, want none", n)
	}
	return st.generator.oracle.faults(st.group.keyspace(t), time.Now(), historyLimit())
}

// perform does one act and measures the longest time that any return was not settled because of it.
func (st *stage) perform(a act) {
	t := st.t
	t.Helper()
	w := st.watch()
	began := time.Now()
	allowed := a.do(st)
	took := time.Since(began)
	at := st.mustLook()
	servers.Eventually(t, recoverLimit, a.name+": all settled that was published before its end", func() bool {
		now, err := st.look()
		return err == nil && now.floor >= at.last
	})
	waited := w.stop()
	t.Logf("%-34s took %6v; the longest wait of a return: %6v (allowed: %v)", a.name,
		took.Round(time.Millisecond), waited.Round(time.Millisecond), allowed.Round(time.Millisecond))
	if waited > allowed {
		t.Errorf("%s: a return waited %v, want %v at most", a.name, waited, allowed)
	}
}

// nothingLost fails with what the oracle found.
func nothingLost(t *testing.T, faults []string) {
	t.Helper()
	if len(faults) > 0 {
		t.Errorf("%d faults:\n%s", len(faults), strings.Join(faults[:min(len(faults), 20)], "\n"))
	}
}
