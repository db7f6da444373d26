package main

import (
	"context"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"returnd/internal/cfg"
)

// natsServer runs in-process, on a free port unless the options name one.
func natsServer(t *testing.T, o server.Options) *server.Server {
	t.Helper()
	o.Host, o.NoLog, o.NoSigs = "127.0.0.1", true, true
	if o.Port == 0 {
		o.Port = server.RANDOM_PORT
	}
	s, err := server.NewServer(&o)
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	if !s.ReadyForConnections(10 * time.Second) {
		t.Fatal("the NATS server did not start")
	}
	return s
}

// freePort is free for the moment: nobody listens there.
func freePort(t *testing.T) int {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port
}

func secretFile(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }

func TestConnectNATSIdentities(t *testing.T) {
	withUser := server.Options{Username: "worker", Password: "hunter22"}
	withToken := server.Options{Authorization: "t0ken"}
	tests := []struct {
		name   string
		server server.Options
		change func(*cfg.NATS)
		refuse bool
		inbox  string
	}{
		{"nobody", server.Options{}, func(*cfg.NATS) {}, false, "_INBOX."},
		{"password", withUser, func(c *cfg.NATS) { c.User, c.Password = "worker", "hunter22" }, false, "_INBOX.worker."},
		{"password file", withUser, func(c *cfg.NATS) { c.User, c.PasswordFile = "worker", secretFile(t, "hunter22\n") }, false, "_INBOX.worker."},
		{"password in the URL", withUser, func(c *cfg.NATS) { c.URL = strings.Replace(c.URL, "//", "//worker:hunter22@", 1) }, false, "_INBOX.worker."},
		{"token", withToken, func(c *cfg.NATS) { c.Token = "t0ken" }, false, "_INBOX."},
		{"token file", withToken, func(c *cfg.NATS) { c.TokenFile = secretFile(t, "t0ken") }, false, "_INBOX."},
		{"wrong password", withUser, func(c *cfg.NATS) { c.User, c.Password = "worker", "hunter23" }, true, ""},
		{"file gone", withUser, func(c *cfg.NATS) { c.User, c.PasswordFile = "worker", "/none" }, true, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := cfg.DefaultNATS()
			c.URL = natsServer(t, test.server).ClientURL()
			test.change(&c)
			nc, err := connectNATS(c, discard())
			if test.refuse {
				if err == nil || !strings.Contains(err.Error(), "refuses us: check nats.user and nats.password_file") || strings.Contains(err.Error(), "hunter2") {
					t.Errorf("got %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer nc.Close()
			if got := nc.NewInbox(); !strings.HasPrefix(got, test.inbox) {
				t.Errorf("inbox %q, want it to begin with %q", got, test.inbox)
			}
		})
	}
}

func TestConnectNATSNobodyThere(t *testing.T) {
	c := cfg.DefaultNATS()
	c.URL = (&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: freePort(t)}).String()
	c.URL = "nats://u:hunter22@" + c.URL
	start := time.Now()
	_, err := connectNATS(c, discard())
	if err == nil || !strings.Contains(err.Error(), "no NATS server answers at nats://REDACTED@127.0.0.1:") || !strings.Contains(err.Error(), "nats.url") {
		t.Errorf("got %v", err)
	}
	if strings.Contains(err.Error(), "hunter22") {
		t.Errorf("shows the password: %v", err)
	}
	if took := time.Since(start); took > connectLimit {
		t.Errorf("took %v", took)
	}
}

// logLines hands over each record's message and error.
type logLines chan string

func (l logLines) Enabled(context.Context, slog.Level) bool { return true }
func (l logLines) WithAttrs([]slog.Attr) slog.Handler       { return l }
func (l logLines) WithGroup(string) slog.Handler            { return l }
func (l logLines) Handle(_ context.Context, r slog.Record) error {
	line := r.Level.String() + " " + r.Message
	r.Attrs(func(a slog.Attr) bool { line += " " + a.Value.String(); return true })
	l <- line
	return nil
}

// Whoever waits is connected once the server is there, with the password that the file holds by then; meanwhile the log
// says once what is the matter.
func TestConnectNATSWaits(t *testing.T) {
	port := freePort(t)
	c := cfg.DefaultNATS()
	c.URL = "nats://" + (&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port}).String()
	c.User, c.PasswordFile = "worker", secretFile(t, "0ldsecret")
	log := make(logLines, 100)
	nc, err := connectNATS(c, slog.New(log), waitForNATS())
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	await := func(want string) {
		t.Helper()
		for line := range log { // the attempts between may meet a server, or a file, that is half there
			if strings.Contains(line, "secret") && !strings.Contains(line, c.PasswordFile) {
				t.Errorf("logged a password: %q", line)
			}
			if strings.Contains(line, want) {
				return
			}
		}
	}
	await("WARN no connection to NATS, trying again no NATS server answers at " + c.URL)
	natsServer(t, server.Options{Port: port, Username: "worker", Password: "newsecret"})
	await("refuses us: check nats.user")
	if err := os.WriteFile(c.PasswordFile, []byte("newsecret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	await("INFO connected to NATS nats://127.0.0.1:")
}

func TestNATSOptions(t *testing.T) {
	c := cfg.DefaultNATS()
	c.TLS.ServerName = "nats.example.com"
	options, err := natsOptions(c, discard())
	if err != nil {
		t.Fatal(err)
	}
	o := nats.GetDefaultOptions()
	for _, set := range options {
		if err := set(&o); err != nil {
			t.Fatal(err)
		}
	}
	if noticed := o.PingInterval * time.Duration(o.MaxPingsOut+1); noticed > 10*time.Second {
		t.Errorf("a half-open connection is noticed after %v, want 10s", noticed)
	}
	if o.MaxReconnect != -1 || !o.IgnoreAuthErrorAbort {
		t.Errorf("gives up after %d tries, or when refused twice (%v)", o.MaxReconnect, !o.IgnoreAuthErrorAbort)
	}
	if !o.Secure || o.TLSConfig.MinVersion < 0x0303 || o.TLSConfig.ServerName != "nats.example.com" {
		t.Errorf("TLS: %v, %+v", o.Secure, o.TLSConfig)
	}
}

func TestTroubleIsNewsOnce(t *testing.T) {
	var tr trouble
	steps := []struct {
		err  error
		over bool
		want bool
	}{
		{err: nats.ErrNoServers, want: true},
		{err: nats.ErrNoServers, want: false},
		{err: nats.ErrAuthorization, want: true},
		{err: nil, want: false},
		{over: true, err: nats.ErrAuthorization, want: true},
	}
	for i, step := range steps {
		if step.over {
			tr.over()
		}
		if got := tr.news(step.err); got != step.want {
			t.Errorf("step %d: got %v, want %v", i, got, step.want)
		}
	}
}
