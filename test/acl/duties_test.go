package acl

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"returnd/client"
	"returnd/internal/job"
	"returnd/test/servers"
)

// duty is a role at work: nothing that it does may be refused.
type duty struct {
	*client.Client
	nc      *nats.Conn
	refused <-chan error
}

func (s *secured) onDuty(t *testing.T, role string) *duty {
	t.Helper()
	nc, refused := s.as(t, role)
	t.Cleanup(func() {
		if n := len(refused); n > 0 {
			t.Errorf("%s was refused %d times, first: %v", role, n, <-refused)
		}
	})
	return &duty{client.New(nc), nc, refused}
}

// asks calls the endpoints that a role may call.
func (d *duty) asks(t *testing.T, role, jid string) {
	t.Helper()
	c := newCaller(t, d.nc)
	for _, q := range questions(jid) {
		if slices.Contains(calls[q.endpoint], role) {
			c.ask(q)
		}
	}
}

func (d *duty) hears(t *testing.T, subject string) {
	t.Helper()
	if _, err := d.nc.SubscribeSync(subject); err != nil {
		t.Fatal(err)
	}
	if err := d.nc.Flush(); err != nil {
		t.Fatal(err)
	}
}

func TestMinionPublishesItsReturns(t *testing.T) {
	s := newSecured(t)
	s.run(t)
	jid := job.FormatJID(time.Now())
	if _, err := s.onDuty(t, minion).PublishReturn(t.Context(), fmt.Appendf(nil, `{"id": %q, "jid": %q, "fun": "test.ping", "return": true}`, minion, jid)); err != nil {
		t.Error(err)
	}
	_, err := s.onDuty(t, "master").PublishReturn(t.Context(), fmt.Appendf(nil, `{"id": "of a syndic", "jid": %q, "fun": "test.ping", "return": true}`, jid))
	if err != nil {
		t.Error(err)
	}
	s.admin(t).settled()
	if all, err := s.onDuty(t, "reader").GetJID(t.Context(), jid); err != nil || len(all) != 2 {
		t.Errorf("got %d returns, %v", len(all), err)
	}
}

func TestMasterPublishesLoadsAndAsks(t *testing.T) {
	s := newSecured(t)
	worker := s.run(t)
	master := s.onDuty(t, "master")
	c := newCaller(t, master.nc)
	c.stream = s.admin(t).js
	jids := c.publishAll(anyDatabase)
	last := jids[len(jids)-1]
	c.publishReturn(last, "web1", "cmd.run", "")
	c.settled()
	master.asks(t, "master", last)
	master.hears(t, "salt.job.*.complete")
	permitted(t, worker)
}

// The reader reads a large job in parts, and confirms them; it finds who answers.
func TestReaderReads(t *testing.T) {
	s := newSecured(t)
	worker := s.run(t)
	c := s.admin(t)
	for i := range 50 {
		c.publishReturn("large", fmt.Sprintf("web%d", i), "test.ping", `, "text": "`+strings.Repeat("x", 10<<10)+`"`)
	}
	last := c.publishAll(anyDatabase)[11]
	c.publishReturn(last, "web1", "cmd.run", "")
	c.settled()
	c.askAll(last)
	reader := s.onDuty(t, "reader")
	parts, minions := 0, 0
	for part, err := range reader.With(client.Window(1)).Parts(t.Context(), "get_jid", []byte(`{"jid": "large"}`)) {
		if err != nil {
			t.Fatal(err)
		}
		parts++
		minions += strings.Count(string(part.Body), `"id": `)
	}
	if parts < 3 || minions != 50 {
		t.Errorf("%d minions in %d parts", minions, parts)
	}
	reader.asks(t, "reader", last)
	reader.hears(t, "salt.job.*.complete")
	for _, verb := range []string{"PING", "INFO", "STATS"} {
		if _, err := reader.nc.Request("$SRV."+verb+".returner", nil, limit); err != nil {
			t.Errorf("%s: %v", verb, err)
		}
	}
	permitted(t, worker)
}

