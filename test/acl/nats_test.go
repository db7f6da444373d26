package acl

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"returnd/test/servers"
)

// secured is a NATS server with the documented users, besides one who may do everything.
func secured(t *testing.T) *server.Server {
	t.Helper()
	path := filepath.Join(t.TempDir(), "nats.conf")
	admin := "users: [\n    { user: admin, password: admin }"
	if err := os.WriteFile(path, []byte(strings.Replace(block(t, "authorization {"), "users: [", admin, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	parsed, err := server.ProcessConfigFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return servers.EmbeddedNATS(t, func(o *server.Options) { o.Users = parsed.Users })
}

func runSecured(t *testing.T, s *server.Server) *servers.Process {
	t.Helper()
	host, number, _ := strings.Cut(servers.Redis(t).Addr, ":")
	return startWorker(t, s.ClientURL(), "--nats.user", "worker", "--nats.password_file", passwordFile(t),
		"--redis.host", host, "--redis.port", number)
}

func TestNATSUserMayDoWhatTheWorkerDoes(t *testing.T) {
	s := secured(t)
	worker := runSecured(t, s)
	everything(t, connect(t, s.ClientURL(), nats.UserInfo("admin", "admin")), func() {})
	nc := connect(t, s.ClientURL(), nats.UserInfo("admin", "admin"))
	if m, err := nc.Request("$SRV.PING.returner", nil, limit); err != nil || !strings.Contains(string(m.Data), "returner") {
		t.Errorf("discovery: %v", err)
	}
	c := &client{T: t, nc: nc}
	c.deadLetter()
	if out := worker.Stderr(); strings.Contains(out, "ermissions") {
		t.Errorf("the worker was refused something:\n%s", out)
	}
}

// deadLetter publishes what cannot be stored, and waits for its letter.
func (c *client) deadLetter() {
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
	s := secured(t)
	runSecured(t, s)
	nc := connect(t, s.ClientURL(), nats.UserInfo("admin", "admin"))
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

func TestNATSUserIsDeniedTheRest(t *testing.T) {
	s := secured(t)
	refused := make(chan error, 16)
	nc := connect(t, s.ClientURL(), nats.UserInfo("worker", "PASSWORD"), nats.CustomInboxPrefix("_INBOX.worker"),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { refused <- err }))
	for _, subject := range []string{"salt.job.1.ret.web1", "salt.job.1.new", "$JS.API.STREAM.DELETE.RETURNS", "$JS.API.STREAM.PURGE.RETURNS", "salt.returner.get_jid"} {
		if err := nc.Publish(subject, nil); err != nil {
			t.Fatal(err)
		}
		if err := nc.Flush(); err != nil {
			t.Fatal(err)
		}
		select {
		case <-refused:
		case <-time.After(limit):
			t.Errorf("%s: not refused", subject)
		}
	}
}
