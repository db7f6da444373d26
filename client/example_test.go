package client_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"returnd/client"
)

// demo is a NATS server with a stream of returns and something that answers as a worker does; end stops it all.
func demo() (nc *nats.Conn, end func()) {
	folder, err := os.MkdirTemp("", "returnd-example")
	must(err)
	s, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, JetStream: true, StoreDir: folder, NoLog: true, NoSigs: true})
	must(err)
	s.Start()
	if !s.ReadyForConnections(10 * time.Second) {
		log.Fatal("the NATS server does not start")
	}
	nc, err = nats.Connect(s.ClientURL())
	must(err)
	js, err := jetstream.New(nc)
	must(err)
	_, err = js.CreateStream(context.Background(), jetstream.StreamConfig{Name: "RETURNS", Subjects: []string{"salt.job.*.ret.>", "salt.job.*.new"}})
	must(err)
	for endpoint, reply := range map[string]string{
		"get_jid":      `{"web1": {"id": "web1", "return": true}, "web2": {"id": "web2", "return": 1.50}}`,
		"get_jids":     `{"20261120080102123456": {"Function": "test.ping", "Arguments": [], "Target": "*", "Target-type": "glob", "User": "root", "StartTime": "2026, Nov 20 08:01:02.123456"}}`,
		"get_progress": `{"expected": 3, "returned": 2, "failed": 0, "missing": ["web3"], "complete": false}`,
		"prep_jid":     `"20261120080102123456"`,
	} {
		_, err = nc.Subscribe("salt.returner."+endpoint, func(m *nats.Msg) {
			_ = m.RespondMsg(&nats.Msg{Data: []byte(reply), Header: nats.Header{"Returnd-Seq": {"1"}, "Returnd-More": {"false"}, "Returnd-Total": {"1"}}})
		})
		must(err)
	}
	return nc, func() {
		nc.Close()
		s.Shutdown()
		s.WaitForShutdown()
		must(os.RemoveAll(folder))
	}
}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

// A job of any size, one part of it in memory at a time. What was shown counts once the loop has ended without an error.
func ExampleClient_Returns() {
	nc, end := demo()
	defer end()
	c := client.New(nc)
	for ret, err := range c.Returns(context.Background(), "20261120080102123456") {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%s %s\n", ret.Minion, ret.Body)
	}
	// Output:
	// web1 {"id": "web1", "return": true}
	// web2 {"id": "web2", "return": 1.50}
}

func ExampleClient_JobsPage() {
	nc, end := demo()
	defer end()
	c := client.New(nc)
	p := client.Page{Limit: 100}
	for {
		jobs, next, err := c.JobsPage(context.Background(), client.JobFilter{Fun: "test.*"}, p)
		if err != nil {
			log.Fatal(err)
		}
		for _, j := range jobs {
			fmt.Println(j.JID, j.Functions(), j.User)
		}
		if next == "" {
			break
		}
		p.Cursor = next
	}
	// Output:
	// 20261120080102123456 [test.ping] root
}

func ExampleClient_GetProgress() {
	nc, end := demo()
	defer end()
	p, err := client.New(nc).GetProgress(context.Background(), "20261120080102123456")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%d of %d, missing: %v\n", p.Returned, p.Expected, p.Missing)
	// Output:
	// 2 of 3, missing: [web3]
}

// A minion's own publisher: nil means that the stream has the return.
func ExampleClient_PublishReturn() {
	nc, end := demo()
	defer end()
	ret := []byte(`{"id": "web1.example.com", "jid": "20261120080102123456", "fun": "test.ping", "return": true}`)
	ack, err := client.New(nc).PublishReturn(context.Background(), ret)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(ack.Stream, ack.Sequence)
	// Output:
	// RETURNS 1
}

// Many documents, packed by a zstd of the caller's choice.
func ExampleClient_PublishAll() {
	nc, end := demo()
	defer end()
	encoder, err := zstd.NewWriter(nil)
	if err != nil {
		log.Fatal(err)
	}
	defer encoder.Close()
	pack := func(body []byte) ([]byte, error) { return encoder.EncodeAll(body, nil), nil }
	c := client.New(nc, client.Encoding("zstd", pack), client.WithoutMessageID())
	docs := func(yield func(client.Document) bool) {
		for i := range 3 {
			d, err := c.ReturnDocument(fmt.Appendf(nil, `{"id": "web%d", "jid": "20261120080102123456", "fun": "test.ping", "return": true}`, i))
			if err != nil || !yield(d) {
				return
			}
		}
	}
	err = c.PublishAll(context.Background(), docs, func(d client.Document, err error) { fmt.Println(d.Subject, err) })
	if err != nil {
		log.Fatal(err)
	}
	// Output:
	// salt.job.20261120080102123456.ret.web0 <nil>
	// salt.job.20261120080102123456.ret.web1 <nil>
	// salt.job.20261120080102123456.ret.web2 <nil>
}

func ExampleError() {
	nc, end := demo()
	defer end()
	_, err := client.New(nc).GetMinions(context.Background()) // nobody answers that here
	switch {
	case errors.Is(err, client.ErrNoWorker):
		fmt.Println("no worker runs")
	case errors.Is(err, client.ErrUnavailable):
		fmt.Println("Redis is away")
	}
	fmt.Println("try again later:", client.IsRetryable(err))
	// Output:
	// no worker runs
	// try again later: true
}
