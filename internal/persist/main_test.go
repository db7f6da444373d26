package persist

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"go.opentelemetry.io/otel/metric/noop"
	"go.uber.org/goleak"

	"returnd/internal/job"
	"returnd/test/servers"
)

// TestMain leaves out a goroutine of the client library that sleeps for up to a second after its pool was closed.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/redis/go-redis/v9/internal/pool.(*ConnPool).tryDial"))
}

// rig is a store on a Redis of its own, and a plain client to look at what it leaves.
type rig struct {
	*testing.T
	store *Store
	redis *redis.Client
	proc  *servers.Process
}

func newRig(t *testing.T, change ...func(*Config)) *rig {
	t.Helper()
	p := servers.Redis(t)
	return &rig{T: t, store: storeOn(t, p, change...), redis: clientOn(t, p), proc: p}
}

func storeOn(t testing.TB, p *servers.Process, change ...func(*Config)) *Store {
	t.Helper()
	return announcingStore(t, p, nil, change...)
}

// announcingStore is a store that tells when jobs are complete.
func announcingStore(t testing.TB, p *servers.Process, announcer Announcer, change ...func(*Config)) *Store {
	t.Helper()
	cfg := DefaultConfig()
	host, port, err := net.SplitHostPort(p.Addr)
	if err != nil {
		t.Fatal(err)
	}
	cfg.Redis.Host = host
	cfg.Redis.Port, _ = strconv.Atoi(port)
	cfg.Redis.ReadTimeout, cfg.Redis.WriteTimeout, cfg.Redis.DialTimeout = 2*time.Second, 2*time.Second, time.Second
	for _, f := range change {
		f(&cfg)
	}
	s, err := New(cfg, announcer, slog.New(slog.DiscardHandler), noop.Meter{})
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func clientOn(t testing.TB, p *servers.Process) *redis.Client {
	t.Helper()
	c := redis.NewClient(&redis.Options{Addr: p.Addr, DisableIdentity: true})
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// ret makes an entry of a return.
func ret(jid, minion, fun string) job.Entry {
	return retBody(jid, minion, fun, fmt.Sprintf(`{"id": %q, "jid": %q, "fun": %q, "return": true, "retcode": 0}`, minion, jid, fun))
}

func retBody(jid, minion, fun, body string) job.Entry {
	return job.Entry{
		Return:    job.Return{JID: jid, Minion: minion, Fun: fun, DB: job.NoDB, Body: []byte(body)},
		Published: time.Now(),
	}
}

// load makes an entry of a load.
func load(t testing.TB, jid, body string) job.Entry {
	t.Helper()
	l, err := job.ParseLoad(jid, []byte(body))
	if err != nil {
		t.Fatalf("ParseLoad: %v", err)
	}
	return job.Entry{Load: &l, Published: time.Now()}
}

// write stores entries and wants every one confirmed.
func (r *rig) write(entries ...job.Entry) {
	r.Helper()
	for i, err := range r.store.Write(r.Context(), entries) {
		if err != nil {
			r.Fatalf("Write: entry %d (jid %s): %v", i, entries[i].JID(), err)
		}
	}
}

func (r *rig) get(key string) string {
	r.Helper()
	v, err := r.redis.Get(r.Context(), key).Result()
	if err != nil && !errors.Is(err, redis.Nil) {
		r.Fatalf("GET %s: %v", key, err)
	}
	return v
}

func (r *rig) list(minion string) []string {
	r.Helper()
	v, err := r.redis.LRange(r.Context(), "returnd/history:"+minion, 0, -1).Result()
	if err != nil {
		r.Fatalf("LRANGE: %v", err)
	}
	return v
}

func (r *rig) ttl(key string) time.Duration {
	r.Helper()
	v, err := r.redis.TTL(r.Context(), key).Result()
	if err != nil {
		r.Fatalf("TTL %s: %v", key, err)
	}
	return v
}

// jidAt is the jid of a job that started a while ago (negative: ahead).
func jidAt(ago time.Duration) string { return job.FormatJID(time.Now().Add(-ago)) }
