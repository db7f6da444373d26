package torture

import (
	"context"
	"strings"
	"testing"
	"time"

	"returnd/test/servers"
)

const (
	workers = 2
	prefix  = "salt"
	// recoverLimit bounds the time until everything that was published before the end of a fault is settled: an ack
	// wait for what a killed worker held, the restart of the server, and the backlog.
	recoverLimit = 40 * time.Second
)

// workInHand is how long Redis is stopped before something is killed: time to hold some hundred returns.
const workInHand = 400 * time.Millisecond

// theatre is the servers, the workers, and a view of how far they are.
type theatre struct {
	t           *testing.T
	redis, nats *servers.Process
	workers     []*servers.Process
	broker      broker
	generator   *generator
}

func newTheatre(t *testing.T, p plan) *theatre {
	t.Helper()
	// With appendfsync always what Redis has confirmed is in the file of the killed server. With everysec, its
	// default, it confirms before that, and what it then loses is no worker's fault and none of this test.
	th := &theatre{
		t: t, nats: servers.NATS(t),
		redis: servers.Redis(t, "--appendonly", "yes", "--appendfsync", "always"),
	}
	th.broker = connect(t, th.nats.URL)
	th.broker.create(prefix)
	for range workers {
		th.workers = append(th.workers, worker(t, th.nats, th.redis, prefix, "--consume.ack_wait", p.ackWait.String()))
	}
	th.generator = &generator{broker: connect(t, th.nats.URL), prefix: prefix, oracle: newOracle()}
	servers.Eventually(t, drainLimit, "the workers' consumer", func() bool { return th.broker.drained(prefix, durable) })
	return th
}

// progress is how far the consumer is, and how often it has delivered again.
type progress struct {
	last, floor uint64
	settled     uint64 // messages, in whatever order
	redelivered int
}

// look asks the server; it may be away.
func (th *theatre) look() (progress, error) {
	ctx, cancel := context.WithTimeout(th.t.Context(), time.Second)
	defer cancel()
	stream, err := th.broker.js.Stream(ctx, streamOf(prefix).Name)
	if err != nil {
		return progress{}, err
	}
	consumer, err := stream.Consumer(ctx, durable)
	if err != nil {
		return progress{}, err
	}
	info := consumer.CachedInfo()
	return progress{
		last: stream.CachedInfo().State.LastSeq, floor: info.AckFloor.Stream,
		settled: info.Delivered.Stream - uint64(info.NumAckPending),
		// Each message of the stream is the consumer's: what it has delivered beyond them came again.
		redelivered: int(info.Delivered.Consumer) - int(info.Delivered.Stream),
	}, nil
}

// mustLook waits for the server to answer.
func (th *theatre) mustLook() (seen progress) {
	th.t.Helper()
	servers.Eventually(th.t, recoverLimit, "NATS tells how far the consumer is", func() bool {
		var err error
		seen, err = th.look()
		return err == nil
	})
	return seen
}

// strike does one fault, undoes it, and waits until all that was published before its end is settled.
// unsettled is how many messages that was.
func (th *theatre) strike(f fault, ackWait time.Duration) (redelivered, unsettled int) {
	th.t.Helper()
	before := th.mustLook()
	began := time.Now()
	th.redis.Stop()
	switch f.name {
	case stopRedis:
		pace(f.lasts)
		th.redis.Cont()
	case killRedis:
		th.kill(th.redis, f.lasts)
	case killNATS:
		th.kill(th.nats, f.lasts)
	case killWorker:
		th.kill(th.workers[f.worker], f.lasts)
	}
	healed := time.Now()
	at := th.mustLook()
	servers.Eventually(th.t, recoverLimit, f.name+": all settled that was published before its end", func() bool {
		now, err := th.look()
		return err == nil && now.floor >= at.last
	})
	recovered := time.Since(healed)
	// What was delivered in time to be taken for lost is delivered again within the ack wait.
	pace(ackWait - time.Since(healed))
	after := th.mustLook()
	redelivered, unsettled = after.redelivered-before.redelivered, int(at.last-at.floor)
	th.t.Logf("%-14s away %6v, behind by %5d, recovered in %6v, %d redelivered", f.name,
		healed.Sub(began).Round(time.Millisecond), unsettled, recovered.Round(time.Millisecond), redelivered)
	return redelivered, unsettled
}

// kill ends a process while Redis is stopped, lets Redis go on without it, and brings it back.
func (th *theatre) kill(p *servers.Process, away time.Duration) {
	th.t.Helper()
	pace(workInHand)
	p.Kill()
	th.redis.Cont() // nothing, if it is the one that was killed
	pace(away)
	p.Restart()
}

// pace waits: the schedule's own time, not for something to happen.
func pace(d time.Duration) {
	if d > 0 {
		<-time.After(d)
	}
}

// TestNothingIsLostOverFaults publishes steadily while servers and workers are stopped and killed, and asks the
// oracle at the end.
func TestNothingIsLostOverFaults(t *testing.T) {
	t.Parallel()
	overFaults(t, ordinary())
}

// TestNothingIsLostOverLongFaults is the same with 100,000 returns, Redis stopped for 30 s and more kills.
func TestNothingIsLostOverLongFaults(t *testing.T) {
	servers.Slow(t)
	overFaults(t, long())
}

func overFaults(t *testing.T, p plan) {
	t.Helper()
	seed := seedOf(t)
	faults := p.schedule(seed)
	t.Logf("schedule:\n%s", describe(faults))
	th := newTheatre(t, p)
	all := steady(time.Now(), p.jobs, p.minions)
	published, last := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(published)
		th.generator.run(t, all, p.lasting(faults), last)
	}()
	for i, f := range faults {
		pace(f.after)
		if i == len(faults)-1 {
			close(last)
		}
		redelivered, unsettled := th.strike(f, p.ackWait)
		if limit := f.redeliveries(unsettled); redelivered > limit {
			t.Errorf("%s: %d messages were delivered again, want %d at most", f.name, redelivered, limit)
		}
	}
	<-published
	th.conclude(len(all))
}

// conclude drains the stream and compares what is in Redis with what the publishers know.
func (th *theatre) conclude(messages int) {
	t := th.t
	t.Helper()
	began := time.Now()
	servers.Eventually(t, recoverLimit, "the stream is drained", func() bool { return th.broker.drained(prefix, durable) })
	seen := th.mustLook()
	t.Logf("%d messages published, %d in the stream, %d outcomes unknown, %d attempts repeated; drained %v after the last; %d redelivered in all",
		messages, seen.last, th.generator.unknown.Load(), th.generator.again.Load(), time.Since(began).Round(time.Millisecond), seen.redelivered)
	keys, err := readKeyspace(t.Context(), clientOn(t, th.redis, 0))
	if err != nil {
		t.Fatal(err)
	}
	if found := th.generator.oracle.faults(keys, time.Now(), historyLimit()); len(found) > 0 {
		t.Errorf("%d faults:\n%s", len(found), strings.Join(found[:min(len(found), 20)], "\n"))
	}
	if n := th.broker.letters(t, prefix); n != 0 {
		t.Errorf("%d dead letters, want none", n)
	}
}
