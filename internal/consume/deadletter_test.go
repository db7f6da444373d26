package consume

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/nats-io/nats.go/jetstream"

	"returnd/internal/job"
)

func TestUnknownFailuresEndInTheDeadLetters(t *testing.T) {
	r := newRig(t)
	r.cfg.MaxDeliver = 1
	bad := r.badBody()
	r.sink.answer = func(e *job.Entry) error {
		if bodyOf(e) == bad {
			return errors.New("ERR something new")
		}
		return nil
	}
	r.start()
	r.publish(subjects.Return("20261120080000000002", "bad"), bad)
	good := r.publishReturn(1)
	r.eventually("the letter", func() bool { return len(r.letters()) == 1 })
	letter := r.letters()[0]
	if letter.Header.Get("Returnd-Reason") != "max_deliver" || !strings.Contains(letter.Header.Get("Returnd-Detail"), "something new") {
		t.Errorf("headers = %v", letter.Header)
	}
	if r.sink.times(good) != 1 {
		t.Error("the neighbour was not stored")
	}
	r.settled()
}

func TestCompressedReturns(t *testing.T) {
	r := newRig(t)
	r.start()
	body := `{"id": "m1", "jid": "20261120080000000001", "fun": "cmd.run", "return": "` + long(100_000) + `"}`
	z, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	var g bytes.Buffer
	w := gzip.NewWriter(&g)
	if _, err := w.Write([]byte(body)); err != nil || w.Close() != nil {
		t.Fatal(err)
	}
	subject := subjects.Return("20261120080000000001", "m1")
	r.publish(subject, string(z.EncodeAll([]byte(body), nil)), "Content-Encoding", "zstd")
	r.publish(subject, g.String(), "Content-Encoding", "gzip")
	r.publish(subject, "no zstd at all", "Content-Encoding", "zstd")
	r.publish(subject, body, "Content-Encoding", "br")
	r.publish(subject, string(z.EncodeAll(make([]byte, 20<<20), nil)), "Content-Encoding", "zstd")
	r.settled()
	if got := r.sink.times(body); got != 2 {
		t.Errorf("stored %d times, want once for each encoding", got)
	}
	var reasons []string
	for _, l := range r.letters() {
		reasons = append(reasons, l.Header.Get("Returnd-Reason"))
	}
	if len(reasons) != 3 || strings.Count(strings.Join(reasons, " "), "malformed") != 2 || strings.Count(strings.Join(reasons, " "), "too_large") != 1 {
		t.Errorf("reasons = %q, want malformed twice and too_large", reasons)
	}
}

func TestDeadLetterKeepsTheOriginal(t *testing.T) {
	r := newRig(t)
	r.start()
	r.publish("salt.job.20261120080000000001.ret.m1", "no JSON", "X-Mine", "yes", "nats-expected-thing", "1", "Nats-Msg-Id", "abc")
	r.settled()
	l := r.letters()
	if len(l) != 1 || string(l[0].Data) != "no JSON" {
		t.Fatalf("letters = %+v", l)
	}
	for name, want := range map[string]string{
		"X-Mine": "yes", "Returnd-Orig-nats-expected-thing": "1", "Returnd-Orig-Nats-Msg-Id": "abc",
		"Returnd-Reason": "malformed", "Returnd-Subject": "salt.job.20261120080000000001.ret.m1", "Returnd-Stream-Seq": "1",
	} {
		if got := l[0].Header[name]; len(got) != 1 || got[0] != want {
			t.Errorf("header %s = %q, want %q", name, got, want)
		}
	}
	if at, err := time.Parse(time.RFC3339Nano, l[0].Header.Get("Returnd-Time")); err != nil || time.Since(at) > time.Minute {
		t.Errorf("Returnd-Time = %q", l[0].Header.Get("Returnd-Time"))
	}
}

