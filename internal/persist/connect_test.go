package persist

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"returnd/internal/job"
	"returnd/test/servers"
)

// at points the options at an address.
func at(t *testing.T, addr string) Redis {
	t.Helper()
	r := DefaultRedis()
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	r.Host = host
	r.Port, _ = strconv.Atoi(port)
	r.DialTimeout, r.ReadTimeout = 2*time.Second, 2*time.Second
	return r
}

func clients(t *testing.T, r Redis, mode string, db int) (writer, reader redis.UniversalClient) {
	t.Helper()
	quiet()
	writer, reader, err := connect(r, mode, db)
	if err != nil {
		t.Fatalf("connect: %v", err)
	}
	t.Cleanup(func() { _, _ = writer.Close(), reader.Close() })
	return writer, reader
}

// fresh asks on a connection of its own, as every new one does.
func fresh(t *testing.T, r Redis) error {
	t.Helper()
	quiet()
	writer, reader, err := connect(r, modeStandalone, job.NoDB)
	if err != nil {
		t.Fatalf("connect: %v", err)
	}
	defer func() { _, _ = writer.Close(), reader.Close() }()
	return writer.Ping(t.Context()).Err()
}

func wantError(t *testing.T, err error, piece string) {
	t.Helper()
	if piece == "" && err != nil || piece != "" && (err == nil || !strings.Contains(err.Error(), piece)) {
		t.Errorf("got %v, want %q in it", err, piece)
	}
}

func TestTLS(t *testing.T) {
	s := servers.RedisTLS(t, servers.TLSOptions{RequireClient: true})
	r := at(t, s.Addr)
	r.TLS.Enabled, r.TLS.CA, r.TLS.Cert, r.TLS.Key = true, s.CA, s.Cert, s.Key
	t.Run("valid", func(t *testing.T) { wantError(t, fresh(t, r), "") })
	t.Run("by URL", func(t *testing.T) {
		u := DefaultRedis()
		u.URL = s.URL + "?ssl_ca_certs=" + s.CA + "&ssl_certfile=" + s.Cert + "&ssl_keyfile=" + s.Key
		wantError(t, fresh(t, u), "")
	})
	tests := []struct {
		name   string
		change func(*TLS)
		want   string
	}{
		{"another name", func(c *TLS) { c.ServerName = "redis.example.com" }, "not redis.example.com"},
		{"the system's authorities", func(c *TLS) { c.CA = "" }, "unknown authority; check redis.tls.ca"},
		{"CA missing", func(c *TLS) { c.CA = "/none" }, "redis.tls.ca: open /none"},
		{"CA empty", func(c *TLS) { c.CA = os.DevNull }, "redis.tls.ca holds no certificate"},
		{"key missing", func(c *TLS) { c.Key = "/none" }, "redis.tls.cert and redis.tls.key: open /none"},
		{"no certificate", func(c *TLS) { c.Cert, c.Key = "", "" }, "tls:"},
		{"without a look", func(c *TLS) { c.CA, c.InsecureSkipVerify = "", true }, ""},
		{"1.3 only", func(c *TLS) { c.MinVersion = "1.3" }, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			changed := r
			test.change(&changed.TLS)
			err := fresh(t, changed)
			if test.name == "no certificate" && err != nil {
				return // the server hangs up; how that is told depends on who comes first
			}
			wantError(t, err, test.want)
		})
	}
	for kind, want := range map[servers.Certificate]string{
		servers.WrongName: "cannot validate certificate for 127.0.0.1", servers.Expired: "expired", servers.Untrusted: "unknown authority",
	} {
		t.Run(string(kind), func(t *testing.T) {
			s.Use(kind)
			wantError(t, fresh(t, r), want)
		})
	}
}

func TestTLSRotationIsTakenUp(t *testing.T) {
	s := servers.RedisTLS(t, servers.TLSOptions{RequireClient: true})
	r := at(t, s.Addr)
	r.TLS.Enabled, r.TLS.CA, r.TLS.Cert, r.TLS.Key = true, s.CA, s.Cert, s.Key
	writer, reader := clients(t, r, modeStandalone, job.NoDB)
	wantError(t, errors.Join(writer.Ping(t.Context()).Err(), reader.Ping(t.Context()).Err()), "")
	s.Rotate()
	servers.Eventually(t, 10*time.Second, "an answer under the new authority", func() bool {
		return writer.Ping(t.Context()).Err() == nil && reader.Ping(t.Context()).Err() == nil
	})
}

