package containers

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"returnd/internal/job"
	"returnd/test/servers"
)

const (
	replicas = 3
	// aJob is how many returns a job has: what is asked for at the end fits one reply.
	aJob = 500
	// pace is the time between two returns: a load that leaves the machine to the engine, too.
	pace = time.Millisecond
	// lull is how long a disturbance lasts that must be noticed.
	lull = 3 * time.Second
	// silence is longer than the ack wait: what the silent one holds is handed to others.
	silence = 8 * time.Second
	// fairShare is what each replica does at least, of all and of an even share.
	fairShare = 1.0 / replicas / 4
	// storm is how many deliveries there may be for each message. What a replica holds when it is killed or silent, a
	// batch or two, comes again; a storm multiplies everything.
	storm = 2.0
)

// site is NATS and Redis on networks of their own, and the replicas on both.
type site struct {
	front, back *Network
	broker      *NATSServer
	store       *Server
	workers     []*Container
	nc          *nats.Conn
	js          jetstream.JetStream
}

func newSite(t *testing.T, more ...string) *site {
	t.Helper()
	s := &site{front: NewNetwork(t), back: NewNetwork(t)}
	s.broker, s.store = NATS(t, s.front), Redis(t, s.back, "--appendonly", "yes")
	s.workers = Workers(t, WorkerOptions{Networks: []*Network{s.front, s.back}}, replicas, append([]string{
		"--nats.url", s.broker.InsideURL(), "--redis.host", s.store.Name, "--consume.ack_wait", ackWait,
	}, more...)...)
	s.nc, s.js = connect(t, s.broker)
	return s
}

// TestReplicasOutliveTheirFaults: three replicas share the work; whatever is done to them, and to Redis, every return
// that was acknowledged can be read at the end, and nothing was delivered over and over.
func TestReplicasOutliveTheirFaults(t *testing.T) {
	servers.Slow(t)
	t.Parallel()
	s := newSite(t)
	p := s.publishSteadily(t)
	servers.Eventually(t, limit, "a part of the work for each replica", func() bool {
		parts := s.parts(t)
		total := parts[0] + parts[1] + parts[2]
		return total > 2*aJob && slices.Min(parts) > fairShare*total
	})
	t.Logf("each one's part: %v", s.parts(t))
	for _, fault := range s.faults() {
		before := p.count()
		began := time.Now()
		fault.cause()
		servers.Eventually(t, limit, "returns stored after: "+fault.name, func() bool { return s.lag(t) < aJob })
		t.Logf("%s: %v, %d returns published meanwhile", fault.name, time.Since(began).Round(time.Millisecond), p.count()-before)
	}
	acked := p.stop()
	servers.Eventually(t, 2*limit, "everything settled", func() bool { return s.lag(t) == 0 })
	s.checkReadable(t, acked)
	s.checkDeliveries(t)
}

type fault struct {
	name  string
	cause func()
}

func (s *site) faults() []fault {
	w := s.workers
	return []fault{
		{"a replica killed", func() { w[0].Kill(); w[0].Start() }},
		{"a replica paused beyond the ack wait", func() { w[1].Pause(); pause(silence); w[1].Unpause() }},
		{"a replica cut off from Redis", func() { w[2].Cut(s.back); pause(lull); w[2].Mend(s.back) }},
		{"a replica cut off from NATS", func() { w[0].Cut(s.front); pause(lull); w[0].Mend(s.front) }},
		{"a rolling restart", func() {
			for _, one := range w {
				one.Stop()
				one.Start()
			}
		}},
		{"Redis restarted with its data", func() { s.store.Kill(); pause(lull); s.store.Start() }},
	}
}

// pause lets a disturbance last: there is no condition to wait for.
func pause(d time.Duration) { <-time.After(d) }

// parts is how many messages each replica has stored since it was started.
func (s *site) parts(t *testing.T) []float64 {
	t.Helper()
	var parts []float64
	for _, w := range s.workers {
		parts = append(parts, metric(t, w, "returnd_consume_stored_total"))
	}
	return parts
}