// The operator sees to the dead letters by the worker's own commands.
func TestOperatorSeesToDeadLetters(t *testing.T) {
	s := newSecured(t)
	s.run(t)
	c := s.admin(t)
	for range 3 {
		c.deadLetter()
	}
	for _, step := range []struct {
		args []string
		want string
	}{
		{[]string{"ls"}, "3 malformed"},
		{[]string{"show", "1"}, "salt.job.20260101000000000000.ret.web1"},
		{[]string{"purge", "1"}, "1 letter removed"},
		{[]string{"replay", "2"}, "1 letter published again"},
		{[]string{"replay", "--reason", "malformed", "--keep"}, "published again"},
		{[]string{"purge", "--reason", "malformed"}, "removed"},
		{[]string{"purge", "--all"}, "removed"},
	} {
		out, errs, code := servers.Run(t, slices.Concat([]string{"dead"}, step.args, s.login("operator"))...)
		if code != 0 || !strings.Contains(out, step.want) {
			t.Errorf("worker dead %v: exit %d, %s%s, want %q", step.args, code, out, errs, step.want)
		}
	}
}

func TestOperatorAsks(t *testing.T) {
	s := newSecured(t)
	s.run(t)
	c := s.admin(t)
	last := c.publishAll(anyDatabase)[11]
	c.publishReturn(last, "web1", "cmd.run", "")
	c.settled()
	c.askAll(last)
	operator := s.onDuty(t, "operator")
	operator.asks(t, "operator", last)
	operator.hears(t, "salt.dead.>")
	if _, err := operator.nc.Request("$SRV.STATS.returner", nil, limit); err != nil {
		t.Error(err)
	}
}

// Where the workers may not make the streams, the provisioner does, and edits them; a worker then runs without the
// permission to.
func TestProvisionerMakesTheStreams(t *testing.T) {
	s := newSecured(t)
	provisioner := s.onDuty(t, "provisioner")
	js, err := jetstream.New(provisioner.nc)
	if err != nil {
		t.Fatal(err)
	}
	for _, made := range provision(t, js) {
		made.MaxBytes = 1 << 30
		if _, err := js.UpdateStream(t.Context(), made); err != nil {
			t.Fatal(err)
		}
	}
	worker := s.run(t, "--stream.manage", "verify")
	everything(t, s.admin(t).nc, anyDatabase, func() {})
	permitted(t, worker)
	worker.Terminate()
	if err := js.DeleteConsumer(t.Context(), "RETURNS", "returnd"); err != nil { // to have the stream replayed
		t.Error(err)
	}
}

// With stream.manage off or verify the worker needs no permission to make a stream.
func TestWorkerNeedsNoStreamCreateWhereItVerifies(t *testing.T) {
	s := newSecured(t, func(o *server.Options) {
		worker := o.Users[slices.IndexFunc(o.Users, func(u *server.User) bool { return u.Username == "worker" })]
		worker.Permissions.Publish.Allow = slices.DeleteFunc(worker.Permissions.Publish.Allow, func(subject string) bool {
			return strings.HasPrefix(subject, "$JS.API.STREAM.CREATE.")
		})
	})
	admin := s.admin(t)
	provision(t, admin.js)
	worker := s.run(t, "--stream.manage", "verify")
	everything(t, admin.nc, anyDatabase, func() {})
	permitted(t, worker)
}

// provision makes the streams as the documents describe them.
func provision(t *testing.T, js jetstream.JetStream) []jetstream.StreamConfig {
	t.Helper()
	made := []jetstream.StreamConfig{
		{Name: "RETURNS", Subjects: []string{"salt.job.*.ret.>", "salt.job.*.new"}, Discard: jetstream.DiscardNew, AllowDirect: true},
		{Name: "RETURNS_DEAD", Subjects: []string{"salt.dead.>"}, Discard: jetstream.DiscardNew, AllowDirect: true},
	}
	for _, config := range made {
		if _, err := js.CreateStream(t.Context(), config); err != nil {
			t.Fatal(err)
		}
	}
	return made
}
