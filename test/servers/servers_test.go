package servers

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if os.Getenv(helperVariable) != "" {
		os.Exit(m.Run())
	}
	goleak.VerifyTestMain(m)
}

func redisClient(t *testing.T, network, addr string) *redis.Client {
	t.Helper()
	c := redis.NewClient(&redis.Options{
		Network: network, Addr: addr, MaxRetries: -1,
		ReadTimeout: 200 * time.Millisecond, ContextTimeoutEnabled: true,
	})
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func TestRedisAnswersOnPortAndSocket(t *testing.T) {
	p := Redis(t)
	for network, addr := range map[string]string{"tcp": p.Addr, "unix": p.Socket} {
		if err := redisClient(t, network, addr).Ping(t.Context()).Err(); err != nil {
			t.Errorf("ping over %s: %v", network, err)
		}
	}
}

func TestRedisTakesExtraOptions(t *testing.T) {
	p := Redis(t, "--maxmemory", "3mb", "--appendonly", "yes", "--save", "900 1", "--requirepass", "pass")
	c := redis.NewClient(&redis.Options{Addr: p.Addr, Password: "pass"})
	defer c.Close()
	for option, want := range map[string]string{"maxmemory": "3145728", "appendonly": "yes", "save": "900 1"} {
		got, err := c.ConfigGet(t.Context(), option).Result()
		if err != nil || got[option] != want {
			t.Errorf("config %s: got %q, want %q (%v)", option, got[option], want, err)
		}
	}
}

func TestRedisKeepsItsPlaceOverKillAndRestart(t *testing.T) {
	p := Redis(t, "--appendonly", "yes", "--appendfsync", "always")
	addr, pid := p.Addr, p.PID()
	c := redisClient(t, "tcp", addr)
	if err := c.Set(t.Context(), "kept", "yes", 0).Err(); err != nil {
		t.Fatal(err)
	}
	p.Kill()
	if p.Running() || p.ExitCode() != -1 {
		t.Errorf("after a kill: running %v, exit code %d", p.Running(), p.ExitCode())
	}
	p.Restart()
	got, err := c.Get(t.Context(), "kept").Result()
	if err != nil || got != "yes" {
		t.Errorf("after the restart: got %q, %v", got, err)
	}
	if p.Addr != addr || p.PID() == pid {
		t.Errorf("restarted at %s as %d, was at %s as %d", p.Addr, p.PID(), addr, pid)
	}
}

func TestStoppedRedisIsSilentUntilContinued(t *testing.T) {
	p := Redis(t)
	c := redisClient(t, "tcp", p.Addr)
	p.Stop()
	if err := c.Ping(t.Context()).Err(); err == nil {
		t.Error("a stopped server answered")
	}
	if !p.Running() {
		t.Error("a stopped server counts as ended")
	}
	p.Cont()
	Eventually(t, 5*time.Second, "an answer after SIGCONT", func() bool {
		return c.Ping(context.Background()).Err() == nil
	})
}

func TestTerminateGivesExitCodeAndDuration(t *testing.T) {
	code, took := Redis(t).Terminate()
	if code != 0 || took <= 0 || took > 10*time.Second {
		t.Errorf("got exit code %d after %v", code, took)
	}
}

func TestNATSKeepsItsStreamsOverKillAndRestart(t *testing.T) {
	p := NATS(t)
	js := jetStream(t, p.URL)
	publish(t, js)
	p.Kill()
	p.Restart()
	Eventually(t, 10*time.Second, "the message after the restart", func() bool {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		s, err := js.Stream(ctx, "KEPT")
		return err == nil && s.CachedInfo().State.Msgs == 1
	})
}

func TestEmbeddedNATSHasJetStream(t *testing.T) {
	publish(t, jetStream(t, EmbeddedNATS(t).ClientURL()))
}

func jetStream(t *testing.T, url string) jetstream.JetStream {
	t.Helper()
	nc, err := nats.Connect(url, nats.MaxReconnects(-1), nats.ReconnectWait(10*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	return js
}

func publish(t *testing.T, js jetstream.JetStream) {
	t.Helper()
	_, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "KEPT", Subjects: []string{"kept"}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := js.Publish(t.Context(), "kept", []byte("yes")); err != nil {
		t.Fatal(err)
	}
}
