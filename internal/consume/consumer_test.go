package consume

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"returnd/internal/job"
)

func TestReturnsAndLoadsReachTheSink(t *testing.T) {
	r := newRig(t)
	_, stop := r.start()
	var bodies []string
	for i := range 500 {
		bodies = append(bodies, r.publishReturn(i))
	}
	load := `{"fun": "test.ping", "tgt": "*"}`
	r.publish(subjects.Load("20261120080000000001"), load)
	r.settled()
	for _, body := range append(bodies, load) {
		if got := r.sink.times(body); got != 1 {
			t.Fatalf("%s was stored %d times, want once", body, got)
		}
	}
	stop()
}

func TestABacklogComesInFullBatches(t *testing.T) {
	r := newRig(t)
	r.cfg.Batch.Returns, r.cfg.Batch.Wait = 64, time.Second
	_, stop := r.start()
	stop()
	for i := range 640 {
		r.publishReturn(i)
	}
	r.start()
	r.settled()
	if got := r.sink.count(); got != 640 {
		t.Errorf("%d stored, want 640", got)
	}
	for _, size := range r.sink.sizes {
		if size > 64 {
			t.Errorf("a batch of %d, want 64 at most", size)
		}
	}
	if got := len(r.sink.sizes); got > 14 {
		t.Errorf("%d batches for 640 returns, want about 10", got)
	}
}

func TestOneBadReturnIsAloneWithIt(t *testing.T) {
	r := newRig(t)
	bad := r.badBody()
	r.sink.answer = func(e *job.Entry) error {
		if bodyOf(e) == bad {
			return job.Reject(job.ReasonWrongType, "no room")
		}
		return nil
	}
	r.start()
	good := r.publishReturn(1)
	r.publish(subjects.Return("20261120080000000002", "bad"), bad)
	other := r.publishReturn(3)
	r.settled()
	if r.sink.times(good) != 1 || r.sink.times(other) != 1 {
		t.Error("the neighbours were not stored just once")
	}
	got := r.letters()
	if len(got) != 1 || string(got[0].Data) != bad || got[0].Header.Get("Returnd-Reason") != "wrong_type" || got[0].Subject != "salt.dead.wrong_type" {
		t.Errorf("dead letters = %+v", got)
	}
}

func (r *rig) badBody() string {
	return `{"id": "bad", "jid": "20261120080000000002", "fun": "test.ping", "return": 0}`
}

func TestHeldWhileTheSinkIsAway(t *testing.T) {
	r := newRig(t)
	r.cfg.Batch.Returns = 16
	c, _ := r.start()
	r.sink.set(func(s *sink) {
		s.answer = func(*job.Entry) error { return fmt.Errorf("%w: away", job.ErrUnavailable) }
	})
	for i := range 400 { // more than the credit of 7 batches
		r.publishReturn(i)
	}
	r.eventually("the credit is used up", func() bool { return c.queue.size() == 7*16 })
	// Longer than the ack wait: the server must hear that they are being worked on.
	time.AfterFunc(r.cfg.AckWait*3/2, func() { r.sink.set(func(s *sink) { s.answer = nil }) })
	r.settled()
	if got := r.sink.count(); got != 400 {
		t.Errorf("%d stored, want 400", got)
	}
	info := r.settled()
	if got := len(r.letters()); got != 0 {
		t.Errorf("%d dead letters, want none", got)
	}
	if info.Delivered.Consumer != 400 {
		t.Errorf("%d deliveries of 400 messages: some came again while they were held", info.Delivered.Consumer)
	}
}

func TestStopWritesAndSettlesWhatItHas(t *testing.T) {
	r := newRig(t)
	_, stop := r.start()
	release := make(chan struct{})
	r.sink.set(func(s *sink) { s.before = func() { <-release } })
	for i := range 100 {
		r.publishReturn(i)
	}
	r.eventually("deliveries", func() bool {
		c, err := r.js.Consumer(t.Context(), r.stream.Name, r.cfg.Durable)
		return err == nil && c.CachedInfo().Delivered.Consumer == 100
	})
	time.AfterFunc(50*time.Millisecond, func() { close(release) })
	stop()
	info := r.settled()
	if got := r.sink.count(); got != 100 || info.Delivered.Consumer != 100 {
		t.Errorf("%d stored of 100 with %d deliveries", got, info.Delivered.Consumer)
	}
}

func TestStopWhileTheSinkIsAwayGivesBack(t *testing.T) {
	r := newRig(t)
	_, stop := r.start()
	r.sink.set(func(s *sink) {
		s.answer = func(*job.Entry) error { return fmt.Errorf("%w: away", job.ErrUnavailable) }
	})
	r.publishReturn(1)
	r.eventually("an attempt", func() bool { r.sink.mu.Lock(); defer r.sink.mu.Unlock(); return len(r.sink.sizes) > 0 })
	stop()
	r.sink.set(func(s *sink) { s.answer = nil })
	r.start()
	r.settled()
	if got := r.sink.count(); got != 1 {
		t.Errorf("%d stored, want the one given back", got)
	}
}