// metric sums up all series of a name.
func metric(t *testing.T, w *Container, name string) (sum float64) {
	t.Helper()
	reply, err := http.Get("http://" + w.Addr + "/metrics")
	if err != nil {
		return 0 // it is away
	}
	defer reply.Body.Close()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(reply.Body)
	if err != nil {
		t.Fatalf("metrics of %s: %v", w.Name, err)
	}
	for _, m := range families[name].GetMetric() {
		sum += m.GetCounter().GetValue() + m.GetGauge().GetValue()
	}
	return sum
}

// publisher publishes returns at its pace and keeps those that were acknowledged, by job.
type publisher struct {
	mu    sync.Mutex
	acked map[string]map[string]string // jid: minion: body
	n     int
	end   context.CancelFunc
	ended chan struct{}
}

func (s *site) publishSteadily(t *testing.T) *publisher {
	t.Helper()
	ctx, end := context.WithCancel(t.Context())
	p := &publisher{acked: map[string]map[string]string{}, end: end, ended: make(chan struct{})}
	go func() {
		defer close(p.ended)
		p.run(ctx, s.js)
	}()
	t.Cleanup(func() { p.stop() })
	return p
}

func (p *publisher) run(ctx context.Context, js jetstream.JetStream) {
	var jids job.Generator
	subjects := job.NewSubjects("salt")
	tick := time.NewTicker(pace)
	defer tick.Stop()
	jid := ""
	for i := 0; ; i++ {
		if i%aJob == 0 {
			jid = jids.Next(time.Now())
		}
		minion := fmt.Sprintf("m%d", i%aJob)
		body := fmt.Sprintf(`{"id": %q, "jid": %q, "fun": "test.echo", "return": %d}`, minion, jid, i)
		if _, err := js.Publish(ctx, subjects.Return(jid, minion), []byte(body)); err == nil {
			p.keep(jid, minion, body)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

func (p *publisher) keep(jid, minion, body string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.acked[jid] == nil {
		p.acked[jid] = map[string]string{}
	}
	p.acked[jid][minion] = body
	p.n++
}

func (p *publisher) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.n
}

func (p *publisher) stop() map[string]map[string]string {
	p.end()
	<-p.ended
	return p.acked
}

// lag is how many messages of the stream are not settled yet.
func (s *site) lag(t *testing.T) uint64 {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	stream, err := s.js.Stream(ctx, "RETURNS")
	if err != nil {
		t.Fatal(err)
	}
	durable, err := stream.Consumer(ctx, "returnd")
	if err != nil {
		t.Fatal(err)
	}
	return stream.CachedInfo().State.LastSeq - durable.CachedInfo().AckFloor.Stream
}

// checkReadable asks for every job as any client would.
func (s *site) checkReadable(t *testing.T, acked map[string]map[string]string) {
	t.Helper()
	total := 0
	for jid, want := range acked {
		m, err := s.nc.Request("salt.returner.get_jid", []byte(`{"jid":"`+jid+`"}`), askLimit)
		if err != nil {
			t.Fatalf("get_jid: %v", err)
		}
		var got map[string]json.RawMessage
		if err := json.Unmarshal(m.Data, &got); err != nil {
			t.Fatalf("get_jid gives %s %v: %v", m.Data, m.Header, err)
		}
		for minion, body := range want {
			if string(got[minion]) != body {
				t.Errorf("%s of %s was acknowledged as %s, and is read as %q", minion, jid, body, got[minion])
			}
		}
		total += len(want)
	}
	t.Logf("%d returns of %d jobs are readable", total, len(slices.Collect(maps.Keys(acked))))
}

// checkDeliveries: nothing became a dead letter, and there was no storm.
func (s *site) checkDeliveries(t *testing.T) {
	t.Helper()
	durable, err := s.js.Consumer(t.Context(), "RETURNS", "returnd")
	if err != nil {
		t.Fatal(err)
	}
	delivered := durable.CachedInfo().Delivered
	t.Logf("%d deliveries of %d messages", delivered.Consumer, delivered.Stream)
	if float64(delivered.Consumer) > storm*float64(delivered.Stream) {
		t.Errorf("%d deliveries of %d messages", delivered.Consumer, delivered.Stream)
	}
	letters, err := s.js.Stream(t.Context(), "RETURNS_DEAD")
	if err != nil {
		t.Fatal(err)
	}
	if n := letters.CachedInfo().State.Msgs; n != 0 {
		t.Errorf("%d dead letters", n)
	}
}
