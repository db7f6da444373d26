package torture

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.opentelemetry.io/otel/metric/noop"
	"golang.org/x/sync/errgroup"
	"pgregory.net/rapid"

	"returnd/internal/consume"
	"returnd/test/servers"
)

// drainLimit bounds the wait for a stream to be settled; a small one takes milliseconds.
const drainLimit = 30 * time.Second

// broker is a connection to NATS, to fill streams and to see how far their consumers are.
type broker struct {
	nc *nats.Conn
	js jetstream.JetStream
	t  testing.TB
}

func connect(t testing.TB, url string) broker {
	t.Helper()
	nc, err := nats.Connect(url, nats.MaxReconnects(-1), nats.ReconnectWait(50*time.Millisecond), nats.RetryOnFailedConnect(true))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	return broker{nc, js, t}
}

// streamOf is a worker's stream under a prefix of its own.
func streamOf(prefix string) jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name: "RETURNS-" + prefix, Subjects: subjects(prefix).Streams(),
		Storage: jetstream.FileStorage, Discard: jetstream.DiscardNew, MaxAge: 7 * 24 * time.Hour, AllowDirect: true,
	}
}

// create tries more than once: the server fails now and then to make a stream while it removes another.
func (b broker) create(prefix string) {
	b.t.Helper()
	servers.Eventually(b.t, drainLimit, "stream "+prefix+" is created", func() bool {
		_, err := b.js.CreateStream(context.Background(), streamOf(prefix))
		return err == nil
	})
}

// fill makes a stream and publishes messages to it in their order.
func (b broker) fill(t rapid.TB, prefix string, all []message) {
	t.Helper()
	b.create(prefix)
	futures := make([]jetstream.PubAckFuture, len(all))
	for i, m := range all {
		var err error
		if futures[i], err = b.js.PublishAsync(m.subject(subjects(prefix)), []byte(m.body)); err != nil {
			t.Fatal(err)
		}
	}
	for i, f := range futures {
		select {
		case <-f.Ok():
		case err := <-f.Err():
			t.Fatalf("publish %+v: %v", all[i], err)
		}
	}
}

// drained tells that everything in the stream is settled.
func (b broker) drained(prefix, durable string) bool {
	stream, err := b.js.Stream(context.Background(), streamOf(prefix).Name)
	if err != nil {
		return false
	}
	consumer, err := stream.Consumer(context.Background(), durable)
	if err != nil {
		return false
	}
	info := consumer.CachedInfo()
	return info.NumPending == 0 && info.NumAckPending == 0 && info.AckFloor.Stream >= stream.CachedInfo().State.LastSeq
}

// rewind forgets how far the workers were: they replay the stream from its start.
func (b broker) rewind(t rapid.TB, prefix, durable string) {
	t.Helper()
	if err := b.js.DeleteConsumer(context.Background(), streamOf(prefix).Name, durable); err != nil {
		t.Fatal(err)
	}
}

