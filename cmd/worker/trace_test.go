package main

import (
	"context"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"go.opentelemetry.io/otel/propagation"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"returnd/client"
	"returnd/client/oteltrace"
	"returnd/internal/cfg"
	testservers "returnd/test/servers"
)

// canary is what must be seen nowhere: it is the password of NATS and Redis, and in payloads, headers and requests.
const canary = "CANARY-f00dfeed"

// silent is a server that takes connections and says nothing.
func silent(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	return listener.Addr().String()
}

// traced is a worker between servers with passwords, and a publisher with spans of its own.
type tracedRig struct {
	*worker
	redis  *testservers.ACL
	client *client.Client
	caller *tracetest.InMemoryExporter
	tracer trace.Tracer
	nc     *nats.Conn
	log    *lockedBuffer
	stop   func()
}

const redisUser = "worker on >" + canary + " ~* &* +@all"

func newTracedRig(t *testing.T) *tracedRig {
	t.Helper()
	natsServer := testservers.EmbeddedNATS(t, func(o *server.Options) { o.Username, o.Password = "worker", canary })
	r := &tracedRig{redis: testservers.RedisACL(t, []string{redisUser}), caller: tracetest.NewInMemoryExporter(), log: &lockedBuffer{}}
	c := cfg.Default()
	c.NATS.URL, c.NATS.User, c.NATS.Password = natsServer.ClientURL(), "worker", canary
	c.HTTP.Addr = "127.0.0.1:0"
	c.Cleanup.Interval = 0 // a sweep would come in the middle of something, one time or another
	host, port, err := net.SplitHostPort(r.redis.Addr)
	if err != nil {
		t.Fatal(err)
	}
	c.Persist.Redis.Host, c.Persist.Redis.Username, c.Persist.Redis.Password = host, "worker", canary
	c.Persist.Redis.Port, _ = strconv.Atoi(port)
	if r.worker, err = newWorker(t.Context(), c, loggerTo(t, r.log), time.Now()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- r.run(ctx) }()
	r.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("the worker ended with %v", err)
		}
	})
	t.Cleanup(r.stop)
	select {
	case <-r.ready:
	case <-time.After(20 * time.Second):
		t.Fatalf("not ready: %v\n%s", r.unready(t.Context()), tail(r.log.String()))
	}
	if r.nc, err = nats.Connect(natsServer.ClientURL(), nats.UserInfo("worker", canary)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.nc.Close)
	provider := sdktrace.NewTracerProvider(sdktrace.WithSyncer(r.caller))
	r.tracer = provider.Tracer("test")
	r.client = client.New(r.nc, client.Tracing(oteltrace.New(provider, propagation.TraceContext{})))
	return r
}

func (r *tracedRig) page(t *testing.T, path string) string {
	t.Helper()
	reply, err := http.Get("http://" + r.health.Addr() + path)
	if err != nil {
		t.Fatal(err)
	}
	defer reply.Body.Close()
	body, err := io.ReadAll(reply.Body)
	if err != nil {
		t.Fatal(err)
	}
	http.DefaultClient.CloseIdleConnections()
	return string(body)
}

// called are the publisher's own spans of one name.
func (r *tracedRig) called(name string) (found []tracetest.SpanStub) {
	for _, s := range r.caller.GetSpans() {
		if s.Name == name {
			found = append(found, s)
		}
	}
	return found
}

const (
	tracedJID = "20261120080000000000"
	tracedRet = `{"id": "web1", "jid": "` + tracedJID + `", "fun": "test.ping", "return": "` + canary + `", "retcode": 0, "success": true}`
)

