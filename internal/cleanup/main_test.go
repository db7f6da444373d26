package cleanup

import (
	"context"
	"net"
	"testing"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"
)

// TestMain leaves out a goroutine of the client library that sleeps for up to a second after its pool was closed.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/redis/go-redis/v9/internal/pool.(*ConnPool).tryDial"))
}

// always is the dial of a client that is there.
func always(client redis.UniversalClient) Dial {
	return func(context.Context) (redis.UniversalClient, error) { return client, nil }
}

// inMemory is a Redis within the test, whose time is that of the test's bubble or the one that is set.
func inMemory(t *testing.T) (*miniredis.Miniredis, *redis.Client) {
	t.Helper()
	m := miniredis.NewMiniRedis()
	m.ClockTTL(true)
	t.Cleanup(m.Close)
	client := redis.NewClient(&redis.Options{
		Dialer: func(context.Context, string, string) (net.Conn, error) { return m.Dial() },
		// An address that nothing has to look up: there is no looking up in a bubble.
		Addr: "127.0.0.1:6379", DisableIdentity: true, MaxRetries: -1, ContextTimeoutEnabled: true,
	})
	t.Cleanup(func() { _ = client.Close() })
	return m, client
}

func mustTake(t testing.TB, l *Lease) *Held {
	t.Helper()
	h, err := l.TryAcquire(t.Context())
	if err != nil {
		t.Fatalf("take the lease: %v", err)
	}
	return h
}