func TestPasswordFile(t *testing.T) {
	s := servers.RedisACL(t, []string{"worker on >first ~* +@all"})
	file := filepath.Join(t.TempDir(), "password")
	put := func(text string) {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	r := at(t, s.Addr)
	r.Username, r.PasswordFile = "worker", file
	wantError(t, fresh(t, r), "redis.password_file: open "+file)
	put("\n")
	wantError(t, fresh(t, r), "redis.password_file: "+file+" is empty")
	put("first\n")
	writer, _ := clients(t, r, modeStandalone, job.NoDB)
	wantError(t, writer.Ping(t.Context()).Err(), "")
	// The operator changes the password, and with it closes the connections.
	s.SetUsers("worker on >second ~* +@all")
	wantError(t, fresh(t, r), "WRONGPASS")
	put("second")
	servers.Eventually(t, 10*time.Second, "an answer under the new password", func() bool {
		return writer.Ping(t.Context()).Err() == nil
	})
}

func TestUnixSocket(t *testing.T) {
	p := servers.Redis(t, "--port", "0")
	r := DefaultRedis()
	r.UnixSocketPath, r.DB = p.Socket, 3
	for _, way := range []struct {
		name  string
		redis Redis
	}{{"path", r}, {"URL", Redis{}}} {
		t.Run(way.name, func(t *testing.T) {
			r := way.redis
			if way.name == "URL" {
				r = DefaultRedis()
				r.URL = "unix://" + p.Socket + "?db=3"
			}
			writer, reader := clients(t, r, r.declared(), job.NoDB)
			if err := writer.Set(t.Context(), "k", way.name, 0).Err(); err != nil {
				t.Fatal(err)
			}
			if got := reader.Get(t.Context(), "k").Val(); got != way.name {
				t.Errorf("got %q", got)
			}
			other, _ := clients(t, r, modeStandalone, 4)
			if got := other.Exists(t.Context(), "k").Val(); got != 0 {
				t.Error("database 4 holds what was written to 3")
			}
		})
	}
}

func TestDeadlineIsObeyedInFlight(t *testing.T) {
	p := servers.Redis(t)
	r := at(t, p.Addr)
	r.ReadTimeout = time.Minute
	writer, _ := clients(t, r, modeStandalone, job.NoDB)
	wantError(t, writer.Ping(t.Context()).Err(), "")
	p.Stop()
	defer p.Cont()
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	began := time.Now()
	if err := writer.Ping(ctx).Err(); err == nil || time.Since(began) > 5*time.Second {
		t.Errorf("got %v after %v", err, time.Since(began))
	}
}

func TestHostThatDoesNotResolve(t *testing.T) {
	r := DefaultRedis()
	r.Host = "redis.invalid"
	wantError(t, fresh(t, r), "check redis.host")
}

func TestProbe(t *testing.T) {
	quiet()
	one := servers.Redis(t)
	if got, err := probe(t.Context(), at(t, one.Addr)); got != modeStandalone || err != nil {
		t.Errorf("one server: got %q, %v", got, err)
	}
	node := servers.Redis(t, "--cluster-enabled", "yes")
	if got, err := probe(t.Context(), at(t, node.Addr)); got != modeCluster || err != nil {
		t.Errorf("a cluster's node: got %q, %v", got, err)
	}
	one.Kill()
	if _, err := probe(t.Context(), at(t, one.Addr)); err == nil {
		t.Error("a dead server: got no error")
	}
}

// The library's defaults repeat what must not be repeated, outlive deadlines and keep a killed primary away.
func TestNothingIsLeftToTheLibrary(t *testing.T) {
	r := DefaultRedis()
	r.Retry = Retry{}
	for _, mode := range []string{modeStandalone, modeSentinel} {
		writer, reader := clients(t, r, mode, job.NoDB)
		for name, c := range map[string]redis.UniversalClient{"writer": writer, "reader": reader} {
			o := c.(*redis.Client).Options()
			if o.MaxRetries != 0 || !o.ContextTimeoutEnabled || o.DialerRetries != 1 || !o.DisableIdentity || o.MaintNotificationsConfig.Mode != "disabled" {
				t.Errorf("%s, %s: retries %d, deadlines obeyed %v, dials %d, identity hidden %v, notices %v", mode, name,
					o.MaxRetries, o.ContextTimeoutEnabled, o.DialerRetries, o.DisableIdentity, o.MaintNotificationsConfig.Mode)
			}
		}
	}
	r.Retry.Attempts = 4
	_, reader := clients(t, r, modeStandalone, job.NoDB)
	if got := reader.(*redis.Client).Options().MaxRetries; got != 4 {
		t.Errorf("the reader retries %d times, want 4", got)
	}
	writer, reader := clients(t, r, modeCluster, job.NoDB)
	for name, c := range map[string]redis.UniversalClient{"writer": writer, "reader": reader} {
		want := map[string]int{"writer": writeRedirects, "reader": writeRedirects + 4}[name]
		o := c.(*redis.ClusterClient).Options()
		if o.MaxRedirects != want || o.MaxRetries != -1 || !o.ContextTimeoutEnabled || o.ClusterStateReloadInterval != topologyAge || !o.DisableRoutingPolicies {
			t.Errorf("cluster, %s: redirects %d (want %d), retries %d, deadlines obeyed %v, map reloaded after %v", name,
				o.MaxRedirects, want, o.MaxRetries, o.ContextTimeoutEnabled, o.ClusterStateReloadInterval)
		}
	}
}

// A half-open connection is noticed within ten seconds.
func TestKeepAlive(t *testing.T) {
	c := keepAliveConfig(DefaultRedis().KeepAlive)
	if noticed := c.Idle + time.Duration(c.Count)*c.Interval; !c.Enable || noticed > 10*time.Second {
		t.Errorf("noticed after %v", noticed)
	}
	if keepAliveConfig(0).Enable {
		t.Error("0 does not turn it off")
	}
}
