package deploy

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	"go.uber.org/goleak"

	"returnd/internal/job"
	"returnd/test/servers"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const limit = 30 * time.Second

// TestEveryMetricExists: what alerts and dashboards ask for is what a worker has, after it has met everything that they
// are there for. And nothing is shown that docs/operations.md does not explain.
func TestEveryMetricExists(t *testing.T) {
	w := exercised(t)
	page := w.metrics()
	has := map[string]bool{"up": true} // Prometheus' own
	for line := range strings.Lines(page) {
		if !strings.HasPrefix(line, "#") {
			has[seriesName.FindString(line)] = true
		}
	}
	asked := map[string]string{}
	for _, expr := range expressions(t) {
		asked[expr] = "the dashboard"
	}
	for _, a := range alerts(t) {
		asked[a.Expr] = a.Alert
	}
	for expr, by := range asked {
		for _, name := range parse(expr).metrics {
			if !has[name] {
				t.Errorf("%s asks for %s, which no worker has", by, name)
			}
		}
	}
	documented(t, slices.Sorted(maps.Keys(has)))
	tidy(t, page)
}

var seriesName = regexp.MustCompile(`^[A-Za-z_:][A-Za-z0-9_:]*`)

// documented looks for each metric of ours in the table of docs/operations.md.
func documented(t *testing.T, names []string) {
	t.Helper()
	_, table, _ := strings.Cut(string(read(t, repository+"/docs/operations.md")), "\n## Metrics\n")
	table, _, _ = strings.Cut(table, "\n## ")
	for _, name := range names {
		for _, suffix := range []string{"_bucket", "_sum", "_count"} {
			name = strings.TrimSuffix(name, suffix)
		}
		short := name[strings.LastIndexByte(strings.TrimSuffix(name, "_total"), '_')+1:]
		if strings.HasPrefix(name, "returnd_") && !strings.Contains(table, "`"+name) && !strings.Contains(table, "`_"+short) {
			t.Errorf("docs/operations.md does not explain %s", name)
		}
	}
}

// tidy asks Prometheus' linter.
func tidy(t *testing.T, page string) {
	t.Helper()
	problems, err := promlint.New(strings.NewReader(page)).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		if strings.HasPrefix(p.Metric, "returnd_") {
			t.Errorf("%s: %s", p.Metric, p.Text)
		}
	}
}

// rig is a worker with its servers, and a client of it.
type rig struct {
	*testing.T
	http  string
	redis *servers.Process
	nc    *nats.Conn
	js    jetstream.JetStream
}

// exercised is a worker that was through all that is counted.
func exercised(t *testing.T) *rig {
	t.Helper()
	r := newRig(t)
	r.store()
	r.ask()
	r.cutShort()
	r.sweep()
	r.hold()
	r.bury()
	return r
}

func newRig(t *testing.T) *rig {
	t.Helper()
	broker, store := servers.EmbeddedNATS(t), servers.Redis(t)
	host, port, _ := strings.Cut(store.Addr, ":")
	r := &rig{T: t, http: servers.Loopback(servers.FreePort(t)), redis: store}
	worker := servers.Worker(t, "run", "--nats.url", broker.ClientURL(), "--redis.host", host, "--redis.port", port, "--http.addr", r.http)
	servers.Eventually(t, limit, "the worker is ready", func() bool { return strings.Contains(worker.Stderr(), "msg=ready") })
	var err error
	if r.nc, err = nats.Connect(broker.ClientURL()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.nc.Close)
	if r.js, err = jetstream.New(r.nc); err != nil {
		t.Fatal(err)
	}
	return r
}

func (r *rig) metrics() string {
	r.Helper()
	c := http.Client{Timeout: limit, Transport: &http.Transport{DisableKeepAlives: true}}
	reply, err := c.Get("http://" + r.http + "/metrics")
	if err != nil {
		r.Fatal(err)
	}
	defer reply.Body.Close()
	page, err := io.ReadAll(reply.Body)
	if err != nil {
		r.Fatal(err)
	}
	return string(page)
}

// counts waits until a series is there.
func (r *rig) counts(series string) {
	r.Helper()
	servers.Eventually(r.T, limit, series, func() bool { return strings.Contains(r.metrics(), "\n"+series) })
}

func (r *rig) publish(jid, minion string, body []byte) {
	r.Helper()
	if _, err := r.js.Publish(r.Context(), job.NewSubjects("salt").Return(jid, minion), body); err != nil {
		r.Fatal(err)
	}
}

