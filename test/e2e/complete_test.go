package e2e

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"returnd/test/servers"
)

// announcement is the body of a job's completion.
type announcement struct {
	JID      string
	Expected int
	Returned int
}

// announcements gathers what is announced, by jid.
type announcements struct {
	heard chan *nats.Msg
	byJID map[string][]announcement
}

func listen(t *testing.T, nc *nats.Conn) *announcements {
	t.Helper()
	a := &announcements{make(chan *nats.Msg, 4096), map[string][]announcement{}}
	if _, err := nc.ChanSubscribe("salt.job.*.complete", a.heard); err != nil {
		t.Fatal(err)
	}
	if err := nc.Flush(); err != nil {
		t.Fatal(err)
	}
	return a
}

// take reads what has come, and tells how many jobs that makes.
func (a *announcements) take(t *testing.T) int {
	t.Helper()
	for {
		select {
		case m := <-a.heard:
			var done announcement
			if err := json.Unmarshal(m.Data, &done); err != nil {
				t.Fatalf("%s: %v", m.Data, err)
			}
			if m.Subject != "salt.job."+done.JID+".complete" {
				t.Errorf("job %s is announced on %s", done.JID, m.Subject)
			}
			a.byJID[done.JID] = append(a.byJID[done.JID], done)
		default:
			return len(a.byJID)
		}
	}
}

// TestCompletionIsAnnounced: two workers share the loads and returns of many
// jobs, in any order, and one is killed in the middle. Every job is announced
// after its last message, whichever that was, and none before.
func TestCompletionIsAnnounced(t *testing.T) {
	t.Parallel()
	const jobs, minions = 60, 25
	r := newRig(t)
	all := listen(t, r.nc)
	victim := r.start(t, "--consume.ack_wait", "2s", "--consume.batch.returns", "64")
	r.start(t, "--consume.ack_wait", "2s", "--consume.batch.returns", "64")
	base := time.Now().Add(-time.Minute)
	jid := func(i int) string { return formatJID(base.Add(time.Duration(i) * time.Millisecond)) }

	var messages, last []*nats.Msg
	for i := range jobs {
		ids := make([]string, minions)
		for m := range ids {
			ids[m] = fmt.Sprintf("web%d", m)
			body := request("id", ids[m], "jid", jid(i), "fun", "test.ping", "return", true)
			messages = append(messages, &nats.Msg{Subject: returnSubject(jid(i), ids[m]), Data: []byte(body)})
		}
		load := &nats.Msg{Subject: loadSubject(jid(i)), Data: []byte(request("jid", jid(i), "fun", "test.ping", "minions", ids))}
		if i%2 == 0 { // the load comes last
			last = append(last, load)
			continue
		}
		last = append(last, messages[len(messages)-1])
		messages = append(messages[:len(messages)-1], load)
	}
	rand.Shuffle(len(messages), func(a, b int) { messages[a], messages[b] = messages[b], messages[a] })
	publishAll(t, r, messages)
	publishAll(t, r, last[:jobs/2])
	servers.Eventually(t, limit, "the first announcements", func() bool { return all.take(t) > 0 })
	victim.Kill()
	r.settle(t)
	for i := jobs / 2; i < jobs; i++ {
		if all.take(t); len(all.byJID[jid(i)]) > 0 {
			t.Errorf("job %d is announced before its last message: %v", i, all.byJID[jid(i)])
		}
	}
	publishAll(t, r, last[jobs/2:])
	servers.Eventually(t, limit, "all jobs announced", func() bool { return all.take(t) == jobs })
	r.settle(t)

	all.take(t)
	twice := 0
	for id, done := range all.byJID {
		if want := (announcement{id, minions, minions}); done[0] != want {
			t.Errorf("announced %+v, want %+v", done[0], want)
		}
		twice += len(done) - 1
	}
	t.Logf("%d announcements of %d jobs came twice", twice, jobs)
	if twice > jobs/4 { // what the killed worker had announced and not noted
		t.Errorf("%d announcements of %d jobs came twice, want few", twice, jobs)
	}
}

func publishAll(t *testing.T, r *rig, messages []*nats.Msg) {
	t.Helper()
	for _, m := range messages {
		if _, err := r.js.PublishMsgAsync(m); err != nil {
			t.Fatal(err)
		}
	}
	select {
	case <-r.js.PublishAsyncComplete():
	case <-time.After(limit):
		t.Fatal("the stream does not acknowledge")
	}
}

// TestCompletionByTheQueryService: what is written through the endpoints is announced as well.
func TestCompletionByTheQueryService(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	all := listen(t, r.nc)
	r.start(t)
	jid := formatJID(time.Now())
	steps := []struct {
		endpoint, request string
		want              int // announcements so far
	}{
		{"save_load", fmt.Sprintf(`{"jid": "%s", "load": {"fun": "test.ping"}, "minions": ["a"]}`, jid), 0},
		{"returner", fmt.Sprintf(`{"ret": {"id": "a", "jid": "%s", "fun": "test.ping", "return": 1}}`, jid), 1},
		{"save_minions", request("jid", jid, "minions", []string{"b", "c"}), 1},
		{"returner", fmt.Sprintf(`{"ret": {"id": "c", "jid": "%s", "fun": "test.ping", "return": 1}}`, jid), 1},
		{"returner", fmt.Sprintf(`{"ret": {"id": "b", "jid": "%s", "fun": "test.ping", "return": 1}}`, jid), 2},
		{"returner", fmt.Sprintf(`{"ret": {"id": "b", "jid": "%s", "fun": "test.ping", "return": 2}}`, jid), 2},
		{"save_minions", request("jid", jid, "minions", []string{"a"}), 2},
	}
	for i, step := range steps {
		if got := r.ask(t, step.endpoint, step.request); got.code != "" {
			t.Fatalf("step %d: %s %s", i, got.code, got.sentence)
		}
		if err := r.nc.Flush(); err != nil { // the announcement went out before the answer
			t.Fatal(err)
		}
		if all.take(t); len(all.byJID[jid]) != step.want {
			t.Errorf("step %d (%s): %d announcements, want %d", i, step.endpoint, len(all.byJID[jid]), step.want)
		}
	}
}
