package main

import (
	"context"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"returnd/internal/cfg"
	"returnd/internal/persist"
)

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// freeURL has the embedded NATS server take a free port.
const freeURL = "nats://127.0.0.1:0"

// needRedis skips where there is no redis-server; in CI that is a failure.
func needRedis(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("redis-server"); err == nil {
		return
	}
	if os.Getenv("CI") != "" {
		t.Fatal("redis-server is not on the PATH")
	}
	t.Skip("redis-server is not on the PATH: `make test` installs it")
}

func embedIn(t *testing.T, folder string, memory bool) (*embedded, cfg.Config) {
	t.Helper()
	c := cfg.Default()
	c.NATS.URL = freeURL
	e, err := startEmbedded(t.Context(), &c, embeddedOptions{data: folder, memory: memory}, quiet())
	if err != nil {
		t.Fatal(err)
	}
	return e, c
}

func clientOf(t *testing.T, r persist.Redis) *redis.Client {
	t.Helper()
	o := &redis.Options{Addr: r.Host + ":" + strconv.Itoa(r.Port), MaxRetries: -1}
	if r.UnixSocketPath != "" {
		o.Network, o.Addr = "unix", r.UnixSocketPath
	}
	client := redis.NewClient(o)
	t.Cleanup(func() { _ = client.Close() })
	return client
}

func TestRedisChildKeepsAndEnds(t *testing.T) {
	needRedis(t)
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	folder := t.TempDir()
	e, c := embedIn(t, folder, false)
	client := clientOf(t, c.Persist.Redis)
	for key, want := range map[string]string{"appendonly": "yes", "appendfsync": "everysec", "save": "", "maxmemory-policy": "noeviction"} {
		if got := client.ConfigGet(t.Context(), key).Val()[key]; got != want {
			t.Errorf("%s is %q, want %q", key, got, want)
		}
	}
	if err := client.Set(t.Context(), "kept", "yes", 0).Err(); err != nil {
		t.Fatal(err)
	}
	_ = client.Close()
	e.close()
	if conn, err := net.Dial("unix", c.Persist.Redis.UnixSocketPath); err == nil {
		_ = conn.Close()
		t.Error("redis-server still answers")
	}
	e, c = embedIn(t, folder, false)
	defer e.close()
	client = clientOf(t, c.Persist.Redis)
	defer client.Close()
	if got, err := client.Get(t.Context(), "kept").Result(); err != nil || got != "yes" {
		t.Errorf("after a restart: %q, %v", got, err)
	}
}

func TestRedisChildsDeathIsNoticed(t *testing.T) {
	needRedis(t)
	e, c := embedIn(t, t.TempDir(), false)
	defer e.close()
	ended := make(chan error, 1)
	go func() { ended <- runChain(t.Context(), quiet(), e.stages()...) }()
	info := clientOf(t, c.Persist.Redis).Info(t.Context(), "server").Val()
	_, after, _ := strings.Cut(info, "process_id:")
	pid, err := strconv.Atoi(strings.TrimSpace(strings.SplitN(after, "\n", 2)[0]))
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err == nil || !strings.Contains(err.Error(), "killed") || !strings.Contains(err.Error(), "redis.log") {
		t.Errorf("got %v, want its end and its log named", err)
	}
}

// A long folder leaves no room for the socket's name: it lies elsewhere then, and is removed.
func TestRedisChildInADeepFolder(t *testing.T) {
	needRedis(t)
	e, c := embedIn(t, filepath.Join(t.TempDir(), strings.Repeat("deep/", 20)), false)
	socket := c.Persist.Redis.UnixSocketPath
	if err := clientOf(t, c.Persist.Redis).Ping(t.Context()).Err(); err != nil || len(socket) > socketLimit {
		t.Errorf("%v, by a socket of %d bytes", err, len(socket))
	}
	e.close()
	if _, err := os.Stat(filepath.Dir(socket)); err == nil {
		t.Error("the socket's folder is left behind")
	}
}

func TestOneWorkerAFolder(t *testing.T) {
	folder := t.TempDir()
	e, _ := embedIn(t, folder, true)
	c := cfg.Default()
	c.NATS.URL = freeURL
	_, err := startEmbedded(t.Context(), &c, embeddedOptions{data: folder, memory: true}, quiet())
	if err == nil || !strings.Contains(err.Error(), strconv.Itoa(os.Getpid())) || !strings.Contains(err.Error(), "--data") {
		t.Errorf("got %v, want the owner and the remedy", err)
	}
	e.close()
	e, _ = embedIn(t, folder, true)
	e.close()
}