func TestConsumerDeletedIsMadeAnew(t *testing.T) {
	r := newRig(t)
	r.start()
	r.publishReturn(1)
	r.settled()
	if err := r.js.DeleteConsumer(t.Context(), r.stream.Name, r.cfg.Durable); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	body := r.publishReturn(2)
	r.eventually("the next return", func() bool { return r.sink.times(body) > 0 })
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("it took %v, want less than 5 s", took)
	}
}

func TestAStreamThatIsGoneIsNotMadeAnew(t *testing.T) {
	r := newRig(t)
	c, _ := r.start()
	if err := r.js.DeleteStream(t.Context(), r.stream.Name); err != nil {
		t.Fatal(err)
	}
	r.eventually("not ready", func() bool { return c.Ready(t.Context()) != nil })
	r.eventually("the reason", func() bool {
		err := c.Ready(t.Context())
		return err != nil && strings.Contains(err.Error(), "is gone")
	})
	if _, err := r.js.Stream(t.Context(), r.stream.Name); !errors.Is(err, jetstream.ErrStreamNotFound) {
		t.Errorf("stream: %v, want it not found", err)
	}
}

func TestServerRestart(t *testing.T) {
	r := newRig(t)
	c, _ := r.start()
	r.publishReturn(1)
	r.settled()
	r.server.Shutdown()
	r.server.WaitForShutdown()
	r.eventually("not ready", func() bool { return c.Ready(t.Context()) != nil })
	// The embedded server cannot start again on its port; test/faults does that with a process.
	if err := c.Alive(); err != nil {
		t.Errorf("Alive = %v while the server is away: the worker itself is well", err)
	}
}

// A publisher sets the headers by which the server tells that a consumer is gone; they must mean nothing.
func TestHeadersOfAPublisherAreNotTheServers(t *testing.T) {
	r := newRig(t)
	r.start()
	r.publish(subjects.Return("20261120080000000009", "evil"), "", "Status", "409", "Description", "Consumer Deleted")
	r.publish(subjects.Return("20261120080000000009", "evil"), "", "Status", "503")
	body := r.publishReturn(1)
	r.settled()
	if r.sink.times(body) != 1 {
		t.Error("the neighbour was not stored once")
	}
	if got := r.letters(); len(got) != 2 || got[0].Header.Get("Returnd-Reason") != "malformed" {
		t.Errorf("dead letters = %+v", got)
	}
}

func TestSubjectAndBodyMustAgree(t *testing.T) {
	body := `{"id": "m1", "jid": "20261120080000000001", "fun": "test.ping", "return": 1}`
	refused := []string{
		"salt.job.20261120080000000001.ret.m2", "salt.job.20261120080000000002.ret.m1", "salt.job.20261120080000000001.ret.%6D1",
	}
	for _, verify := range []bool{true, false} {
		t.Run(fmt.Sprintf("verify_subject %v", verify), func(t *testing.T) {
			r := newRig(t)
			r.cfg.VerifySubject = verify
			r.start()
			for _, subject := range refused {
				r.publish(subject, body)
			}
			r.settled()
			want := 0
			if !verify {
				want = len(refused)
			}
			if got := r.sink.times(body); got != want {
				t.Errorf("stored %d times, want %d", got, want)
			}
			if got := len(r.letters()); got != len(refused)-want {
				t.Errorf("%d letters", got)
			}
		})
	}
}

func TestManage(t *testing.T) {
	r := newRig(t)
	r.stream.Manage = ManageVerify
	c, err := New(r.cfg, r.stream, subjects, r.nc, r.sink, discard(), noMeter())
	if err != nil {
		t.Fatal(err)
	}
	if err := c.streams.ensure(t.Context(), true); !errors.Is(err, errMissing) {
		t.Errorf("verify without a stream: %v, want it missing", err)
	}
	if _, err := r.js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "RETURNS", Subjects: []string{"salt.job.>"}, Storage: jetstream.MemoryStorage}); err != nil {
		t.Fatal(err)
	}
	err = c.streams.ensure(t.Context(), true)
	for _, part := range []string{"subjects", "storage", "discard"} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("verify = %v, want it to name the %s", err, part)
		}
	}
	c.streams.cfg.Manage = ManageOff
	if err := c.streams.ensureOne(context.Background(), c.streams.returns(), true); err != nil {
		t.Errorf("off = %v, want it left alone", err)
	}
}

// Packed returns unfold to many times their size: what is held stays bounded by what it takes unpacked.