func TestDeadLettersTooLargeForOneMessage(t *testing.T) {
	r := newRig(t)
	r.start()
	room := int(r.nc.MaxPayload()) - 64
	noise := make([]byte, room)
	for i := range noise {
		noise[i] = byte(rand.Uint32()) // #nosec G404 -- noise
	}
	r.publish("salt.job.j.ret.m1", long(room))
	r.publish("salt.job.j.ret.m2", string(noise))
	r.settled()
	z, err := zstd.NewReader(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	packed := map[string][]byte{}
	for _, l := range r.letters() {
		if got := l.Header.Get("Returnd-Reason"); got != "too_large" {
			t.Errorf("reason = %s", got)
		}
		if l.Header.Get("Returnd-Encoding") != "zstd" {
			t.Errorf("a letter is not marked as packed: %v", l.Header)
		}
		packed[l.Header.Get("Returnd-Subject")] = append(packed[l.Header.Get("Returnd-Subject")], l.Data...)
	}
	for subject, want := range map[string]string{"salt.job.j.ret.m1": long(room), "salt.job.j.ret.m2": string(noise)} {
		got, err := z.DecodeAll(packed[subject], nil)
		if err != nil || string(got) != want {
			t.Errorf("%s: %d bytes come back, %v; want the original's %d", subject, len(got), err, len(want))
		}
	}
}

func TestAnOriginalStaysWhileItsLetterFails(t *testing.T) {
	r := newRig(t)
	r.start()
	if err := r.js.DeleteStream(t.Context(), r.stream.Dead()); err != nil {
		t.Fatal(err)
	}
	r.publish("salt.job.j.ret.m1", "no JSON")
	body := r.publishReturn(1)
	r.eventually("the neighbour", func() bool { return r.sink.times(body) == 1 })
	if _, err := r.js.CreateStream(t.Context(), jetstream.StreamConfig{Name: r.stream.Dead(), Subjects: []string{"salt.dead.>"}}); err != nil {
		t.Fatal(err)
	}
	r.settled()
	if got := len(r.letters()); got != 1 {
		t.Errorf("%d letters, want the one that could not be published at first", got)
	}
}

func TestNoCacheIsAcknowledgedAndNotKept(t *testing.T) {
	r := newRig(t)
	r.start()
	r.publish("salt.job.nocache.ret.m1", `{"id": "m1", "jid": "nocache", "fun": "test.ping", "return": 1}`)
	r.publish("salt.job.req.ret.m1", `{"id": "m1", "jid": "req", "fun": "test.ping", "return": 1}`)
	r.settled()
	if got := r.sink.count(); got != 0 {
		t.Errorf("%d stored, want none", got)
	}
	if l := r.letters(); len(l) != 1 || l[0].Subject != "salt.dead.jid_req" {
		t.Errorf("letters = %+v, want jid_req alone", l)
	}
}

func TestPackedReturnsDoNotFillTheMemory(t *testing.T) {
	r := newRig(t)
	r.cfg.BufferBytes, r.cfg.Batch.Bytes = 4<<20, 1<<20
	c, _ := r.start()
	release := make(chan struct{})
	r.sink.set(func(s *sink) { s.before = func() { <-release } })
	z, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	for i := range 100 {
		jid := fmt.Sprintf("20261120080000%06d", i)
		body := fmt.Sprintf(`{"id": "m", "jid": %q, "fun": "f", "return": %q}`, jid, long(900_000))
		r.publish(subjects.Return(jid, "m"), string(z.EncodeAll([]byte(body), nil)), "Content-Encoding", "zstd")
	}
	overdrawn := func() bool {
		c.credit.mu.Lock()
		defer c.credit.mu.Unlock()
		return c.credit.bytes < 0
	}
	r.eventually("the credit is used up", overdrawn)
	// One more for each lane may come: it is unpacked before it is known to be too much.
	bound := (c.laneBytes*c.lanes()+c.cfg.InFlight*c.cfg.Batch.Bytes)/900_000 + c.lanes() + 1
	r.stays("what is held is bounded", func() bool { return c.queue.size() <= bound })
	close(release)
	r.settled()
	if got := r.sink.count(); got != 100 {
		t.Errorf("%d stored, want 100", got)
	}
	if got := len(r.letters()); got != 0 {
		t.Errorf("%d dead letters", got)
	}
}
