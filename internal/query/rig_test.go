package query

import (
	"context"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"
	sdk "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"returnd/internal/job"
	"returnd/test/servers"
)

// rig is a service on a NATS server of its own, and a caller on another connection.
type rig struct {
	*Service
	caller *nats.Conn
	meters *sdk.ManualReader
	stop   context.CancelFunc
	ended  <-chan error
	log    *logged
}

// logged takes the log while the service writes it.
type logged struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func startNATS(t testing.TB, maxPayload int32) string {
	t.Helper()
	return servers.EmbeddedNATS(t, func(o *server.Options) { o.JetStream, o.MaxPayload = false, maxPayload }).ClientURL()
}

func connect(t testing.TB, url string) *nats.Conn {
	t.Helper()
	nc, err := nats.Connect(url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	return nc
}

// start runs a service against the store with the default configuration, changed by change.
func start(t testing.TB, store *fakeStore, change ...func(*Config)) *rig {
	t.Helper()
	return startAt(t, startNATS(t, 1<<20), store, change...)
}

func startAt(t testing.TB, url string, store Store, change ...func(*Config)) *rig {
	t.Helper()
	cleaner, _ := store.(Cleaner)
	return startWith(t, url, store, cleaner, change...)
}

func startWith(t testing.TB, url string, store Store, cleaner Cleaner, change ...func(*Config)) *rig {
	t.Helper()
	cfg := DefaultConfig()
	for _, f := range change {
		f(&cfg)
	}
	r := &rig{caller: connect(t, url), meters: sdk.NewManualReader(), log: &logged{}}
	meter := sdk.NewMeterProvider(sdk.WithReader(r.meters)).Meter("test")
	log := slog.New(slog.NewTextHandler(r.log, nil))
	svc, err := New(cfg, job.NewSubjects("salt"), connect(t, url), store, log, meter)
	if err != nil {
		t.Fatal(err)
	}
	svc.UseCleaner(cleaner)
	r.Service = svc
	r.run(t)
	return r
}

func (r *rig) run(t testing.TB) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	done := make(chan struct{})
	go func() {
		defer close(done)
		ended <- r.Run(ctx)
	}()
	r.stop, r.ended = stop, ended
	t.Cleanup(func() { stop(); <-done })
	select {
	case <-r.ready:
	case err := <-ended:
		t.Fatalf("the service did not start: %v", err)
	}
	if err := r.nc.Flush(); err != nil { // the server knows the subscriptions
		t.Fatal(err)
	}
}

// answer is what a caller gets.
type answer struct {
	Code     int
	Sentence string
	Body     string
	Skipped  string
	Cursor   string
	Retry    string
}

// ok is data.
func ok(body string) answer { return answer{Code: codeOK, Body: body} }

func (r *rig) ask(t *testing.T, endpoint, request string) answer {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	msg, err := r.caller.RequestWithContext(ctx, "salt.returner."+endpoint, []byte(request))
	if err != nil {
		t.Fatalf("%s was not answered: %v", endpoint, err)
	}
	return answerOf(t, msg)
}

func answerOf(t *testing.T, msg *nats.Msg) answer {
	t.Helper()
	got := answer{
		Code: codeOK, Body: string(msg.Data), Sentence: msg.Header.Get(micro.ErrorHeader),
		Skipped: msg.Header.Get(HeaderSkipped), Cursor: msg.Header.Get(HeaderCursor), Retry: msg.Header.Get(HeaderRetryAfter),
	}
	if code := msg.Header.Get(micro.ErrorCodeHeader); code != "" {
		var err error
		if got.Code, err = strconv.Atoi(code); err != nil {
			t.Fatal(err)
		}
	}
	return got
}

// count sums a counter over its labels that hold all of want, as "name=value".
func (r *rig) count(t *testing.T, name string, want ...string) int64 {
	t.Helper()
	var all metricdata.ResourceMetrics
	if err := r.meters.Collect(t.Context(), &all); err != nil {
		t.Fatal(err)
	}
	var sum int64
	for _, scope := range all.ScopeMetrics {
		for _, m := range scope.Metrics {
			counter, is := m.Data.(metricdata.Sum[int64])
			if m.Name != name || !is {
				continue
			}
			for _, p := range counter.DataPoints {
				if holds(p, want) {
					sum += p.Value
				}
			}
		}
	}
	return sum
}

func holds(p metricdata.DataPoint[int64], want []string) bool {
	for _, label := range want {
		name, value, _ := strings.Cut(label, "=")
		found := false
		for _, kv := range p.Attributes.ToSlice() {
			found = found || string(kv.Key) == name && kv.Value.AsString() == value
		}
		if !found {
			return false
		}
	}
	return true
}
