package consume

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/noop"
	"go.uber.org/goleak"

	"returnd/internal/job"
	"returnd/test/servers"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var subjects = job.NewSubjects("salt")

// sink keeps what it is given, and answers as told.
type sink struct {
	mu     sync.Mutex
	stored map[string]int // body → times
	sizes  []int          // of the batches
	answer func(e *job.Entry) error
	before func() // runs before each batch
}

func newSink() *sink { return &sink{stored: map[string]int{}} }

func (s *sink) Write(_ context.Context, entries []job.Entry) []error {
	s.mu.Lock()
	before, answer := s.before, s.answer
	s.mu.Unlock()
	if before != nil {
		before()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sizes = append(s.sizes, len(entries))
	errs := make([]error, len(entries))
	for i := range entries {
		if answer != nil {
			errs[i] = answer(&entries[i])
		}
		if errs[i] == nil {
			s.stored[bodyOf(&entries[i])]++
		}
	}
	return errs
}

func bodyOf(e *job.Entry) string {
	if e.Load != nil {
		return string(e.Load.Body)
	}
	return string(e.Return.Body)
}

func (s *sink) set(change func(*sink)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(s)
}

func (s *sink) times(body string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stored[body]
}

func (s *sink) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.stored)
}

// rig is a NATS server with a connection of a publisher.
type rig struct {
	*testing.T
	server *server.Server
	nc     *nats.Conn
	js     jetstream.JetStream
	sink   *sink
	cfg    Config
	stream StreamConfig
}

func newRig(t *testing.T) *rig {
	t.Helper()
	t.Parallel()
	s := servers.EmbeddedNATS(t)
	r := &rig{T: t, server: s, sink: newSink(), cfg: DefaultConfig(), stream: DefaultStreamConfig()}
	r.cfg.AckWait = 2 * time.Second
	r.nc = r.connect()
	var err error
	if r.js, err = jetstream.New(r.nc); err != nil {
		t.Fatal(err)
	}
	return r
}

func (r *rig) connect() *nats.Conn {
	r.Helper()
	nc, err := nats.Connect(r.server.ClientURL(), nats.MaxReconnects(-1), nats.ReconnectWait(50*time.Millisecond))
	if err != nil {
		r.Fatal(err)
	}
	r.Cleanup(nc.Close)
	return nc
}

// start runs a consumer until the function returned is called (the end of the test at the latest).
func (r *rig) start() (*Consumer, func()) {
	r.Helper()
	return r.startWith(func(*Consumer) {})
}

// startWith is start, with a change before the first pull.
func (r *rig) startWith(change func(*Consumer)) (*Consumer, func()) {
	r.Helper()
	c, err := New(r.cfg, r.stream, subjects, r.connect(), r.sink, slog.New(slog.DiscardHandler), noop.Meter{})
	if err != nil {
		r.Fatal(err)
	}
	change(c)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- c.Run(ctx) }()
	stop := sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-ended:
			if err != nil {
				r.Errorf("Run: %v", err)
			}
		case <-time.After(10 * time.Second):
			r.Error("Run did not return within 10 s")
		}
	})
	r.Cleanup(stop)
	r.eventually("consumer is ready", func() bool { return c.Ready(r.Context()) == nil })
	return c, stop
}

func (r *rig) publish(subject, body string, headers ...string) {
	r.Helper()
	m := nats.NewMsg(subject)
	m.Data = []byte(body)
	for i := 0; i+1 < len(headers); i += 2 {
		m.Header[headers[i]] = []string{headers[i+1]}
	}
	if _, err := r.js.PublishMsg(r.Context(), m); err != nil {
		r.Fatalf("publish to %s: %v", subject, err)
	}
}

// publishReturn publishes a return and gives its body.
func (r *rig) publishReturn(i int) string {
	r.Helper()
	jid, minion := fmt.Sprintf("20261120080000%06d", i), fmt.Sprintf("m%d", i)
	body := fmt.Sprintf(`{"id": %q, "jid": %q, "fun": "test.ping", "return": %d}`, minion, jid, i)
	r.publish(subjects.Return(jid, minion), body)
	return body
}

// eventually waits for a condition.
func (r *rig) eventually(what string, ok func() bool) {
	r.Helper()
	deadline := time.After(20 * time.Second)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-deadline:
			r.Fatalf("not within 20 s: %s", what)
		case <-tick.C:
		}
	}
}

// stays looks for a while whether a condition holds all the time.
func (r *rig) stays(what string, ok func() bool) {
	r.Helper()
	end := time.After(500 * time.Millisecond)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-end:
			return
		case <-tick.C:
			if !ok() {
				r.Fatalf("no longer so: %s", what)
			}
		}
	}
}

// settled waits until all that was published is settled. The consumer's own numbers may lag behind the stream.
func (r *rig) settled() *jetstream.ConsumerInfo {
	r.Helper()
	var info *jetstream.ConsumerInfo
	r.eventually("everything settled", func() bool {
		s, err := r.js.Stream(r.Context(), r.stream.Name)
		if err != nil {
			return false
		}
		c, err := s.Consumer(r.Context(), r.cfg.Durable)
		if err != nil {
			return false
		}
		info = c.CachedInfo()
		return info.AckFloor.Stream == s.CachedInfo().State.LastSeq && info.NumPending == 0 && info.NumAckPending == 0
	})
	return info
}

// letters reads all dead letters.
func (r *rig) letters() []*jetstream.RawStreamMsg {
	r.Helper()
	s, err := r.js.Stream(r.Context(), r.stream.Dead())
	if err != nil {
		r.Fatal(err)
	}
	var all []*jetstream.RawStreamMsg
	for seq := uint64(1); ; seq++ {
		m, err := s.GetMsg(r.Context(), seq)
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			return all
		}
		if err != nil {
			r.Fatal(err)
		}
		all = append(all, m)
	}
}

func long(n int) string { return strings.Repeat("x", n) }

func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }

func noMeter() metric.Meter { return noop.Meter{} }