// One return, from whoever publishes it to its acknowledgement, and a question about it.
func TestTraceOfAReturn(t *testing.T) {
	spans := collect(t)
	r := newTracedRig(t)
	ctx, caller := r.tracer.Start(t.Context(), "caller")
	if _, err := r.client.PublishReturn(ctx, []byte(tracedRet)); err != nil {
		t.Fatal(err)
	}
	until(t, "the batch was followed", func() bool { return len(spans.all("process RETURNS")) == 1 })
	if _, err := r.client.GetJID(ctx, tracedJID); err != nil {
		t.Fatal(err)
	}
	caller.End()
	r.stop()

	sent := the(t, r.called("send salt.job.{jid}.ret.{minion}"))
	child(t, sent, caller.SpanContext())
	process := the(t, spans.all("process RETURNS"))
	if process.Parent.IsValid() || process.SpanKind != trace.SpanKindConsumer {
		t.Errorf("the batch has the parent %v and is a %v", process.Parent, process.SpanKind)
	}
	if len(process.Links) != 1 || process.Links[0].SpanContext.TraceID() != sent.SpanContext.TraceID() || process.Links[0].SpanContext.SpanID() != sent.SpanContext.SpanID() {
		t.Errorf("the batch has the links %+v, want one to %v", process.Links, sent.SpanContext)
	}
	write, settle := the(t, spans.all("PIPELINE")), the(t, spans.all("settle RETURNS"))
	child(t, write, process.SpanContext)
	child(t, settle, process.SpanContext)
	if settle.StartTime.Before(write.EndTime) || process.EndTime.Before(settle.EndTime) {
		t.Errorf("written until %v, settled %v to %v, done at %v", write.EndTime, settle.StartTime, settle.EndTime, process.EndTime)
	}
	has(t, process, "messaging.system", "nats", "messaging.destination.name", "RETURNS", "messaging.consumer.group.name", "returnd",
		"messaging.operation.name", "process", "messaging.operation.type", "process", "messaging.batch.message_count", "1")
	has(t, write, "db.system.name", "redis", "db.operation.name", "PIPELINE", "server.address", "127.0.0.1")
	has(t, settle, "messaging.operation.type", "settle", "returnd.settle.stored", "1")

	asked := the(t, r.called("salt.returner/get_jid"))
	child(t, asked, caller.SpanContext())
	answered := the(t, spans.all("salt.returner/get_jid"))
	child(t, answered, asked.SpanContext)
	child(t, the(t, spans.all("redis get_jid")), answered.SpanContext)
	if answered.SpanKind != trace.SpanKindServer || len(answered.Events) != 1 || answered.Events[0].Name != "reply" {
		t.Errorf("the answer's span is %+v", answered)
	}
}

// the is the only one.
func the(t *testing.T, spans []tracetest.SpanStub) tracetest.SpanStub {
	t.Helper()
	if len(spans) != 1 {
		t.Fatalf("%d spans, want one: %+v", len(spans), spans)
	}
	return spans[0]
}

func child(t *testing.T, s tracetest.SpanStub, parent trace.SpanContext) {
	t.Helper()
	if s.Parent.SpanID() != parent.SpanID() || s.SpanContext.TraceID() != parent.TraceID() {
		t.Errorf("%s has the parent %v in trace %v, want %v in %v", s.Name, s.Parent.SpanID(), s.SpanContext.TraceID(), parent.SpanID(), parent.TraceID())
	}
}

// has looks for attributes, names and values in turn.
func has(t *testing.T, s tracetest.SpanStub, want ...string) {
	t.Helper()
	got := map[string]string{}
	for _, kv := range s.Attributes {
		got[string(kv.Key)] = kv.Value.String()
	}
	for i := 0; i < len(want); i += 2 {
		if got[want[i]] != want[i+1] {
			t.Errorf("%s: %s is %q, want %q", s.Name, want[i], got[want[i]], want[i+1])
		}
	}
}

