package client

import (
	"strconv"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"

	"returnd/test/servers"
)

// connect starts a NATS server of the test's own and connects to it.
func connect(t testing.TB) *nats.Conn {
	t.Helper()
	return dial(t, servers.EmbeddedNATS(t).ClientURL())
}

func dial(t testing.TB, url string) *nats.Conn {
	t.Helper()
	nc, err := nats.Connect(url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	return nc
}

// serve answers one endpoint, over a connection of its own as a worker does.
func serve(t testing.TB, caller *nats.Conn, endpoint string, handle func(*fakeReply)) {
	t.Helper()
	nc := dial(t, caller.ConnectedUrl())
	_, err := nc.QueueSubscribe("salt.returner."+endpoint, "returner", func(m *nats.Msg) {
		handle(&fakeReply{nc: nc, request: m, patience: 5 * time.Second})
	})
	if err != nil {
		t.Fatal(err)
	}
	// As workers do: where nobody listens to confirmations, the worker is gone.
	if _, err := nc.Subscribe("salt.returner.more.*.S1", func(*nats.Msg) {}); err != nil {
		t.Fatal(err)
	}
	if err := nc.Flush(); err != nil {
		t.Fatal(err)
	}
}

// fakeReply is a worker's side of one request, by docs/protocol.md.
type fakeReply struct {
	nc       *nats.Conn
	request  *nats.Msg
	patience time.Duration
	// most is the greatest number of parts that were on their way unconfirmed.
	most int
}

const fakeMore = "salt.returner.more.W1.S1"

func numbered(seq, more, total string) nats.Header {
	h := nats.Header{headerSeq: {seq}, headerMore: {more}}
	if total != "" {
		h[headerTotal] = []string{total}
	}
	return h
}

func (r *fakeReply) send(body, reply string, header nats.Header) {
	_ = r.nc.PublishMsg(&nats.Msg{Subject: r.request.Reply, Reply: reply, Data: []byte(body), Header: header})
}

func (r *fakeReply) fail(code, sentence, seq, retryAfter string) {
	h := nats.Header{micro.ErrorCodeHeader: {code}, micro.ErrorHeader: {sentence}}
	if seq != "" {
		h[headerSeq] = []string{seq}
	}
	if retryAfter != "" {
		h[headerRetryAfter] = []string{retryAfter}
	}
	r.send("", "", h)
}

// whole answers in one part.
func (r *fakeReply) whole(body string) { r.send(body, "", numbered("1", "false", "1")) }

// parts sends so many, keeps to the window, and tells how many it sent until the reader had gone.
func (r *fakeReply) parts(total int, body func(i int) string, last nats.Header) (sent int) {
	confirmed := make(chan *nats.Msg, 100)
	sub, err := r.nc.ChanSubscribe(fakeMore, confirmed)
	if err != nil {
		return 0
	}
	defer sub.Unsubscribe()
	window, _ := strconv.Atoi(r.request.Header.Get(headerWindow))
	done := 0
	for seq := 1; seq < total; seq++ {
		for seq-done > window {
			select {
			case m := <-confirmed:
				if m.Header.Get("Status") == "503" {
					return seq - 1
				}
				done, _ = strconv.Atoi(string(m.Data))
			case <-time.After(r.patience):
				r.fail("504", "nobody confirms", strconv.Itoa(seq), "")
				return seq - 1
			}
		}
		r.send(body(seq), fakeMore, numbered(strconv.Itoa(seq), "true", ""))
		r.most = max(r.most, seq-done)
	}
	h := numbered(strconv.Itoa(total), "false", strconv.Itoa(total))
	for name, value := range last {
		h[name] = value
	}
	r.send(body(total), "", h)
	return total
}
