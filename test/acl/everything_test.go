package acl

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nats.go/micro"

	"returnd/internal/job"
	"returnd/internal/query"
	"returnd/test/servers"
)

const limit = 20 * time.Second

// startWorker starts a worker and waits until it is ready.
func startWorker(t *testing.T, natsURL string, args ...string) *servers.Process {
	t.Helper()
	p := servers.Worker(t, append([]string{"run", "--nats.url", natsURL, "--http.addr", "127.0.0.1:0", "--query.redis_execute.allow", "get"}, args...)...)
	servers.Eventually(t, limit, "the worker is ready", func() bool { return strings.Contains(p.Stderr(), "msg=ready") })
	return p
}

func connect(t *testing.T, url string, options ...nats.Option) *nats.Conn {
	t.Helper()
	nc, err := nats.Connect(url, options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	return nc
}

// caller publishes and asks as any program would.
type caller struct {
	*testing.T
	nc       *nats.Conn
	js       jetstream.JetStream
	stream   jetstream.JetStream // as whoever may look whether all is settled
	subjects job.Subjects
}

func newCaller(t *testing.T, nc *nats.Conn) *caller {
	t.Helper()
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	return &caller{T: t, nc: nc, js: js, stream: js, subjects: job.NewSubjects("salt")}
}

// Where a return may go by its ret_kwargs: a cluster has no databases to choose from.
const (
	anyDatabase = `, "ret_kwargs": {"db": "1"}`
	oneDatabase = ""
)

// everything has the worker do all it can, and checks that nothing was refused on the way. disturb comes in the middle.
func everything(t *testing.T, nc *nats.Conn, database string, disturb func()) *caller {
	t.Helper()
	c := newCaller(t, nc)
	jids := c.publishAll(database)
	disturb()
	last := jids[len(jids)-1]
	c.publishReturn(last, "web1", "cmd.run", "") // again, with another function
	c.settled()
	complete := c.listen("saved")
	c.askAll(last)
	if m, err := complete.NextMsg(limit); err != nil || string(m.Data) != `{"jid":"saved","expected":2,"returned":2}` {
		c.Errorf("the job's completion: got %v, %v", m, err)
	}
	c.noDeadLetters()
	return c
}

// listen waits for a job's completion.
func (c *caller) listen(jid string) *nats.Subscription {
	c.Helper()
	sub, err := c.nc.SubscribeSync(c.subjects.Complete(jid))
	if err == nil {
		err = c.nc.Flush()
	}
	if err != nil {
		c.Fatal(err)
	}
	return sub
}

// publishAll publishes loads and returns, more of them than a history with the limit 1 holds.
func (c *caller) publishAll(database string) []string {
	c.Helper()
	var jids []string
	for i := range 12 {
		jid := job.FormatJID(time.Now().Add(time.Duration(i-20) * time.Second))
		jids = append(jids, jid)
		c.publish(c.subjects.Load(jid), `{"jid": "`+jid+`", "fun": "test.ping", "tgt": "*", "minions": ["web1", "web2"], "key": "x"}`)
		c.publishReturn(jid, "web1", "test.ping", "")
		c.settled() // one by one: the list is cut, the pointer moves
	}
	c.publishReturn(jids[0], "web1", "test.ping", "") // too old for the full list
	c.publishReturn("my own job", "web2", "test.ping", "")
	c.publishReturn(jids[0], "web2", "test.ping", database)
	return jids
}

func (c *caller) publishReturn(jid, minion, fun, more string) {
	c.Helper()
	body := fmt.Sprintf(`{"id": %q, "jid": %q, "fun": %q, "return": true%s}`, minion, jid, fun, more)
	c.publish(c.subjects.Return(jid, minion), body)
}

func (c *caller) publish(subject, body string) {
	c.Helper()
	if _, err := c.js.Publish(c.Context(), subject, []byte(body)); err != nil {
		c.Fatalf("publish %s: %v", subject, err)
	}
}

// settled waits until the worker has done with what was published. The consumer's own numbers may lag behind the stream.
func (c *caller) settled() {
	c.Helper()
	servers.Eventually(c, limit, "everything is settled", func() bool {
		stream, err := c.stream.Stream(c.Context(), "RETURNS")
		if err != nil {
			return false
		}
		consumer, err := stream.Consumer(c.Context(), "returnd")
		if err != nil {
			return false
		}
		info := consumer.CachedInfo()
		return info.AckFloor.Stream == stream.CachedInfo().State.LastSeq && info.NumAckPending == 0
	})
}

func (c *caller) noDeadLetters() {
	c.Helper()
	stream, err := c.js.Stream(c.Context(), "RETURNS_DEAD")
	if err != nil {
		c.Fatal(err)
	}
	if n := stream.CachedInfo().State.Msgs; n != 0 {
		c.Errorf("got %d dead letters, want none", n)
	}
}

// question is a request to an endpoint, and a part of the answer.
type question struct{ endpoint, request, want string }

// questions are some to every endpoint, those that change something among them. The job is one of publishAll's.
func questions(jid string) []question {
	web1 := `{"id":"web1"`
	return []question{
		{"get_jid", `{"jid": "` + jid + `"}`, `"fun": "cmd.run"`},
		{"get_load", `{"jid": "` + jid + `"}`, `"Minions": ["web1", "web2"]`},
		{"get_jids", ``, jid},
		{"get_jids_filter", `{"count": 5}`, jid},
		{"get_fun", `{"fun": "test.ping"}`, `"web1"`},
		{"get_minions", ``, `"web1"`},
		{"get_history", `{"minion": "web1"}`, jid},
		{"get_progress", `{"jid": "` + jid + `"}`, `"returned": 1`},
		{"update_endtime", `{"jid": "` + jid + `", "time": "then"}`, `null`},
		{"get_endtime", `{"jid": "` + jid + `"}`, `then`},
		{"prep_jid", ``, `"20`},
		{"save_load", `{"jid": "saved", "load": {"fun": "test.ping"}, "minions": ["web1"]}`, `null`},
		{"save_minions", `{"jid": "saved", "minions": ["web2"]}`, `null`},
		{"get_load", `{"jid": "saved"}`, `"Minions": ["web1", "web2"]`},
		{"returner", `{"ret": ` + web1 + `, "jid": "saved", "fun": "test.ping", "return": 1}}`, `null`},
		{"get_jid", `{"jid": "saved"}`, web1},
		{"clean_old_jobs", `{"dry_run": true}`, `"dry_run":true`},
		{"clean_old_jobs", ``, `"finished"`},
		{"redis_set", `{"redis_key": "app:greeting", "redis_val": "hello", "ex": 60}`, `true`},
		{"redis_get", `{"redis_key": "app:greeting"}`, `"hello"`},
		{"redis_execute", `{"redis_cmd": "get app:greeting"}`, `"hello"`},
		{"returner", `{"ret": {"id":"web2", "jid": "saved", "fun": "test.ping", "return": 1}}`, `null`},
	}
}

func TestQuestionsMissNoEndpoint(t *testing.T) {
	asked := map[string]bool{}
	for _, q := range questions("") {
		asked[q.endpoint] = true
	}
	for _, e := range query.Endpoints() {
		if !asked[e.Name] {
			t.Errorf("nobody asks %s", e.Name)
		}
	}
}

// askAll calls every endpoint.
func (c *caller) askAll(jid string) {
	c.Helper()
	for _, q := range questions(jid) {
		c.ask(q)
	}
}

func (c *caller) ask(q question) {
	c.Helper()
	m, err := c.nc.RequestWithContext(c.Context(), c.subjects.Returner()+"."+q.endpoint, []byte(q.request))
	if err != nil {
		c.Fatalf("%s: %v", q.endpoint, err)
	}
	if code := m.Header.Get(micro.ErrorCodeHeader); code != "" || !strings.Contains(string(m.Data), q.want) {
		c.Errorf("%s %s: got %s %s %s, want %s", q.endpoint, q.request, code, m.Header.Get(micro.ErrorHeader), m.Data, q.want)
	}
}
