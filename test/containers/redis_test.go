package containers

import (
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"returnd/test/servers"
)

// TestRedisForms: every form of one node answers from outside and from inside,
// and to those alone that it is for.
func TestRedisForms(t *testing.T) {
	t.Parallel()
	n := NewNetwork(t)
	t.Run("single", func(t *testing.T) {
		t.Parallel()
		s := Redis(t, n, "--requirepass", "secret")
		if got := s.Do("INFO", "server").String(); !strings.Contains(got, "redis_version:7.") {
			t.Errorf("INFO gives %s", got)
		}
		wants(t, s.CLI("-h", s.Name, "--no-auth-warning", "-a", "secret", "PING"), "PONG")
		wants(t, s.CLI("PING"), "NOAUTH")
		if !strings.HasPrefix(s.Addr, "127.0.0.1:") {
			t.Errorf("mapped to %s", s.Addr)
		}
	})
	t.Run("TLS", func(t *testing.T) {
		t.Parallel()
		s := RedisTLS(t, n)
		wants(t, s.CLI("--tls", "--cacert", "/tls/ca.crt", "-h", "127.0.0.1", "PING"), "PONG")
		untrusting := &Server{s.Container, redis.Options{TLSConfig: trusting(t, servers.NewAuthority(t, t.TempDir()).CA)}}
		refused(t, untrusting.Do("PING").Err(), "unknown authority")
		plain := &Server{s.Container, redis.Options{}}
		if err := plain.Do("PING").Err(); err == nil {
			t.Error("it speaks to a client without TLS")
		}
	})
	t.Run("ACL", func(t *testing.T) {
		t.Parallel()
		s := RedisACL(t, n, []string{"worker on >secret ~ret:* +@all -get"})
		worker := &Server{s.Container, redis.Options{Username: "worker", Password: "secret"}}
		if err := worker.Do("SET", "ret:1", "yes").Err(); err != nil {
			t.Errorf("an allowed command: %v", err)
		}
		refused(t, worker.Do("GET", "ret:1").Err(), "NOPERM")
		refused(t, (&Server{s.Container, redis.Options{}}).Do("PING").Err(), "NOAUTH")
	})
	t.Run("unix socket", func(t *testing.T) {
		t.Parallel()
		s := RedisSocket(t, n)
		beside := redisSpec(t, n, "beside")
		beside.volumes = map[string]string{SocketFolder: s.Volume}
		other := startServers(t, redis.Options{}, beside)[0]
		s.must("SET", "here", "yes")
		wants(t, other.CLI("-s", SocketPath, "GET", "here"), "yes")
	})
}

func wants(t *testing.T, got, want string) {
	t.Helper()
	if !strings.Contains(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func refused(t *testing.T, err error, want string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %s", err, want)
	}
}

// TestContainerComesBack: name, mapped port and data outlast every disturbance.
func TestContainerComesBack(t *testing.T) {
	t.Parallel()
	n := NewNetwork(t)
	s := Redis(t, n, "--appendonly", "yes", "--appendfsync", "always")
	witness := Redis(t, n)
	s.must("SET", "kept", "yes")
	for _, tt := range []struct {
		name       string
		harm, heal func()
		running    bool // in between
	}{
		{"stopped", s.Stop, s.Start, false},
		{"killed", s.Kill, s.Start, false},
		{"paused", s.Pause, s.Unpause, true},
		{"cut off", func() { s.Cut(n) }, func() { s.Mend(n) }, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.harm()
			if err := s.Do("PING").Err(); err == nil {
				t.Error("it answers")
			}
			if got := s.Running(); got != tt.running {
				t.Errorf("running: got %v, want %v", got, tt.running)
			}
			tt.heal()
			if got := s.Do("GET", "kept").Val(); got != "yes" {
				t.Errorf("its data: got %v", got)
			}
			wants(t, witness.CLI("-h", s.Name, "GET", "kept"), "yes")
		})
	}
}
