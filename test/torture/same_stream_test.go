package torture

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"go.opentelemetry.io/otel/metric/noop"
	"golang.org/x/sync/errgroup"
	"pgregory.net/rapid"

	"returnd/internal/consume"
	"returnd/test/servers"
)

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
