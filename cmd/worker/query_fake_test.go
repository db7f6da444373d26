package main

import (
	"strconv"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"

	testservers "returnd/test/servers"
)

// fakeWorker answers as docs/protocol.md says, with what a test gives it.
type fakeWorker struct {
	t   *testing.T
	url string
	nc  *nats.Conn
}

func newFakeWorker(t *testing.T) *fakeWorker {
	t.Helper()
	w := &fakeWorker{t: t, url: testservers.EmbeddedNATS(t).ClientURL()}
	nc, err := nats.Connect(w.url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	w.nc = nc
	return w
}

// on answers an endpoint in a goroutine of its own.
func (w *fakeWorker) on(endpoint string, answer func(*fakeAnswer)) {
	w.t.Helper()
	_, err := w.nc.Subscribe("salt.returner."+endpoint, func(m *nats.Msg) { answer(&fakeAnswer{nc: w.nc, request: m}) })
	if err != nil {
		w.t.Fatal(err)
	}
	if err := w.nc.Flush(); err != nil {
		w.t.Fatal(err)
	}
}

// says answers an endpoint always the same, in as many parts as there are bodies.
func (w *fakeWorker) says(endpoint string, bodies ...string) {
	w.t.Helper()
	w.on(endpoint, func(a *fakeAnswer) { a.parts(len(bodies), func(i int) string { return bodies[i-1] }, nil) })
}

type fakeAnswer struct {
	nc      *nats.Conn
	request *nats.Msg
}

func (a *fakeAnswer) fail(code, sentence string) {
	_ = a.nc.PublishMsg(&nats.Msg{Subject: a.request.Reply, Header: nats.Header{micro.ErrorCodeHeader: {code}, micro.ErrorHeader: {sentence}}})
}

// parts keeps to the caller's window, and ends early where the caller is gone.
func (a *fakeAnswer) parts(total int, body func(i int) string, last nats.Header) (sent int) {
	const more = "salt.returner.more.W.S"
	confirmed := make(chan *nats.Msg, 100)
	sub, err := a.nc.ChanSubscribe(more, confirmed)
	if err != nil {
		return 0
	}
	defer sub.Unsubscribe()
	window, _ := strconv.Atoi(a.request.Header.Get("Returnd-Window"))
	done := 0
	for seq := 1; seq <= total; seq++ {
		for seq-done > window {
			select {
			case m := <-confirmed:
				if m.Header.Get("Status") == "503" {
					return seq - 1
				}
				done, _ = strconv.Atoi(string(m.Data))
			case <-time.After(5 * time.Second):
				return seq - 1
			}
		}
		m := &nats.Msg{Subject: a.request.Reply, Reply: more, Data: []byte(body(seq)), Header: nats.Header{
			"Returnd-Seq": {strconv.Itoa(seq)}, "Returnd-More": {strconv.FormatBool(seq < total)},
		}}
		if seq == total {
			m.Reply = ""
			m.Header["Returnd-Total"] = []string{strconv.Itoa(total)}
			for name, value := range last {
				m.Header[name] = value
			}
		}
		_ = a.nc.PublishMsg(m)
	}
	return total
}