func (b broker) remove(t rapid.TB, prefixes ...string) {
	t.Helper()
	for _, prefix := range prefixes {
		for _, name := range []string{streamOf(prefix).Name, streamOf(prefix).Name + "_DEAD"} {
			if err := b.js.DeleteStream(context.Background(), name); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// letters is the number of dead letters.
func (b broker) letters(t rapid.TB, prefix string) uint64 {
	t.Helper()
	dead, err := b.js.Stream(context.Background(), streamOf(prefix).Name+"_DEAD")
	if err != nil {
		t.Fatal(err)
	}
	return dead.CachedInfo().State.Msgs
}

// twiceShuffled is every message twice, in any order.
func twiceShuffled(all []message, seed uint64) []message {
	random := rand.New(rand.NewPCG(seed, 0))
	twice := slices.Concat(all, all)
	random.Shuffle(len(twice), func(i, j int) { twice[i], twice[j] = twice[j], twice[i] })
	return twice
}

// consumer is a worker's consumer on a stream.
func consumer(b broker, prefix string, cfg consume.Config, sink consume.Sink) (*consume.Consumer, error) {
	stream := consume.DefaultStreamConfig()
	stream.Name = streamOf(prefix).Name
	return consume.New(cfg, stream, subjects(prefix), b.nc, sink, slog.New(slog.DiscardHandler), noop.Meter{})
}

// consumers are workers without their processes: each has a connection and a store of its own.
type consumers struct {
	*stores
	brokers []broker
	t       *testing.T
}

// drain runs workers on a stream until it is settled. Small batches let all of them have a share.
func (c consumers) drain(t *rapid.T, prefix string, workers, batch int) {
	cfg := consume.DefaultConfig()
	cfg.Batch.Returns, cfg.Batch.Wait = batch, time.Millisecond
	if workers == 1 {
		cfg.InFlight = 1 // one batch after the other: that is what orderly means
	}
	ctx, cancel := context.WithCancel(context.Background())
	var group errgroup.Group
	defer func() {
		cancel()
		if err := group.Wait(); err != nil {
			t.Fatal(err)
		}
	}()
	for i := range workers {
		worker, err := consumer(c.brokers[i], prefix, cfg, c.all[i])
		if err != nil {
			t.Fatal(err)
		}
		group.Go(func() error { return worker.Run(ctx) })
	}
	servers.Eventually(c.t, drainLimit, "stream "+prefix+" is drained", func() bool { return c.brokers[0].drained(prefix, cfg.Durable) })
}

// TestStateIsTheSameForAnyDelivery takes random returns and loads through streams: one orderly pass, the same stream
// replayed from its start, and everything published twice and shuffled over three workers.
//
// Custom jids are anchored at the stream's timestamps, which no two streams share. So both streams are filled before
// anything is read, and the keys of such jobs may lie as far apart as the passes took; all others 2 s.
func TestStateIsTheSameForAnyDelivery(t *testing.T) {
	checks(t, 50, 400)
	c := consumers{stores: newStores(t, servers.Redis(t)), t: t}
	url := servers.EmbeddedNATS(t).ClientURL()
	for range replicas {
		c.brokers = append(c.brokers, connect(t, url))
	}
	cases, messages, began := 0, 0, time.Now()
	rapid.Check(t, func(t *rapid.T) {
		cases++
		messages += c.anyDelivery(t, cases)
	})
	t.Logf("%d cases, %d messages, %v", cases, messages, time.Since(began).Round(time.Millisecond))
}

func (c consumers) anyDelivery(t *rapid.T, number int) int {
	now := time.Now()
	all := caseOf(now, 8, false).Draw(t, "messages")
	once, twice := fmt.Sprintf("once%d", number), fmt.Sprintf("twice%d", number)
	c.brokers[0].fill(t, once, all)
	c.brokers[0].fill(t, twice, twiceShuffled(all, rapid.Uint64().Draw(t, "shuffle")))
	batch := rapid.IntRange(1, 32)

	c.flush(t)
	c.drain(t, once, 1, batch.Draw(t, "batch"))
	want := c.read(t)
	limit := func() tolerance { return tolerance{2 * time.Second, time.Since(now), floats(now), 0} }

	c.brokers[0].rewind(t, once, consume.DefaultConfig().Durable)
	c.drain(t, once, 1, batch.Draw(t, "batch of the replay"))
	same(t, "replayed", all, want, c.read(t), limit())

	c.flush(t)
	c.drain(t, twice, replicas, batch.Draw(t, "batch of three"))
	same(t, "twice and shuffled", all, want, c.read(t), limit())
	if n := c.brokers[0].letters(t, once) + c.brokers[0].letters(t, twice); n != 0 {
		t.Errorf("%d dead letters, want none", n)
	}
	c.brokers[0].remove(t, once, twice)
	return 4 * len(all)
}

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
		running[i] = worker(t, p.nats, p.redis, prefix, "--redis.db", fmt.Sprint(db), "--consume.batch.returns", "16",
			"--consume.in_flight", fmt.Sprint(workers))
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
