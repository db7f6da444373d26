package persist

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
)

// connection is the clients of a target, once it is known what the target is.
type connection struct {
	target         *target
	writer, reader redis.UniversalClient
	cluster        *redis.ClusterClient // the writer, where the target is a cluster
	minReplicas    int                  // replicas that must confirm a write; 0 is none
	waitTimeout    time.Duration        // for how long they are waited for
	loaded         atomic.Bool          // the scripts are believed to be on every server that takes writes

	mu     sync.Mutex
	guards map[string]*guard // by address
	orders *commander        // made with the first command of a caller
}

// eachPrimary calls f for every server that takes writes.
func (c *connection) eachPrimary(ctx context.Context, f func(context.Context, *redis.Client) error) error {
	if c.cluster != nil {
		return c.cluster.ForEachMaster(ctx, f)
	}
	return f(ctx, c.writer.(*redis.Client))
}

// primary is the server that takes writes to a key.
func (c *connection) primary(ctx context.Context, key string) (*redis.Client, error) {
	if c.cluster != nil {
		return c.cluster.MasterForKey(ctx, key)
	}
	return c.writer.(*redis.Client), nil
}

func (c *connection) guard(server *redis.Client) *guard {
	c.mu.Lock()
	defer c.mu.Unlock()
	addr := server.Options().Addr
	g := c.guards[addr]
	if g == nil {
		g = &guard{}
		c.guards[addr] = g
	}
	return g
}

func (c *connection) close() error {
	err := c.writer.Close()
	if readErr := c.reader.Close(); err == nil {
		err = readErr
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.orders != nil {
		err = errors.Join(err, c.orders.close())
	}
	return err
}