// settleOne makes a stream and a durable that has settled the only message, as earlier runs have.
func settleOne(t *testing.T, c cfg.Config) {
	t.Helper()
	js, done := streamOf(t, c)
	defer done()
	stream, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: c.Stream.Name, Subjects: []string{"salt.job.*.new"}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := js.Publish(t.Context(), "salt.job.1.new", []byte("{}")); err != nil {
		t.Fatal(err)
	}
	durable, err := stream.CreateConsumer(t.Context(), jetstream.ConsumerConfig{Durable: c.Consume.Durable, AckPolicy: jetstream.AckExplicitPolicy})
	if err != nil {
		t.Fatal(err)
	}
	m, err := durable.Next()
	if err != nil {
		t.Fatal(err)
	}
	if err := m.DoubleAck(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func streamOf(t *testing.T, c cfg.Config) (jetstream.JetStream, func()) {
	t.Helper()
	nc, err := nats.Connect(c.NATS.URL)
	if err != nil {
		t.Fatal(err)
	}
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	return js, nc.Close
}

// hasDurable tells whether the consumer goes on where it was; without its durable it begins anew.
func hasDurable(t *testing.T, c cfg.Config) bool {
	t.Helper()
	js, done := streamOf(t, c)
	defer done()
	_, err := js.Consumer(t.Context(), c.Stream.Name, c.Consume.Durable)
	return err == nil
}

// What Redis lacks is read from the stream again; what it has is not.
func TestReplay(t *testing.T) {
	needRedis(t)
	folder := t.TempDir()
	e, c := embedIn(t, folder, false)
	settleOne(t, c)
	e.close()
	for _, run := range []struct {
		name   string
		memory bool
		lose   bool // the redis-server's files
		goesOn bool
	}{
		{name: "redis-server again", goesOn: true},
		{name: "in-process", memory: true},
		{name: "in-process again", memory: true},
		{name: "redis-server, which lacks the runs before"},
		{name: "redis-server once more", goesOn: true},
		{name: "redis-server without its files", lose: true},
	} {
		if run.lose {
			if err := os.RemoveAll(redisFolder(folder)); err != nil {
				t.Fatal(err)
			}
		}
		e, c := embedIn(t, folder, run.memory)
		if got := hasDurable(t, c); got != run.goesOn {
			t.Errorf("%s: the consumer goes on: %v, want %v", run.name, got, run.goesOn)
		}
		js, done := streamOf(t, c)
		_, err := js.CreateOrUpdateConsumer(t.Context(), c.Stream.Name, jetstream.ConsumerConfig{Durable: c.Consume.Durable, AckPolicy: jetstream.AckExplicitPolicy})
		if err != nil {
			t.Fatal(err)
		}
		done()
		e.close()
	}
}

func TestMemoryRedisHasAClock(t *testing.T) {
	e, c := embedIn(t, t.TempDir(), true)
	defer e.close()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- e.redis.run(ctx) }()
	client := clientOf(t, c.Persist.Redis)
	before := client.Time(t.Context()).Val()
	if off := time.Since(before); off > 5*time.Second || off < -5*time.Second {
		t.Errorf("its clock is %v off", off)
	}
	if err := client.Set(t.Context(), "short", "x", time.Second).Err(); err != nil {
		t.Fatal(err)
	}
	client.Set(t.Context(), "long", "x", 0)
	expiry := before.Add(time.Hour).Unix()
	if !client.ExpireAt(t.Context(), "long", time.Unix(expiry, 0)).Val() {
		t.Error("EXPIREAT was not taken")
	}
	until(t, "the short key is gone", func() bool { return client.Exists(t.Context(), "short").Val() == 0 })
	if got := client.ExpireTime(t.Context(), "long").Val(); got != time.Duration(expiry)*time.Second {
		t.Errorf("EXPIRETIME %v, want %d s", got, expiry)
	}
	if !client.Time(t.Context()).Val().After(before) {
		t.Error("its clock stands")
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestListenAt(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for url, want := range map[string]string{
		"nats://10.0.0.1:4222":                "this machine only",
		"nats://0.0.0.0:4222":                 "this machine only",
		"tls://127.0.0.1:4222":                "one plain address",
		"nats://a:1,nats://b:1":               "",
		"nats://" + taken.Addr().String():     "in use",
		"nats://user:secret@example.com:4222": "this machine only",
	} {
		_, _, err := listenAt(url)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: got %v, want %q in it", url, err, want)
		}
	}
	if host, port, err := listenAt("nats://localhost:0"); host != "localhost" || port != -1 || err != nil {
		t.Errorf("got %s, %d and %v", host, port, err)
	}
}

func TestEmbeddedRefusesANamedRedis(t *testing.T) {
	t.Parallel()
	c := cfg.Default()
	c.Persist.Redis.Host, c.Persist.Redis.Password = "redis.example.com", "secret"
	err := checkEmbeddable(c)
	if err == nil || !strings.Contains(err.Error(), "redis.host, redis.password") {
		t.Errorf("got %v, want both named", err)
	}
	if err := checkEmbeddable(cfg.Default()); err != nil {
		t.Error(err)
	}
}

func TestDataFolder(t *testing.T) {
	t.Setenv("HOME", "/home/x")
	for base, want := range map[string]string{"/data": "/data/returnd", "": "/home/x/.local/share/returnd", "relative": "/home/x/.local/share/returnd"} {
		t.Setenv("XDG_DATA_HOME", base)
		if got, err := new(embeddedOptions).folder(); err != nil || got != want {
			t.Errorf("XDG_DATA_HOME=%q: got %q and %v, want %q", base, got, err, want)
		}
	}
}
