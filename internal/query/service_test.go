package query

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"

	"returnd/internal/job"
	"returnd/test/servers"
)

func TestDiscovery(t *testing.T) {
	t.Parallel()
	r := start(t, golden())
	var info micro.Info
	r.control(t, micro.InfoVerb, &info)
	var got, want []string
	for _, e := range info.Endpoints {
		got = append(got, e.Name+" "+e.Subject+" "+e.QueueGroup+" "+e.Metadata["fields"])
	}
	for _, e := range Endpoints() {
		want = append(want, e.Name+" salt.returner."+e.Name+" returner "+strings.Join(e.Fields, ", "))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("endpoints (-want +got):\n%s", diff)
	}
	var ping micro.Ping
	r.control(t, micro.PingVerb, &ping)
	if ping.Name != "returner" || ping.ID != info.ID {
		t.Errorf("ping gave %+v", ping)
	}
}

func TestStats(t *testing.T) {
	t.Parallel()
	r := start(t, golden())
	r.ask(t, "get_jid", `{"jid": "none"}`)
	r.ask(t, "get_jid", `{}`)
	var all micro.Stats
	servers.Eventually(t, 5*time.Second, "micro's own count, which comes behind the answer", func() bool {
		r.control(t, micro.StatsVerb, &all)
		return all.Endpoints[0].NumRequests == 2
	})
	for _, e := range all.Endpoints {
		var got stats
		if err := json.Unmarshal(e.Data, &got); err != nil {
			t.Fatal(err)
		}
		if e.Name == "get_jid" && (e.NumRequests != 2 || got.Answered != 2 || got.Errors != 1 || got.AverageProcessingTime <= 0) {
			t.Errorf("get_jid: %d requests, data %+v", e.NumRequests, got)
		}
		if e.Name == "get_fun" && got != (stats{}) {
			t.Errorf("get_fun: %+v", got)
		}
	}
}

