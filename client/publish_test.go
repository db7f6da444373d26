package client

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// streamed adds the stream of returns.
func streamed(t testing.TB, nc *nats.Conn) jetstream.Stream {
	t.Helper()
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	s, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "RETURNS", Subjects: []string{"salt.job.*.ret.>", "salt.job.*.new"}})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func stored(t *testing.T, s jetstream.Stream) []*jetstream.RawStreamMsg {
	t.Helper()
	info, err := s.Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var all []*jetstream.RawStreamMsg
	for seq := uint64(1); seq <= info.State.LastSeq; seq++ {
		m, err := s.GetMsg(t.Context(), seq)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, m)
	}
	return all
}

const (
	ret  = `{"id": "web1.example.com", "jid": "my job.1",  "fun": "test.ping", "return": 1.50}`
	load = `{"fun":  "test.ping", "jid": "my job.1"}`
)

func TestDocuments(t *testing.T) {
	t.Parallel()
	c := New(nil, Prefix("p"))
	tests := []struct {
		name    string
		make    func() (Document, error)
		subject string
		says    string
	}{
		{"a return", func() (Document, error) { return c.ReturnDocument([]byte(ret)) }, "p.job.my%20job%2E1.ret.web1.example.com", ""},
		{"a number as jid", func() (Document, error) { return c.ReturnDocument([]byte(`{"id": "..a", "jid": 7, "fun": "f"}`)) }, "p.job.7.ret.%2E%2Ea", ""},
		{"asks for a host", func() (Document, error) {
			return c.ReturnDocument([]byte(`{"id": "a", "jid": "7", "fun": "f", "ret_kwargs": {"host": "x"}}`))
		}, "p.job.7.ret.a", ""},
		{"asks for a jid", func() (Document, error) { return c.ReturnDocument([]byte(`{"id": "a", "jid": "req", "fun": "f"}`)) }, "p.job.req.ret.a", ""},
		{"no id", func() (Document, error) { return c.ReturnDocument([]byte(`{"jid": "7", "fun": "f"}`)) }, "", "id is missing"},
		{"no JSON", func() (Document, error) { return c.ReturnDocument([]byte(`{`)) }, "", "malformed"},
		{"an id with a slash", func() (Document, error) { return c.ReturnDocument([]byte(`{"id": "a/b", "jid": "req", "fun": "f"}`)) }, "", "identity"},
		{"a load", func() (Document, error) { return c.LoadDocument("", []byte(load)) }, "p.job.my%20job%2E1.new", ""},
		{"a load that is told its jid", func() (Document, error) { return c.LoadDocument("7", []byte(`{}`)) }, "p.job.7.new", ""},
		{"a load of another jid", func() (Document, error) { return c.LoadDocument("7", []byte(load)) }, "", "subject"},
		{"a load without jid", func() (Document, error) { return c.LoadDocument("", []byte(`{}`)) }, "", "jid is missing"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d, err := tt.make()
			if d.Subject != tt.subject || (err == nil) != (tt.says == "") || err != nil && !strings.Contains(err.Error(), tt.says) {
				t.Errorf("got %q, %v; want %q, %q", d.Subject, err, tt.subject, tt.says)
			}
		})
	}
}

func TestPublish(t *testing.T) {
	t.Parallel()
	nc := connect(t)
	s := streamed(t, nc)
	c := New(nc)
	for i := range 2 {
		ack, err := c.PublishReturn(t.Context(), []byte(ret))
		if err != nil || ack.Stream != "RETURNS" || ack.Sequence != uint64(i+1) || ack.Duplicate {
			t.Errorf("got %+v, %v", ack, err)
		}
	}
	if _, err := c.With(Gzip(), WithoutMessageID()).PublishLoad(t.Context(), "my job.1", []byte(load)); err != nil {
		t.Error(err)
	}
	all := stored(t, s)
	if len(all) != 3 || string(all[0].Data) != ret || all[0].Subject != "salt.job.my%20job%2E1.ret.web1.example.com" {
		t.Fatalf("stored %v", all)
	}
	first, second := all[0].Header.Get("Nats-Msg-Id"), all[1].Header.Get("Nats-Msg-Id")
	if len(first) < 26 || first == second {
		t.Errorf("ids %q, %q", first, second)
	}
	r, err := gzip.NewReader(bytes.NewReader(all[2].Data))
	if err != nil {
		t.Fatal(err)
	}
	if plain, err := io.ReadAll(r); string(plain) != load || err != nil {
		t.Errorf("unpacked %s, %v", plain, err)
	}
	if h := all[2].Header; h.Get("Content-Encoding") != "gzip" || h.Get("Nats-Msg-Id") != "" {
		t.Errorf("headers %v", h)
	}
}

