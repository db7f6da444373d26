package torture

import (
	"net"
	"strconv"
	"testing"
	"time"

	"returnd/test/servers"
)

// TestStateIsTheSameForProcesses is the same once more with real servers and worker processes, and many messages.
func TestStateIsTheSameForProcesses(t *testing.T) {
	seed := seedOf(t)
	redis, nats := servers.Redis(t), servers.NATS(t)
	b := connect(t, nats.URL)
	now := time.Now()
	all := manyMessages(now, seed, 1000)
	b.fill(t, "once", all)
	b.fill(t, "twice", twiceShuffled(all, seed))

	passes := processes{redis: redis, nats: nats, broker: b}
	want := passes.run(t, "once", 1, 0)
	b.rewind(t, "once", durable)
	limit := func() tolerance { return tolerance{2 * time.Second, time.Since(now), floats(now), 0} }
	same(t, "replayed", all, want, passes.run(t, "once", 1, 0), limit())
	same(t, "twice and shuffled", all, want, passes.run(t, "twice", replicas, 1), limit())
	if n := b.letters(t, "once") + b.letters(t, "twice"); n != 0 {
		t.Errorf("%d dead letters, want none", n)
	}
	t.Logf("%d messages, %d keys", len(all), len(want))
}

// manyMessages puts drawn cases together until there are enough messages. Jobs of the same jid in two cases would not
// be equal: the later ones are left out.
func manyMessages(now time.Time, seed uint64, enough int) []message {
	var all []message
	taken := map[string]bool{}
	for i := 0; len(all) < enough; i++ {
		fresh := map[string]bool{}
		for _, m := range caseOf(now, 12, false).Example(int(seed) + i) {
			if !taken[m.jid] {
				fresh[m.jid] = true
				all = append(all, m)
			}
		}
		for jid := range fresh {
			taken[jid] = true
		}
	}
	return all
}

// processes runs passes with worker processes, each in a database of its own.
type processes struct {
	redis, nats *servers.Process
	broker      broker
}

const durable = "returnd"

// run drains a stream with some workers and gives what is in Redis then.
func (p processes) run(t *testing.T, prefix string, workers, db int) keyspace {
	t.Helper()
	running := make([]*servers.Process, workers)
	for i := range running {
		running[i] = worker(t, p.nats, p.redis, prefix, "--redis.db", strconv.Itoa(db), "--consume.batch.returns", "16",
			"--consume.in_flight", strconv.Itoa(workers))
	}
	servers.Eventually(t, drainLimit, "stream "+prefix+" is drained", func() bool { return p.broker.drained(prefix, durable) })
	for _, w := range running {
		if code, took := w.Terminate(); code != 0 {
			t.Errorf("a worker ended with %d after %v", code, took)
		}
	}
	k, err := readKeyspace(t.Context(), clientOn(t, p.redis, db))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// worker starts a worker process on a stream.
func worker(t testing.TB, nats, redis *servers.Process, prefix string, extra ...string) *servers.Process {
	t.Helper()
	host, port, err := net.SplitHostPort(redis.Addr)
	if err != nil {
		t.Fatal(err)
	}
	args := []string{
		"run", "--nats.url", nats.URL, "--redis.host", host, "--redis.port", port,
		"--subjects.prefix", prefix, "--stream.name", streamOf(prefix).Name, "--consume.durable", durable,
		"--http.addr", "", "--log.level", "warn",
	}
	return servers.Worker(t, append(args, extra...)...)
}
