package persist

import (
	"context"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/redis/go-redis/v9"
)

// guard keeps batches from waiting for a server that cannot be reached: once one has, the others are told at once, and
// the server is asked in the background until it answers. So a server that is down delays nobody else's returns.
type guard struct {
	mu     sync.Mutex
	reason error // why the server is taken to be down; nil when it is not
}

func (g *guard) down() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.reason
}

// trip takes the server for down. It reports whether it was not before.
func (g *guard) trip(reason error) (first bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	first = g.reason == nil
	g.reason = hold(classify(reason, ""))
	return first
}

func (g *guard) reset() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.reason = nil
}

// ask resets the guard once the server answers; until then the guard tells the latest reason: a server that cannot be
// reached may be one that refuses the login when it is back. It ends with the store.
func (g *guard) ask(ctx context.Context, server redis.UniversalClient) {
	pause := backoff.NewExponentialBackOff()
	pause.InitialInterval, pause.MaxInterval = 20*time.Millisecond, time.Second
	for err := server.Ping(ctx).Err(); err != nil; err = server.Ping(ctx).Err() {
		g.trip(err)
		t := time.NewTimer(pause.NextBackOff())
		select {
		case <-ctx.Done():
			t.Stop()
			return
		case <-t.C:
		}
	}
	g.reset()
}
