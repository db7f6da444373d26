package consume

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats.go"

	"returnd/internal/job"
)

func someDelivery(size int) delivery {
	return delivery{msg: &nats.Msg{Reply: "reply"}, size: size}
}

func TestBatchIsFullByCountOrBytes(t *testing.T) {
	tests := map[string]struct {
		limit Batch
		add   []int // sizes
		want  []int // entries of the batches that are ready at once
	}{
		"by count":            {Batch{Returns: 2, Bytes: 1000, Wait: time.Hour}, []int{1, 1, 1, 1, 1}, []int{2, 2}},
		"by bytes":            {Batch{Returns: 100, Bytes: 10, Wait: time.Hour}, []int{4, 4, 4, 4, 4}, []int{3}},
		"one larger than all": {Batch{Returns: 100, Bytes: 10, Wait: time.Hour}, []int{50, 1}, []int{1}},
		"neither":             {Batch{Returns: 100, Bytes: 1000, Wait: time.Hour}, []int{1, 1}, nil},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				q := newQueue(tc.limit)
				for _, size := range tc.add {
					q.add(someDelivery(size), job.Entry{})
				}
				if len(q.ready) != len(tc.want) {
					t.Fatalf("%d batches are ready, want %d", len(q.ready), len(tc.want))
				}
				for _, want := range tc.want {
					if b := q.take(); len(b.entries) != want {
						t.Errorf("a batch of %d, want %d", len(b.entries), want)
					}
				}
			})
		})
	}
}

func TestBatchIsDueByAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(Batch{Returns: 100, Bytes: 1000, Wait: 5 * time.Millisecond})
		began := time.Now()
		q.add(someDelivery(1), job.Entry{})
		time.AfterFunc(3*time.Millisecond, func() { q.add(someDelivery(1), job.Entry{}) })
		b := q.take()
		if took := time.Since(began); took != 5*time.Millisecond || len(b.entries) != 2 {
			t.Errorf("%d entries after %v, want 2 after 5ms: the age is that of the first", len(b.entries), took)
		}
		q.done(b)
		// A batch that was full before it was due leaves no timer that would cut the next one short.
		for range 100 {
			q.add(someDelivery(1), job.Entry{})
		}
		q.done(q.take())
		time.Sleep(4 * time.Millisecond)
		q.add(someDelivery(1), job.Entry{})
		began = time.Now()
		q.done(q.take())
		if took := time.Since(began); took != 5*time.Millisecond {
			t.Errorf("the next batch came after %v, want 5ms", took)
		}
	})
}

func TestOneThatCameTooOftenIsAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(Batch{Returns: 100, Bytes: 1000, Wait: time.Millisecond})
		q.add(someDelivery(1), job.Entry{})
		q.addAlone(someDelivery(1), job.Entry{})
		if b := q.take(); !b.alone || len(b.entries) != 1 {
			t.Errorf("alone %v with %d entries", b.alone, len(b.entries))
		}
		if b := q.take(); b.alone || len(b.entries) != 1 {
			t.Errorf("alone %v with %d entries, want the ordinary one", b.alone, len(b.entries))
		}
	})
}

func TestCloseGivesWhatIsLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(Batch{Returns: 100, Bytes: 1000, Wait: time.Hour})
		q.add(someDelivery(1), job.Entry{})
		q.close()
		if b := q.take(); b == nil || len(b.entries) != 1 {
			t.Errorf("batch = %v, want what was waiting", b)
		}
		if b := q.take(); b != nil {
			t.Errorf("batch = %v, want nil: closed and empty", b)
		}
		q.timer.Stop()
	})
}

func TestUnsettledAreThoseOldEnough(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(Batch{Returns: 2, Bytes: 1000, Wait: time.Hour})
		q.add(someDelivery(1), job.Entry{})
		q.add(someDelivery(1), job.Entry{})
		b := q.take()
		time.Sleep(time.Second)
		q.add(someDelivery(1), job.Entry{})
		if got := len(q.unsettled(time.Now())); got != 2 {
			t.Errorf("%d unsettled from before, want the 2 being written", got)
		}
		b.keep([]int{1})
		if got := q.size(); got != 2 {
			t.Errorf("%d held, want 2", got)
		}
		q.done(b)
		if got := len(q.unsettled(time.Now().Add(time.Second))); got != 1 {
			t.Errorf("%d unsettled, want 1", got)
		}
		q.timer.Stop()
	})
}

func TestCreditOverdrawnWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCredit(10, 100, func() {})
		c.overdraw(150) // nobody has overdrawn before
		second := make(chan struct{})
		go func() { c.overdraw(1); close(second) }()
		synctest.Wait()
		select {
		case <-second:
			t.Fatal("the second did not wait")
		default:
		}
		c.release(0, 150)
		<-second
		if c.reserve(1, 100) {
			t.Error("more bytes were reserved than are left")
		}
		if !c.reserve(10, 99) {
			t.Error("what is left could not be reserved")
		}
	})
}

// BenchmarkQueue adds deliveries from one side and takes batches on the other.
func BenchmarkQueue(b *testing.B) {
	q := newQueue(Batch{Returns: 2048, Bytes: 4 << 20, Wait: 5 * time.Millisecond})
	d, e := someDelivery(700), job.Entry{}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for taken := q.take(); taken != nil; taken = q.take() {
			q.done(taken)
		}
	}()
	b.ReportAllocs()
	for b.Loop() {
		q.add(d, e)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "returns/s")
	q.close()
	<-ended
}

// BenchmarkDecode makes an entry of a message of 700 bytes: subject, payload, and what the server says of it.
func BenchmarkDecode(b *testing.B) {
	d, err := newDecoder(subjects, true, 1<<20)
	if err != nil {
		b.Fatal(err)
	}
	m := &nats.Msg{
		Subject: "salt.job.20261120080000000001.ret.web0001.dc1.example.com",
		Reply:   "$JS.ACK.RETURNS.returnd.1.123456.123456.1795161600000000000.1000",
		Data: []byte(`{"cmd": "_return", "id": "web0001.dc1.example.com", "success": true, "return": "` + long(520) +
			`", "retcode": 0, "jid": "20261120080000000001", "fun": "cmd.run", "fun_args": [], "user": "root"}`),
	}
	b.SetBytes(int64(len(m.Data)))
	b.ReportAllocs()
	for b.Loop() {
		got, err := received(m)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := d.decode(m, got.published); err != nil {
			b.Fatal(err)
		}
	}
}
