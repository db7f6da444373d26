package query

import (
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"returnd/test/servers"
)

// Parts that were under way when the connection broke may be lost. A reader that does not count must not take the rest for
// the whole: the last message is an error.
func TestConnectionBreaksBetweenParts(t *testing.T) {
	t.Parallel()
	s := servers.EmbeddedNATS(t, func(o *server.Options) { o.JetStream, o.MaxPayload = false, 8<<10 })
	r := startAt(t, s.ClientURL(), large())
	sub := r.stream(t, "get_jid", `{"jid": "j"}`, HeaderWindow, "1")
	first := next(t, sub)
	back := make(chan struct{})
	r.nc.SetReconnectHandler(func(*nats.Conn) { close(back) })
	id, err := r.nc.GetClientID()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.DisconnectClientByID(id); err != nil {
		t.Fatal(err)
	}
	select {
	case <-back:
	case <-time.After(20 * time.Second):
		t.Fatal("the worker did not reconnect")
	}
	if err := r.nc.Flush(); err != nil { // the server knows the subscriptions again
		t.Fatal(err)
	}
	r.confirm(t, first.Reply, "1")
	parts := all(t, sub, first)
	last := answerOf(t, parts[len(parts)-1])
	if len(parts) != 2 || last.Code != codeUnavailable || !strings.Contains(last.Sentence, "broke in mid-answer: ask again") {
		t.Errorf("message %d is %+v, want 503", len(parts), last)
	}
	r.silent(t, sub)
}
