package consume

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"returnd/internal/job"
)

// Returns that cannot be written, of a server that is away, must not take the writers with them.
func TestSomeThatCannotBeWrittenHoldNobodyUp(t *testing.T) {
	r := newRig(t)
	r.cfg.Batch.Returns = 2 // so that whole batches cannot be written
	r.sink.answer = func(e *job.Entry) error {
		if strings.HasPrefix(e.Return.Minion, "bad") {
			return fmt.Errorf("%w: never", job.ErrUnavailable)
		}
		return nil
	}
	r.start()
	for i := range 4 {
		jid := fmt.Sprintf("20261120090000%06d", i)
		r.publish(subjects.Return(jid, "bad"), fmt.Sprintf(`{"id": "bad", "jid": %q, "fun": "f"}`, jid))
	}
	for i := range 100 {
		r.publishReturn(i)
	}
	r.eventually("the others are stored", func() bool { return r.sink.count() == 100 })
	r.sink.set(func(s *sink) { s.answer = nil })
	r.settled()
	if got := len(r.letters()); got != 0 {
		t.Errorf("%d dead letters, want none: nobody was at fault", got)
	}
}

// A message larger than any request may bring: the stream holds it from a time when the server took more.
func TestAMessageLargerThanARequest(t *testing.T) {
	r := newRig(t)
	_, stop := r.start()
	stop()
	body := `{"id": "m", "jid": "20261120080000000001", "fun": "f", "return": "` + long(900_000) + `"}`
	r.publish(subjects.Return("20261120080000000001", "m"), body)
	c, _ := r.startWith(func(c *Consumer) { c.shrink(100_000) })
	next := r.publishReturn(2)
	r.settled()
	if r.sink.times(body) != 1 || r.sink.times(next) != 1 {
		t.Error("the large one, or the one behind it, was not stored once")
	}
	if err := c.Ready(t.Context()); err != nil {
		t.Errorf("Ready = %v", err)
	}
}

// shrink lets a request bring less than the server takes.
func (c *Consumer) shrink(bytes int) {
	if err := c.limits(); err != nil {
		panic(err)
	}
	c.laneBytes = bytes
}

func TestLettersWithMoreHeadersThanAStreamTakes(t *testing.T) {
	r := newRig(t)
	r.start()
	m := nats.NewMsg("salt.job.j.ret.m1")
	m.Data = []byte("no JSON")
	for i := range 2500 {
		m.Header[fmt.Sprintf("Nats-X%04d", i)] = []string{"y"}
	}
	if _, err := r.js.PublishMsg(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	r.publish("salt.job.j.ret.m2", "no JSON", "X-Long", long(65_400))
	r.settled()
	got := r.letters()
	if len(got) != 2 {
		t.Fatalf("%d letters, want 2", len(got))
	}
	for _, l := range got {
		if l.Header.Get("Returnd-Headers") != "body" || !bytes.HasSuffix(l.Data, []byte("\r\n\r\nno JSON")) {
			t.Errorf("letter %d: headers %v, %d bytes", l.Sequence, l.Header, len(l.Data))
		}
	}
	for _, l := range got {
		if l.Header.Get("Returnd-Subject") == m.Subject && !bytes.Contains(l.Data, []byte("Nats-X2499: y\r\n")) {
			t.Error("the letter lost a header")
		}
	}
}

func TestStreamedZstd(t *testing.T) {
	r := newRig(t)
	r.start()
	body := `{"id": "m", "jid": "20261120080000000001", "fun": "f", "return": "` + long(5000) + `"}`
	var b bytes.Buffer
	w, err := zstd.NewWriter(&b, zstd.WithEncoderLevel(zstd.SpeedBestCompression))
	if err != nil {
		t.Fatal(err)
	}
	for part := range strings.SplitSeq(body, ",") {
		if _, err := w.Write([]byte(part + ",")); err != nil || w.Flush() != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	// The last comma makes it malformed: what counts is that it was unpacked.
	r.publish(subjects.Return("20261120080000000001", "m"), b.String(), "Content-Encoding", "zstd")
	r.settled()
	if l := r.letters(); len(l) != 1 || l[0].Header.Get("Returnd-Reason") != "malformed" {
		t.Errorf("letters = %+v, want malformed, not too_large", l)
	}
}

func TestNotReadyWhileReturnsAreHeld(t *testing.T) {
	r := newRig(t)
	c, _ := r.start()
	r.sink.set(func(s *sink) {
		s.answer = func(*job.Entry) error { return fmt.Errorf("%w: raise its maxmemory", job.ErrUnavailable) }
	})
	r.publishReturn(1)
	r.eventually("not ready", func() bool {
		err := c.Ready(t.Context())
		return err != nil && strings.Contains(err.Error(), "raise its maxmemory")
	})
	r.sink.set(func(s *sink) { s.answer = nil })
	r.eventually("ready again", func() bool { return c.Ready(t.Context()) == nil })
}

func TestNotReadyWhileLettersFail(t *testing.T) {
	r := newRig(t)
	c, _ := r.start()
	if err := r.js.DeleteStream(t.Context(), r.stream.Dead()); err != nil {
		t.Fatal(err)
	}
	r.publish("salt.job.j.ret.m1", "no JSON")
	r.eventually("not ready", func() bool {
		err := c.Ready(t.Context())
		return err != nil && strings.Contains(err.Error(), "dead letters")
	})
}

func TestStreamsThatLoseReturnsAreRefused(t *testing.T) {
	r := newRig(t)
	tests := map[string]func(*jetstream.StreamConfig){
		"roll-ups":  func(s *jetstream.StreamConfig) { s.AllowRollup = true },
		"own TTL":   func(s *jetstream.StreamConfig) { s.AllowMsgTTL = true },
		"a subject": func(s *jetstream.StreamConfig) { s.MaxMsgsPerSubject = 1 },
		"discards":  func(s *jetstream.StreamConfig) { s.Discard = jetstream.DiscardOld },
		"retention": func(s *jetstream.StreamConfig) { s.Retention = jetstream.WorkQueuePolicy },
		"transforms": func(s *jetstream.StreamConfig) {
			s.SubjectTransform = &jetstream.SubjectTransformConfig{Source: ">", Destination: "x.>"}
		},
	}
	s := &streams{cfg: r.stream, subjects: subjects, js: r.js}
	for want, change := range tests {
		t.Run(want, func(t *testing.T) {
			config := s.returns()
			change(&config)
			if err := differs(config, s.returns()); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("error = %v, want one that names %q", err, want)
			}
		})
	}
	if err := differs(s.returns(), s.returns()); err != nil {
		t.Errorf("our own stream is refused: %v", err)
	}
	if err := s.ensureOne(t.Context(), s.returns(), false); !errors.Is(err, errMissing) {
		t.Errorf("error = %v, want the stream missing", err)
	}
}
