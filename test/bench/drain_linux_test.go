package bench

import (
	"context"
	"fmt"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/redis/go-redis/v9"

	"returnd/internal/job"
	"returnd/test/servers"
)

var subjects = job.NewSubjects("salt")

// rig is one nats-server and one redis-server, with a stream full of returns.
type rig struct {
	nats, redis *servers.Process
	js          jetstream.JetStream
	client      *redis.Client
	docs        []document
}

func newRig(b *testing.B, name string) *rig {
	b.Helper()
	r := &rig{nats: servers.NATS(b), redis: servers.Redis(b), docs: shape(name, returnsWanted(b))}
	nc, err := nats.Connect(r.nats.URL)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(nc.Close)
	if r.js, err = jetstream.New(nc, jetstream.WithPublishAsyncMaxPending(4096)); err != nil {
		b.Fatal(err)
	}
	r.client = redis.NewClient(&redis.Options{Addr: r.redis.Addr, PipelineWriteBufferSize: 256 << 10, PipelineReadBufferSize: 256 << 10})
	b.Cleanup(func() { _ = r.client.Close() })
	r.fill(b)
	return r
}

func (r *rig) fill(b *testing.B) {
	b.Helper()
	_, err := r.js.CreateStream(b.Context(), jetstream.StreamConfig{
		Name: "RETURNS", Subjects: subjects.Streams(), Storage: jetstream.FileStorage,
		Discard: jetstream.DiscardNew, MaxAge: 7 * 24 * time.Hour, AllowDirect: true,
	})
	if err != nil {
		b.Fatal(err)
	}
	for _, d := range r.docs {
		if _, err := r.js.PublishAsync(subjects.Return(d.jid, d.minion), d.body, jetstream.WithStallWait(time.Minute)); err != nil {
			b.Fatal(err)
		}
	}
	<-r.js.PublishAsyncComplete()
}

// cost is what n returns took.
type cost struct {
	wall                time.Duration
	nats, redis, client time.Duration
}

func (c cost) cpu() time.Duration { return c.nats + c.redis + c.client }

// measure runs f and reads the CPU time of the servers and of one process beside it. Without other ones it is the rig's
// own Redis.
func (r *rig) measure(b *testing.B, client int, f func(), redis ...*servers.Process) cost {
	b.Helper()
	if redis == nil {
		redis = []*servers.Process{r.redis}
	}
	read := func() cost {
		c := cost{nats: cpuOf(b, r.nats.PID()), client: cpuOf(b, client)}
		for _, p := range redis {
			c.redis += cpuOf(b, p.PID())
		}
		return c
	}
	before, began := read(), time.Now()
	f()
	wall, after := time.Since(began), read()
	return cost{wall, after.nats - before.nats, after.redis - before.redis, after.client - before.client}
}

// consumeOnly takes everything off the stream with explicit acknowledgements, and does nothing with it.
func (r *rig) consumeOnly(b *testing.B) cost {
	consumer, err := r.js.CreateOrUpdateConsumer(b.Context(), "RETURNS", jetstream.ConsumerConfig{
		Durable: "bound", AckPolicy: jetstream.AckExplicitPolicy, MaxAckPending: 65536,
	})
	if err != nil {
		b.Fatal(err)
	}
	var n atomic.Int64
	done := make(chan struct{})
	return r.measure(b, os.Getpid(), func() {
		running, err := consumer.Consume(func(m jetstream.Msg) {
			_ = m.Ack()
			if n.Add(1) == int64(len(r.docs)) {
				close(done)
			}
		}, jetstream.PullMaxMessages(8192))
		if err != nil {
			b.Fatal(err)
		}
		<-done
		running.Stop()
	})
}

// writeOnly sends Salt's four commands, collapsed, with nothing guarded.
func (r *rig) writeOnly(b *testing.B) cost {
	var next atomic.Int64
	const batch = 2048
	return r.measure(b, os.Getpid(), func() {
		var writers sync.WaitGroup
		for range 2 {
			writers.Go(func() {
				for {
					from := int(next.Add(batch)) - batch
					if from >= len(r.docs) {
						return
					}
					if err := r.collapsed(b.Context(), r.docs[from:min(from+batch, len(r.docs))]); err != nil {
						b.Error(err)
					}
				}
			})
		}
		writers.Wait()
	})
}

