package acl

import (
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"returnd/test/deploy"
	"returnd/test/servers"
)

// secured is a NATS server as deploy/nats/nats.conf has it, besides a user who may do everything.
type secured struct {
	*server.Server
	site *deploy.Site
}

func newSecured(t *testing.T, change ...func(*server.Options)) *secured {
	t.Helper()
	site := deploy.New(t)
	add := func(o *server.Options) {
		o.Users = append(o.Users, &server.User{Username: "admin", Password: "admin"})
	}
	s := servers.EmbeddedNATS(t, append([]func(*server.Options){site.NATS(t, "nats.conf"), add}, change...)...)
	return &secured{s, site}
}

func (s *secured) admin(t *testing.T) *caller {
	t.Helper()
	return newCaller(t, connect(t, s.ClientURL(), nats.UserInfo("admin", "admin")))
}

// login are the flags of a command that a user gives.
func (s *secured) login(user string) []string {
	return []string{"--nats.url", s.ClientURL(), "--nats.user", user, "--nats.password_file", s.site.SecretFile("nats-" + user)}
}

func (s *secured) run(t *testing.T, args ...string) *servers.Process {
	t.Helper()
	host, number, _ := strings.Cut(servers.Redis(t).Addr, ":")
	return startWorker(t, s.ClientURL(), append(append(s.login("worker"), "--redis.host", host, "--redis.port", number), args...)...)
}

// permitted fails the test where the worker was refused something; the client library's words are in its log.
func permitted(t *testing.T, worker *servers.Process) {
	t.Helper()
	if out := worker.Stderr(); strings.Contains(out, "ermissions") {
		t.Errorf("the worker was refused something:\n%s", out)
	}
}

func TestNATSUserMayDoWhatTheWorkerDoes(t *testing.T) {
	s := newSecured(t)
	worker := s.run(t)
	c := s.admin(t)
	everything(t, c.nc, anyDatabase, func() {})
	if m, err := c.nc.Request("$SRV.PING.returner", nil, limit); err != nil || !strings.Contains(string(m.Data), "returner") {
		t.Errorf("discovery: %v", err)
	}
	c.deadLetter()
	permitted(t, worker)
}

// deadLetter publishes what cannot be stored, and waits for its letter.
func (c *caller) deadLetter() {
	c.Helper()
	letters, err := c.nc.SubscribeSync("salt.dead.>")
	if err != nil {
		c.Fatal(err)
	}
	if _, err := c.nc.Request("salt.job.20260101000000000000.ret.web1", []byte(`{`), limit); err != nil {
		c.Fatal(err)
	}
	if m, err := letters.NextMsg(limit); err != nil || m.Header.Get("Returnd-Reason") != "malformed" {
		c.Errorf("dead letter: %v", err)
	}
}

// The micro service's own discovery answers to any reply subject, so that the worker's permissions must keep it from
// publishing where minions do.
func TestNobodyHasTheWorkerForge(t *testing.T) {
	s := newSecured(t)
	s.run(t)
	nc := s.admin(t).nc
	forged, err := nc.SubscribeSync("salt.job.>")
	if err != nil {
		t.Fatal(err)
	}
	for _, subject := range []string{"$SRV.PING.returner", "$SRV.INFO.returner", "$SRV.STATS.returner", "salt.returner.get_minions"} {
		for _, reply := range []string{"salt.job.1.ret.web1", "salt.job.1.new"} {
			if err := nc.PublishRequest(subject, reply, nil); err != nil {
				t.Fatal(err)
			}
		}
	}
	if _, err := nc.Request("$SRV.PING.returner", nil, limit); err != nil { // behind it, all others are answered
		t.Fatal(err)
	}
	if m, err := forged.NextMsg(300 * time.Millisecond); err == nil {
		t.Errorf("the worker published to %s: %s", m.Subject, m.Data)
	}
}
