package e2e

import (
	"context"
	"errors"
	"io"
	"net/http"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nats.go/micro"
	"github.com/redis/go-redis/v9"

	"returnd/test/servers"
)

const (
	// limit bounds every wait: far beyond what anything takes, for a machine
	// busy with builds.
	limit = 30 * time.Second
	// askLimit is above the service's own limit of 10 s: its 503 and 504 must
	// arrive first.
	askLimit = 15 * time.Second
	// keep is the default of keep_jobs_seconds.
	keep = 86400 * time.Second
)

// rig is a NATS server, Redis in the form of this run, and clients to look behind the workers.
type rig struct {
	nats  *servers.Process
	redis *store
	nc    *nats.Conn
	js    jetstream.JetStream
}

func newRig(t *testing.T) *rig {
	t.Helper()
	return newRigOn(t, newStore(t, ""))
}

func newRigOn(t *testing.T, redis *store) *rig {
	t.Helper()
	r := &rig{nats: servers.NATS(t), redis: redis}
	r.nc, r.js = connect(t, r.nats.URL)
	return r
}

func connect(t *testing.T, url string) (*nats.Conn, jetstream.JetStream) {
	t.Helper()
	nc, err := nats.Connect(url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	return nc, js
}

// db opens one of the databases.
func (r *rig) db(t *testing.T, n int) redis.UniversalClient {
	t.Helper()
	return r.redis.client(t, n)
}

func open(t *testing.T, o *redis.Options) *redis.Client {
	t.Helper()
	c := redis.NewClient(o)
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// args make a worker use the rig's servers.
func (r *rig) args(more ...string) []string {
	return slices.Concat([]string{"run", "--nats.url", r.nats.URL, "--http.addr", "127.0.0.1:0"}, r.redis.args(), more)
}

// worker is a `worker run` process.
type worker struct{ *servers.Process }

// start runs a worker and waits until it is ready.
func (r *rig) start(t *testing.T, more ...string) worker {
	t.Helper()
	w := worker{servers.Worker(t, r.args(more...)...)}
	w.awaitReady(t)
	return w
}

func (w worker) awaitReady(t *testing.T) {
	t.Helper()
	servers.Eventually(t, limit, "a ready worker", func() bool {
		if !w.Running() {
			t.Fatalf("the worker ended with exit code %d", w.ExitCode())
		}
		code, _ := w.get("/readyz")
		return code == http.StatusOK
	})
}

// served is where the log says that health and metrics are.
var served = regexp.MustCompile(`serving health and metrics.* addr=(127\.0\.0\.1:\d+)`)

// get asks the worker over HTTP; 0 is no answer.
func (w worker) get(path string) (code int, body string) {
	found := served.FindStringSubmatch(w.Stderr())
	if found == nil {
		return 0, ""
	}
	client := http.Client{Timeout: limit, Transport: &http.Transport{DisableKeepAlives: true}}
	reply, err := client.Get("http://" + found[1] + path)
	if err != nil {
		return 0, ""
	}
	defer reply.Body.Close()
	text, err := io.ReadAll(reply.Body)
	if err != nil {
		return 0, ""
	}
	return reply.StatusCode, string(text)
}

// publish waits for the stream's ack.
func (r *rig) publish(t *testing.T, subject string, body []byte, header nats.Header) {
	t.Helper()
	if _, err := r.js.PublishMsg(t.Context(), &nats.Msg{Subject: subject, Data: body, Header: header}); err != nil {
		t.Fatalf("publish to %s: %v", subject, err)
	}
}

// settle waits until everything in the stream of returns is settled.
func (r *rig) settle(t *testing.T) { t.Helper(); settle(t, r.js, "RETURNS") }

func settle(t *testing.T, js jetstream.JetStream, name string) {
	t.Helper()
	servers.Eventually(t, limit, "every message settled", func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), limit)
		defer cancel()
		stream, err := js.Stream(ctx, name)
		if err != nil {
			t.Fatal(err)
		}
		durable, err := stream.Consumer(ctx, "returnd")
		if errors.Is(err, jetstream.ErrConsumerNotFound) {
			return false
		}
		if err != nil {
			t.Fatal(err)
		}
		i := durable.CachedInfo()
		return i.NumPending == 0 && i.NumAckPending == 0 && i.Delivered.Stream >= stream.CachedInfo().State.LastSeq
	})
}

// letter is a dead letter.
type letter struct {
	Subject string // where the original was published
	Reason  string
	Body    string
	header  nats.Header
	on      string // the letter's own subject
}

// letters reads all dead letters, oldest first.
func (r *rig) letters(t *testing.T) []letter {
	t.Helper()
	stream, err := r.js.Stream(t.Context(), "RETURNS_DEAD")
	if err != nil {
		t.Fatal(err)
	}
	var all []letter
	for seq := uint64(1); seq <= stream.CachedInfo().State.LastSeq; seq++ {
		m, err := stream.GetMsg(t.Context(), seq)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, letter{
			Subject: m.Header.Get("Returnd-Subject"), Reason: m.Header.Get("Returnd-Reason"),
			Body: string(m.Data), header: m.Header, on: m.Subject,
		})
	}
	return all
}

// answer is what a caller of the query service gets: JSON, or an error.
type answer struct {
	code, sentence string // "" where there is no error
	body           []byte
	header         nats.Header
}

func (r *rig) ask(t *testing.T, endpoint, request string) answer {
	t.Helper()
	m, err := r.nc.Request("salt.returner."+endpoint, []byte(request), askLimit)
	if err != nil {
		t.Fatalf("%s %s: %v", endpoint, request, err)
	}
	return answer{m.Header.Get(micro.ErrorCodeHeader), m.Header.Get(micro.ErrorHeader), m.Data, m.Header}
}