func (r *rig) collapsed(ctx context.Context, docs []document) error {
	jobs, pointers := map[string][]any{}, make(map[string]string, len(docs))
	minions := make([]any, 0, len(docs))
	for i := range docs {
		d := &docs[i]
		jobs[d.jid] = append(jobs[d.jid], &d.minion, d.body)
		pointers[d.minion+":"+d.fun] = d.jid
		minions = append(minions, &d.minion)
	}
	pipe := r.client.Pipeline()
	for jid, fields := range jobs {
		pipe.HSet(ctx, "ret:"+jid, fields...)
		pipe.Expire(ctx, "ret:"+jid, 24*time.Hour)
	}
	pairs := make([]any, 0, 2*len(pointers))
	for key, jid := range pointers {
		pairs = append(pairs, key, jid)
	}
	pipe.MSet(ctx, pairs...)
	pipe.SAdd(ctx, "minions", minions...)
	if _, err := pipe.Exec(ctx); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	return nil
}

// drain lets a worker process take the whole stream to Redis: from its first delivery to the last acknowledgement.
func (r *rig) drain(b *testing.B, redis ...*servers.Process) (c cost, memory int) {
	b.Helper()
	host, port, err := net.SplitHostPort(redis[0].Addr)
	if err != nil {
		b.Fatal(err)
	}
	durable := fmt.Sprintf("drain-%d", time.Now().UnixNano())
	w := servers.Worker(b, "run", "--nats.url", r.nats.URL, "--redis.host", host, "--redis.port", port,
		"--consume.durable", durable, "--http.addr", "", "--log.level", "warn")
	r.waitFor(b, durable, func(i *jetstream.ConsumerInfo) bool { return i.Delivered.Consumer > 0 })
	c = r.measure(b, w.PID(), func() {
		r.waitFor(b, durable, func(i *jetstream.ConsumerInfo) bool { return i.NumPending == 0 && i.NumAckPending == 0 })
	}, redis...)
	memory = memoryOf(b, w.PID())
	if code, took := w.Terminate(); code != 0 {
		b.Fatalf("worker ended with %d after %v: %s", code, took, w.Output())
	}
	return c, memory
}

func (r *rig) waitFor(b *testing.B, durable string, ok func(*jetstream.ConsumerInfo) bool) {
	b.Helper()
	servers.Eventually(b, 2*time.Minute, "the stream is drained", func() bool {
		consumer, err := r.js.Consumer(b.Context(), "RETURNS", durable)
		return err == nil && ok(consumer.CachedInfo())
	})
}

// BenchmarkDrain reports the worker's rate, its share of the bound (both parts' CPU time added up over two cores), and
// CPU seconds per million returns.
func BenchmarkDrain(b *testing.B) {
	for _, name := range []string{"burst", "inter", "scatter"} {
		b.Run(name, func(b *testing.B) {
			r := newRig(b, name)
			n := float64(len(r.docs))
			perMillion := func(d time.Duration) float64 { return d.Seconds() / n * 1e6 }
			var bound, got cost
			var memory int
			for b.Loop() {
				consume := r.consumeOnly(b)
				if err := r.js.DeleteConsumer(b.Context(), "RETURNS", "bound"); err != nil {
					b.Fatal(err)
				}
				write := r.writeOnly(b)
				r.client.FlushAll(b.Context())
				bound = cost{nats: consume.nats, redis: write.redis, client: consume.client + write.client}
				got, memory = r.drain(b, r.redis)
				if stored := r.stored(b); stored != len(r.docs) {
					b.Fatalf("%d returns in Redis, want %d", stored, len(r.docs))
				}
				r.client.FlushAll(b.Context())
			}
			limit := 2 * n / bound.cpu().Seconds()
			rate := n / got.wall.Seconds()
			b.ReportMetric(rate, "returns/s")
			b.ReportMetric(limit, "bound/s")
			b.ReportMetric(rate/limit, "of-bound")
			b.ReportMetric(perMillion(got.client), "worker-cpu-s/M")
			b.ReportMetric(perMillion(got.redis), "redis-cpu-s/M")
			b.ReportMetric(perMillion(got.nats), "nats-cpu-s/M")
			b.ReportMetric(perMillion(bound.nats), "bound-nats-cpu-s/M")
			b.ReportMetric(perMillion(bound.redis), "bound-redis-cpu-s/M")
			b.ReportMetric(perMillion(bound.client), "bound-client-cpu-s/M")
			b.ReportMetric(float64(memory)/(1<<20), "worker-MB")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// stored counts the returns in Redis.
func (r *rig) stored(b *testing.B) int {
	b.Helper()
	n := 0
	keys := r.client.Scan(b.Context(), 0, "ret:*", 1000).Iterator()
	for keys.Next(b.Context()) {
		n += int(r.client.HLen(b.Context(), keys.Val()).Val())
	}
	if err := keys.Err(); err != nil {
		b.Fatal(err)
	}
	return n
}