func TestPublishRefused(t *testing.T) {
	t.Parallel()
	nc := connect(t)
	c := New(nc)
	if _, err := c.PublishReturn(t.Context(), []byte(ret)); !errors.Is(err, ErrNoStream) || !errors.Is(err, nats.ErrNoResponders) {
		t.Errorf("without a stream: %v", err)
	}
	big := `{"id": "a", "jid": "7", "fun": "f", "return": "` + strings.Repeat("x", int(nc.MaxPayload())) + `"}`
	if _, err := c.PublishReturn(t.Context(), []byte(big)); err == nil || !strings.Contains(err.Error(), "max_payload") {
		t.Errorf("too large: %v", err)
	}
	broken := errors.New("broken")
	c = c.With(Encoding("zstd", func([]byte) ([]byte, error) { return nil, broken }))
	if _, err := c.PublishLoad(t.Context(), "", []byte(load)); !errors.Is(err, broken) {
		t.Errorf("a broken packer: %v", err)
	}
}

// The first try gets no usable answer: the second one carries the same id.
func TestRetryKeepsTheID(t *testing.T) {
	t.Parallel()
	nc := connect(t)
	var ids []string
	_, err := dial(t, nc.ConnectedUrl()).Subscribe("salt.job.*.ret.>", func(m *nats.Msg) {
		ids = append(ids, m.Header.Get("Nats-Msg-Id"))
		answer := `{"stream": "RETURNS", "seq": 1, "duplicate": true}`
		if len(ids) == 1 {
			answer = "the server is confused"
		}
		_ = m.Respond([]byte(answer))
	})
	if err != nil {
		t.Fatal(err)
	}
	awaitResponder(t, nc, "salt.job.x.ret.x")
	ids = nil
	ack, err := New(nc).PublishReturn(t.Context(), []byte(ret))
	if err != nil || !ack.Duplicate {
		t.Errorf("got %+v, %v", ack, err)
	}
	if len(ids) != 2 || ids[0] != ids[1] || ids[0] == "" {
		t.Errorf("ids %q", ids)
	}
}

func awaitResponder(t *testing.T, nc *nats.Conn, subject string) {
	t.Helper()
	for limit := time.Now().Add(5 * time.Second); time.Now().Before(limit); {
		if _, err := nc.Request(subject, nil, time.Second); err == nil {
			return
		}
	}
	t.Fatal("nobody listens")
}

func TestPublishGivesUpWithItsContext(t *testing.T) {
	t.Parallel()
	nc := connect(t)
	if _, err := dial(t, nc.ConnectedUrl()).Subscribe("salt.job.*.ret.>", func(m *nats.Msg) { _ = m.Respond([]byte("?")) }); err != nil {
		t.Fatal(err)
	}
	awaitResponder(t, nc, "salt.job.x.ret.x")
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := New(nc).PublishReturn(ctx, []byte(ret)); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}

func TestPublishAll(t *testing.T) {
	t.Parallel()
	nc := connect(t)
	s := streamed(t, nc)
	c := New(nc)
	const n = 5000
	docs := func(yield func(Document) bool) {
		for i := range n {
			d, err := c.ReturnDocument(fmt.Appendf(nil, `{"id": "m%d", "jid": "1", "fun": "f"}`, i))
			if err != nil {
				t.Error(err)
			}
			if d.Note = i; i == 7 {
				d.Body = make([]byte, nc.MaxPayload()+1)
			}
			if !yield(d) {
				return
			}
		}
	}
	var notes []any
	var refused []any
	err := c.PublishAll(t.Context(), docs, func(d Document, err error) {
		if notes = append(notes, d.Note); err != nil {
			refused = append(refused, d.Note)
		}
	})
	if err != nil || len(notes) != n || !slices.IsSortedFunc(notes, func(a, b any) int { return a.(int) - b.(int) }) {
		t.Errorf("%v, %d settled", err, len(notes))
	}
	if diff := cmp.Diff([]any{7}, refused); diff != "" {
		t.Errorf("refused (-want +got):\n%s", diff)
	}
	if info, err := s.Info(t.Context()); err != nil || info.State.Msgs != n-1 {
		t.Errorf("%d stored, %v", info.State.Msgs, err)
	}
}

// Without a stream the first answer ends it all, though there is no end of documents.
func TestPublishAllEndsEarly(t *testing.T) {
	t.Parallel()
	c := New(connect(t))
	var sent atomic.Int64
	endless := func(yield func(Document) bool) {
		for yield(Document{Subject: "salt.job.1.new", Body: []byte("{}")}) {
			sent.Add(1)
		}
	}
	err := c.PublishAll(t.Context(), endless, func(Document, error) { t.Error("settled") })
	if !errors.Is(err, ErrNoStream) || sent.Load() > sendWindow/sendFloor {
		t.Errorf("%v after %d", err, sent.Load())
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := c.PublishAll(ctx, endless, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestRoom(t *testing.T) {
	t.Parallel()
	r := newRoom(10)
	if err := r.take(t.Context(), 8); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := r.take(ctx, 3); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	took := make(chan error, 2)
	for range 2 {
		go func() { took <- r.take(t.Context(), 5) }()
	}
	r.give(8) // wakes one, which wakes the other
	for range 2 {
		if err := <-took; err != nil {
			t.Error(err)
		}
	}
}
