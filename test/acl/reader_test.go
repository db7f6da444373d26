package acl

import (
	"fmt"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"returnd/internal/job"
)

// The documented reader can read what comes in parts, and confirm them; and it can ask for nothing that writes.
func TestNATSReader(t *testing.T) {
	s := secured(t)
	worker := runSecured(t, s)
	admin := connect(t, s.ClientURL(), nats.UserInfo("admin", "admin"))
	js, err := jetstream.New(admin)
	if err != nil {
		t.Fatal(err)
	}
	c := &client{T: t, nc: admin, js: js, subjects: job.NewSubjects("salt")}
	for i := range 50 {
		c.publishReturn("large", fmt.Sprintf("web%d", i), "test.ping", `, "text": "`+strings.Repeat("x", 10<<10)+`"`)
	}
	c.settled()
	refused := make(chan error, 16)
	reader := connect(t, s.ClientURL(), nats.UserInfo("reader", "PASSWORD"), nats.CustomInboxPrefix("_INBOX.reader"),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { refused <- err }))
	if parts, minions := readAll(t, reader, "large"); parts < 3 || minions != 50 {
		t.Errorf("%d minions in %d parts", minions, parts)
	}
	if err := reader.Publish("salt.returner.update_endtime", nil); err != nil {
		t.Fatal(err)
	}
	if err := <-refused; !strings.Contains(err.Error(), "update_endtime") {
		t.Errorf("refused was %v", err)
	}
	if out := worker.Stderr(); strings.Contains(out, "ermissions") {
		t.Errorf("the worker was refused something:\n%s", out)
	}
}

// readAll reads a job part by part.
func readAll(t *testing.T, nc *nats.Conn, jid string) (parts, minions int) {
	t.Helper()
	inbox := nc.NewInbox()
	sub, err := nc.SubscribeSync(inbox)
	if err != nil {
		t.Fatal(err)
	}
	ask := &nats.Msg{
		Subject: "salt.returner.get_jid", Reply: inbox, Data: []byte(`{"jid": "` + jid + `"}`),
		Header: nats.Header{"Returnd-Accept": {"parts"}, "Returnd-Window": {"1"}},
	}
	if err := nc.PublishMsg(ask); err != nil {
		t.Fatal(err)
	}
	for more := true; more; {
		msg, err := sub.NextMsg(limit)
		if err != nil {
			t.Fatal(err)
		}
		parts++
		minions += strings.Count(string(msg.Data), `"id": `)
		if more = msg.Header.Get("Returnd-More") == "true"; more {
			if err := nc.Publish(msg.Reply, []byte(msg.Header.Get("Returnd-Seq"))); err != nil {
				t.Fatal(err)
			}
		}
	}
	return parts, minions
}