// Whatever goes wrong, passwords and payloads are in no span, no line of the log, no metric and no error.
func TestNothingSecretIsTold(t *testing.T) {
	spans := collect(t)
	r := newTracedRig(t)
	said := &strings.Builder{} // errors that callers get
	note := func(err error) {
		if err != nil {
			said.WriteString(err.Error() + "\n")
		}
	}
	ctx, caller := r.tracer.Start(t.Context(), "caller")
	_, err := r.client.PublishReturn(ctx, []byte(tracedRet))
	note(err)
	_, err = r.client.PublishLoad(ctx, tracedJID, []byte(`{"fun": "test.ping", "arg": ["`+canary+`"], "tgt": "*"}`))
	note(err)
	for subject, body := range map[string]string{
		"salt.job." + tracedJID + ".ret.web1": `{"id": "web1", "jid": "` + tracedJID + `", "fun": "test.ping", "return": "` + canary, // malformed
		"salt.job." + tracedJID + ".ret.web2": tracedRet,                                                                             // another minion's
		"salt.job." + tracedJID + ".ret.web3": strings.ReplaceAll(tracedRet, `"web1"`, `"web3", "ret_kwargs": {"host": "`+canary+`", "password": "`+canary+`"}`),
	} {
		_, err := r.client.Publish(ctx, client.Document{Subject: subject, Body: []byte(body)})
		note(err)
	}
	m := &nats.Msg{Subject: "salt.job." + tracedJID + ".ret.web4", Data: []byte(strings.ReplaceAll(tracedRet, "web1", "web4")), Header: nats.Header{
		"traceparent": {"00-" + canary}, "tracestate": {canary + "=" + canary}, "X-Secret": {canary}, "Content-Encoding": {"gzip"},
	}}
	note(r.nc.PublishMsg(m))
	for endpoint, request := range map[string]string{
		"get_jid": `{"jid": "` + canary + `"}`, "get_fun": `{"fun": ["` + canary + `"]}`, "get_load": `{"jid": 7, "` + canary + `": 1}`,
		"redis_set": `{"redis_key": "` + canary + `", "redis_val": "` + canary + `"}`, "redis_get": `{"redis_key": "` + canary + `:x"}`,
		"redis_execute": `{"redis_cmd": ["AUTH", "` + canary + `"]}`, "returner": `{"ret": ` + tracedRet + `}`, "get_history": canary,
		"save_load": `{"jid": "` + tracedJID + `", "load": {"x": "` + canary + `"}, "profile": "none"}`,
	} {
		_, _ = r.client.Call(ctx, endpoint, []byte(request)) // what callers sent themselves they may read again
	}
	until(t, "dead letters", func() bool { return strings.Count(r.log.String(), `msg="dead letter"`) >= 4 })
	r.redisRefuses(ctx, t, note)
	caller.End()
	metrics := r.page(t, "/metrics") + r.page(t, "/readyz")
	told := spans.text(t) // the reader ends with the worker
	r.stop()

	ids := spans.all("send RETURNS_DEAD")
	if len(ids) < 4 || len(spans.all("salt.returner/get_fun")) != 1 {
		t.Errorf("%d dead letters were followed, want 4", len(ids))
	}
	if !strings.Contains(r.log.String(), "trace_id=") || len(spans.lines) == 0 || !strings.Contains(strings.Join(spans.lines, "\n"), "dead letter") {
		t.Errorf("no trace in the log, or %d lines exported", len(spans.lines))
	}
	for place, text := range map[string]string{
		"exported": told + spans.text(t), "log": r.log.String(), "metrics": metrics, "errors": said.String(), "the caller's spans": spanText(r.caller.GetSpans()),
	} {
		at := strings.Index(text, canary)
		if at >= 0 {
			t.Errorf("%s: the canary sings: …%s…", place, text[max(0, at-300):min(len(text), at+300)])
		}
		for _, id := range []string{"web1", "web4"} {
			if place != "log" && strings.Contains(text, id) {
				t.Errorf("%s: a minion is named", place)
			}
		}
	}
}

// redisRefuses has Redis refuse the worker's password for a while: the log then has the server's own words.
func (r *tracedRig) redisRefuses(ctx context.Context, t *testing.T, note func(error)) {
	t.Helper()
	r.redis.SetUsers(strings.ReplaceAll(redisUser, canary, "another"))
	_, err := r.client.PublishReturn(ctx, []byte(strings.ReplaceAll(tracedRet, "web1", "web5")))
	note(err)
	until(t, "returns are held", func() bool { return strings.Contains(r.log.String(), "returns are held") })
	_, err = r.client.GetJID(ctx, tracedJID)
	note(err)
	r.page(t, "/readyz")
	r.redis.SetUsers(redisUser)
	until(t, "nothing is held", func() bool { return strings.Contains(r.log.String(), "nothing is held any more") })
}
