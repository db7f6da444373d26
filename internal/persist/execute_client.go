package persist

import (
	"errors"
	"sync"

	"github.com/redis/go-redis/v9"
)

// commandPool is how many of callers' commands one server works on at once.
const commandPool = 4

// commander gives callers' commands to one target. Its few connections are its own, so that neither batches nor queries
// wait for a command of a caller's; and the client library repeats nothing on them: INCR must not be done twice.
type commander struct {
	redis   Redis
	client  *redis.Client        // the one server, or the primary behind Sentinels
	cluster *redis.ClusterClient // where the target is one; only its nodes' clients are used, which know no redirects
	meter   *meter

	mu     sync.Mutex
	others map[string]*redis.Client // of the servers that Sentinels name, by address
}

// commander makes the target's one with the first command.
func (c *connection) commander() *commander {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.orders == nil {
		c.orders = c.newCommander()
	}
	return c.orders
}

func (c *connection) newCommander() *commander {
	r, _ := c.target.redis.merged() // its faults were found when the target was connected
	if c.target.key.db >= 0 {
		r.DB = c.target.key.db
	}
	x := &commander{redis: r, meter: &meter{}, others: map[string]*redis.Client{}}
	x.meter.allow(0)
	switch {
	case c.cluster != nil:
		x.cluster = r.overCluster(x.options(), 0, false)
	case r.declared() == modeSentinel:
		x.client = r.behindSentinels(x.options(), false)
		x.client.Options().Dialer = x.meter.on(x.client.Options().Dialer)
	default:
		x.client = newClient(x.options())
	}
	return x
}

func (x *commander) options() *redis.Options {
	o := x.redis.options()
	o.PoolSize, o.PipelinePoolSize = commandPool, commandPool
	o.MaxRetries = -1
	o.Dialer = x.meter.on(o.Dialer)
	return o
}

// at is the client of a server behind Sentinels.
func (x *commander) at(addr string) *redis.Client {
	x.mu.Lock()
	defer x.mu.Unlock()
	client := x.others[addr]
	if client == nil {
		o := x.options()
		o.Network, o.Addr = "tcp", addr
		client = newClient(o)
		x.others[addr] = client
	}
	return client
}

func (x *commander) close() error {
	var errs []error
	if x.cluster != nil {
		errs = append(errs, x.cluster.Close())
	} else {
		errs = append(errs, x.client.Close())
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, client := range x.others {
		errs = append(errs, client.Close())
	}
	return errors.Join(errs...)
}
