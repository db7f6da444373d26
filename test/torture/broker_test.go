package torture

import (
	"context"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"pgregory.net/rapid"

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