func (r *rig) publishReturn(jid, minion, text string) {
	r.Helper()
	r.publish(jid, minion, fmt.Appendf(nil, `{"id": %q, "jid": %q, "fun": "test.ping", "return": %q}`, minion, jid, text))
}

// store has a return stored, the same one again, one that is not to be kept, and one without a pointer.
func (r *rig) store() {
	r.Helper()
	jid := job.FormatJID(time.Now())
	r.publishReturn(jid, "web1", "")
	r.counts("returnd_consume_stored_total 1")
	r.publishReturn(jid, "web1", "")
	r.counts("returnd_redis_returns_repeated_total 1")
	r.publishReturn("nocache", "web1", "")
	r.counts("returnd_consume_nocache_total 1")
	r.publishReturn(jid, "ret", "")
	r.counts("returnd_redis_returns_without_pointer_total 1")
	r.publish(jid, "web2", fmt.Appendf(nil, `{"id": "web2", "jid": %q, "fun": "f", "return": 1, "ret_config": "none"}`, jid))
	r.counts("returnd_redis_profile_unknown_total 1")
}

// ask has one question answered, and one ignored.
func (r *rig) ask() {
	r.Helper()
	if _, err := r.nc.Request("salt.returner.get_minions", nil, limit); err != nil {
		r.Fatal(err)
	}
	if err := r.nc.PublishRequest("salt.returner.get_minions", "elsewhere", nil); err != nil {
		r.Fatal(err)
	}
	r.counts(`returnd_query_ignored_total{endpoint="get_minions"} 1`)
}

// cutShort asks for a large job in parts, and goes away after the first.
func (r *rig) cutShort() {
	r.Helper()
	large := string(bytes.Repeat([]byte("x"), 200<<10))
	for i := range 40 {
		r.publishReturn("large", fmt.Sprintf("web%d", i), large)
	}
	r.counts("returnd_consume_stored_total 4")
	inbox := r.nc.NewInbox()
	sub, err := r.nc.SubscribeSync(inbox)
	if err != nil {
		r.Fatal(err)
	}
	if err := sub.AutoUnsubscribe(1); err != nil {
		r.Fatal(err)
	}
	ask := &nats.Msg{
		Subject: "salt.returner.get_jid", Reply: inbox, Data: []byte(`{"jid": "large"}`),
		Header: nats.Header{"Returnd-Accept": {"parts"}, "Returnd-Window": {"1"}},
	}
	if err := r.nc.PublishMsg(ask); err != nil {
		r.Fatal(err)
	}
	m, err := sub.NextMsg(limit)
	if err != nil {
		r.Fatal(err)
	}
	if err := r.nc.Publish(m.Reply, []byte("1")); err != nil { // another part is sent, and nobody is there
		r.Fatal(err)
	}
	r.counts(`returnd_query_streams_cut_total{endpoint="get_jid"`)
}

// sweep has something to remove, and something to give an expiry.
func (r *rig) sweep() {
	r.Helper()
	for _, jid := range []string{"20200101000000000000", job.FormatJID(time.Now())} {
		if err := r.redis.Do("HSET", "ret:"+jid, "web1", "{}").Err(); err != nil {
			r.Fatal(err)
		}
	}
	if _, err := r.nc.Request("salt.returner.clean_old_jobs", nil, limit); err != nil {
		r.Fatal(err)
	}
	r.counts(`returnd_cleanup_removed_total{kind="returns"} 1`)
	r.counts("returnd_cleanup_last_success_seconds")
}

// hold has Redis refuse writes for a while.
func (r *rig) hold() {
	r.Helper()
	limitMemory := func(bytes string) {
		if err := r.redis.Do("CONFIG", "SET", "maxmemory", bytes).Err(); err != nil {
			r.Fatal(err)
		}
	}
	limitMemory("1")
	r.publishReturn(job.FormatJID(time.Now()), "web1", "")
	r.counts("returnd_consume_held_total")
	limitMemory("0")
}

// bury has one dead letter published, and one for which there is no stream.
func (r *rig) bury() {
	r.Helper()
	r.publish("1", "web1", []byte("{"))
	r.counts(`returnd_consume_dead_total{reason="malformed"} 1`)
	if err := r.js.DeleteStream(r.Context(), "RETURNS_DEAD"); err != nil {
		r.Fatal(err)
	}
	r.publish("2", "web1", []byte("{"))
	r.counts("returnd_consume_dead_failed_total")
	r.counts("returnd_consume_nak_total")
}