// control asks the service's discovery.
func (r *rig) control(t *testing.T, verb micro.Verb, into any) {
	t.Helper()
	subject, err := micro.ControlSubject(verb, "returner", "")
	if err != nil {
		t.Fatal(err)
	}
	msg, err := r.caller.Request(subject, nil, 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(msg.Data, into); err != nil {
		t.Fatal(err)
	}
}

// A caller must not have the worker publish to a subject of its choice, nor write anything that way.
func TestForbiddenReplySubjects(t *testing.T) {
	t.Parallel()
	store := golden()
	r := start(t, store)
	forged, err := r.caller.SubscribeSync(">")
	if err != nil {
		t.Fatal(err)
	}
	replies := []string{"", "salt.job.J.ret.b", "salt.job.J.new", "_INBOX", "_INBOX.", "_INBOXES.a", "_INBOX.*", "_INBOX.>"}
	for _, reply := range replies {
		for _, e := range Endpoints() {
			if err := r.caller.PublishMsg(&nats.Msg{Subject: "salt.returner." + e.Name, Reply: reply, Data: []byte(valid[e.Name])}); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, e := range Endpoints() { // behind it, the endpoint has seen all the others
		r.ask(t, e.Name, `[]`)
	}
	sent := len(replies)*len(valid) + 2*len(valid) // what this test itself published, and the answers
	if got, _, err := forged.Pending(); err != nil || got != sent {
		t.Errorf("%d messages were published, want the %d of this test: %v", got, sent, err)
	}
	if store.touched != 0 {
		t.Errorf("the store was used %d times", store.touched)
	}
	if got, want := r.count(t, "returnd.query.ignored"), int64(len(replies)*len(valid)); got != want {
		t.Errorf("%d ignored requests counted, want %d", got, want)
	}
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	r := start(t, golden())
	r.ask(t, "get_jid", `{"jid": "none"}`)
	r.ask(t, "get_jid", `{"jid": "none"}`)
	r.ask(t, "get_jid", `{}`)
	r.ask(t, "get_minions", ``)
	for labels, want := range map[string]int64{
		"endpoint=get_jid code=200": 2, "endpoint=get_jid code=400": 1, "endpoint=get_minions code=200": 1, "endpoint=get_load": 0,
	} {
		if got := r.count(t, "returnd.query.requests", strings.Fields(labels)...); got != want {
			t.Errorf("%s: %d, want %d", labels, got, want)
		}
	}
}

// held is a store whose operations wait for release, and say when they have begun.
func held() (store *fakeStore, begun, release chan struct{}) {
	begun, release = make(chan struct{}, 16), make(chan struct{})
	return &fakeStore{before: func(context.Context) error {
		begun <- struct{}{}
		<-release
		return nil
	}}, begun, release
}

// later sends a request and does not wait for its answer.
func (r *rig) later(t *testing.T, endpoint, request string) <-chan answer {
	t.Helper()
	answers := make(chan answer, 1)
	inbox := r.caller.NewInbox()
	sub, err := r.caller.Subscribe(inbox, func(msg *nats.Msg) { answers <- answerOf(t, msg) })
	if err != nil {
		t.Fatal(err)
	}
	if err := sub.AutoUnsubscribe(1); err != nil {
		t.Fatal(err)
	}
	if err := r.caller.PublishRequest("salt.returner."+endpoint, inbox, []byte(request)); err != nil {
		t.Fatal(err)
	}
	return answers
}

func TestOverConcurrent(t *testing.T) {
	t.Parallel()
	store, begun, release := held()
	r := start(t, store, func(c *Config) { c.Concurrent = 1 })
	first := r.later(t, "get_minions", "")
	<-begun
	if got := r.ask(t, "get_jids", ""); got.Code != codeUnavailable || !strings.Contains(got.Sentence, "query.concurrent is 1): try again") {
		t.Errorf("over the limit: %+v, want 503 with a hint", got)
	}
	close(release)
	if diff := cmp.Diff(ok("[]"), <-first); diff != "" {
		t.Errorf("within the limit (-want +got):\n%s", diff)
	}
}

func TestDrainAnswersWhatIsBeingWorkedOn(t *testing.T) {
	t.Parallel()
	store, begun, release := held()
	r := start(t, store)
	if err := r.Ready(t.Context()); err != nil {
		t.Errorf("not ready: %v", err)
	}
	first := r.later(t, "get_minions", "")
	<-begun
	r.stop()
	close(release)
	if err := <-r.ended; err != nil {
		t.Errorf("Run: %v", err)
	}
	if diff := cmp.Diff(ok("[]"), <-first); diff != "" {
		t.Errorf("answer (-want +got):\n%s", diff)
	}
	if _, err := r.caller.Request("salt.returner.get_minions", nil, time.Second); !errors.Is(err, nats.ErrNoResponders) {
		t.Errorf("after Run: %v, want no responders", err)
	}
}

// A store that never comes back costs neither the caller its answer nor the worker its end.
func TestDrainIsBounded(t *testing.T) {
	t.Parallel()
	store, begun, release := held()
	defer close(release)
	r := start(t, store)
	first := r.later(t, "get_minions", "")
	<-begun
	began := time.Now()
	r.stop()
	if err := <-r.ended; err != nil {
		t.Errorf("Run: %v", err)
	}
	if got := <-first; got.Code != codeUnavailable || !strings.Contains(got.Sentence, "stopping: try again") {
		t.Errorf("answer %+v, want 503 with a hint", got)
	}
	if took := time.Since(began); took > drainLimit+abortLimit+2*flushLimit+time.Second {
		t.Errorf("Run took %v to end", took)
	}
}

func TestReplicasShareTheWork(t *testing.T) {
	t.Parallel()
	url := startNATS(t, 1<<20)
	one, two := startAt(t, url, golden()), startAt(t, url, golden())
	const requests = 50
	for range requests {
		one.ask(t, "get_minions", "")
	}
	a, b := one.count(t, "returnd.query.requests"), two.count(t, "returnd.query.requests")
	if a+b != requests || a == 0 || b == 0 {
		t.Errorf("%d and %d requests, want %d shared", a, b, requests)
	}
}

func TestNewRefusesABadConfig(t *testing.T) {
	t.Parallel()
	_, err := New(Config{}, job.NewSubjects("salt"), nil, nil, nil, nil)
	for _, key := range []string{"query.reply_prefixes", "query.concurrent", "query.timeout", "query.part_timeout", "query.heavy is 0"} {
		if err == nil || !strings.Contains(err.Error(), key) {
			t.Errorf("%v does not name %s", err, key)
		}
	}
	if err := (Config{ReplyPrefixes: []string{"a"}, Concurrent: 1, Timeout: time.Second, MaxRequestBytes: -1, HeavyRateBytes: 1}).Validate(); err == nil ||
		!strings.Contains(err.Error(), "query.heavy_rate_bytes is 1") || !strings.Contains(err.Error(), `holds "a"`) || !strings.Contains(err.Error(), "query.max_request_bytes") {
		t.Errorf("faults: %v", err)
	}
}
