package persist

import (
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"syscall"

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
		x.client = redis.NewClient(x.options())
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
		client = redis.NewClient(o)
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

// meter bounds what the answers to one writing may bring: a caller may ask for a value of half a gigabyte, which would
// be read into memory only to be found too large for a message.
type meter struct{ limit atomic.Int64 }

// leastReply is room for what the library itself asks: the map of a large cluster.
const leastReply = 1 << 20

var errTooLarge = errors.New("the reply is larger than what can be handed on")

// allow sets the bound by the size of a message: of what fits, no reply is twice as long in Redis's own form.
func (m *meter) allow(message int) { m.limit.Store(max(2*int64(message), leastReply)) }

type dialFunc = func(ctx context.Context, network, addr string) (net.Conn, error)

// on meters the connections that dial opens. A failed one is told apart: nothing was sent down it.
func (m *meter) on(dial dialFunc) dialFunc {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := dial(ctx, network, addr)
		if err != nil {
			return nil, unavailable(err)
		}
		metered := &meteredConn{Conn: conn, meter: m}
		if raw, ok := conn.(syscall.Conn); ok {
			return &meteredSocket{metered, raw}, nil
		}
		return metered, nil
	}
}

type meteredConn struct {
	net.Conn
	meter *meter
	left  int64
}

func (c *meteredConn) Write(p []byte) (int, error) {
	c.left = c.meter.limit.Load()
	return c.Conn.Write(p)
}

// Read gives nothing beyond the bound: who reads until a buffer is full does not hear an error that comes with its end.
func (c *meteredConn) Read(p []byte) (int, error) {
	if c.left <= 0 {
		return 0, errTooLarge
	}
	n, err := c.Conn.Read(p[:min(int64(len(p)), c.left)])
	c.left -= int64(n)
	return n, err
}

// meteredSocket lets the library see whether a connection that lay idle was closed meanwhile: a command that breaks on
// one is not repeated.
type meteredSocket struct {
	*meteredConn
	syscall.Conn
}
