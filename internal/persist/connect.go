package persist

import (
	"context"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

const (
	// What a connection for batches buffers each way: a batch is a few hundred kilobytes to megabytes.
	pipelineBuffer = 256 << 10
	// writeRedirects bounds how often a command of a batch follows a slot: to its new owner, and once more while it
	// moves. It also bounds how often the library sends a node's whole part again after a lost connection, which
	// MaxRetries does not: so batches hold only commands that may be repeated.
	writeRedirects = 2
	// topologyAge is when the cluster's map is read anew, upon the next command. The library's minute is how long a
	// killed primary would stay away. A failed dial reads it at once.
	topologyAge = time.Second
	// failingSeconds is how long a replica is not asked that did not answer: the library's 15 s outlast a restart.
	failingSeconds = 1
)

// quiet keeps the client library from writing lines of its own to stderr: what it has to say comes back as errors.
var quiet = sync.OnceFunc(func() { redis.SetLogger(silence{}) })

type silence struct{}

func (silence) Printf(context.Context, string, ...any) {}

// connect makes the two clients of one target: batches never wait for the connections of queries. The mode is what the
// options declare or the server has told; with db below zero, the database is the configured one. It does no I/O.
//
// The writer never repeats a command by itself (but see writeRedirects); the reader does, so nothing may be written
// through it that must not be done twice.
func connect(r Redis, mode string, db int) (writer, reader redis.UniversalClient, err error) {
	r, found := r.merged()
	if err := found.at("redis."); err != nil {
		return nil, nil, fmt.Errorf("redis options: %w", err)
	}
	if db >= 0 {
		r.DB = db
	}
	switch mode {
	case modeStandalone, modeAuto:
		return newClient(r.forWrites()), newClient(r.forReads()), nil
	case modeSentinel:
		return r.behindSentinels(r.forWrites(), false), r.behindSentinels(r.forReads(), r.ReadFromReplicas), nil
	case modeCluster:
		return r.overCluster(r.forWrites(), writeRedirects, false), r.overCluster(r.forReads(), writeRedirects+r.Retry.Attempts, r.ReadFromReplicas), nil
	}
	return nil, nil, fmt.Errorf("redis mode %q is not known", mode)
}

// forWrites are the settings of the client for batches.
func (r Redis) forWrites() *redis.Options {
	o := r.options()
	// Batches go through the pipeline pool; the few others are for single commands.
	o.PoolSize, o.PipelinePoolSize = 4, r.WritePoolSize
	o.PipelineReadBufferSize, o.PipelineWriteBufferSize = pipelineBuffer, pipelineBuffer
	o.MaxRetries = -1
	return o
}

// forReads are those of the client for queries.
func (r Redis) forReads() *redis.Options {
	o := r.options()
	o.PoolSize, o.PipelinePoolSize = r.PoolSize, r.PoolSize
	o.MaxRetries = orNone(r.Retry.Attempts)
	o.MinRetryBackoff, o.MaxRetryBackoff = orNone(r.Retry.MinBackoff), orNone(r.Retry.MaxBackoff)
	return o
}

// options are what both have. Every time limit, pool and retry is set: the library's own defaults repeat whole
// pipelines and outlive deadlines.
func (r Redis) options() *redis.Options {
	network, addr := r.address()
	return &redis.Options{
		Network: network, Addr: addr, DB: r.DB,
		Protocol:                   3,
		ClientName:                 r.ClientName,
		Dialer:                     dialer{redis: r}.dial,
		CredentialsProviderContext: r.credentials,
		DialTimeout:                r.DialTimeout,
		DialerRetries:              1,
		ReadTimeout:                r.ReadTimeout,
		WriteTimeout:               r.WriteTimeout,
		ContextTimeoutEnabled:      true,
		PoolTimeout:                r.PoolTimeout,
		MaxIdleConns:               r.MaxIdleConnections,
		ConnMaxIdleTime:            orNone(r.HealthCheckInterval),
		DisableIdentity:            true, // its command is not in every server's permissions
		FailingTimeoutSeconds:      failingSeconds,
		MaintNotificationsConfig:   &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	}
}

// orNone says none as the library wants to hear it: zero is its default.
func orNone[T ~int | ~int64](value T) T {
	if value == 0 {
		return -1
	}
	return value
}

// behindSentinels makes a client of the primary that the Sentinels name, or of their replicas.
func (r Redis) behindSentinels(o *redis.Options, replicas bool) *redis.Client {
	client := redis.NewFailoverClient(&redis.FailoverOptions{
		MasterName:    r.Sentinel.Master,
		SentinelAddrs: r.Sentinel.seeds(),
		ReplicaOnly:   replicas,
		Dialer:        dialer{redis: r, sentinel: true}.dial,
		DB:            o.DB,
		Protocol:      o.Protocol, ClientName: o.ClientName,
		CredentialsProviderContext: o.CredentialsProviderContext,
		MaxRetries:                 o.MaxRetries, MinRetryBackoff: o.MinRetryBackoff, MaxRetryBackoff: o.MaxRetryBackoff,
		DialTimeout: o.DialTimeout, DialerRetries: o.DialerRetries,
		ReadTimeout: o.ReadTimeout, WriteTimeout: o.WriteTimeout, ContextTimeoutEnabled: o.ContextTimeoutEnabled,
		PoolSize: o.PoolSize, PoolTimeout: o.PoolTimeout, MaxIdleConns: o.MaxIdleConns, ConnMaxIdleTime: o.ConnMaxIdleTime,
		PipelinePoolSize: o.PipelinePoolSize, PipelineReadBufferSize: o.PipelineReadBufferSize, PipelineWriteBufferSize: o.PipelineWriteBufferSize,
		DisableIdentity: o.DisableIdentity, FailingTimeoutSeconds: o.FailingTimeoutSeconds,
	})
	client.AddHook(unsent{})
	markNodes(client.Options(), r.Sentinel.Master)
	return client
}

// overCluster makes a client of all nodes.
func (r Redis) overCluster(o *redis.Options, redirects int, replicas bool) *redis.ClusterClient {
	var made atomic.Pointer[redis.ClusterClient]
	client := redis.NewClusterClient(&redis.ClusterOptions{
		Addrs:        r.seeds(),
		ReadOnly:     replicas,
		MaxRedirects: orNone(redirects),
		Dialer: func(ctx context.Context, network, addr string) (net.Conn, error) {
			conn, err := o.Dialer(ctx, network, addr)
			if c := made.Load(); err != nil && c != nil {
				c.ReloadState(ctx) // the library does not: redis/go-redis#3979
			}
			return conn, err
		},
		Protocol: o.Protocol, ClientName: o.ClientName,
		CredentialsProviderContext: o.CredentialsProviderContext,
		MaxRetries:                 -1, // redirects bound what is repeated
		MinRetryBackoff:            o.MinRetryBackoff, MaxRetryBackoff: o.MaxRetryBackoff,
		DialTimeout: o.DialTimeout, DialerRetries: o.DialerRetries,
		ReadTimeout: o.ReadTimeout, WriteTimeout: o.WriteTimeout, ContextTimeoutEnabled: o.ContextTimeoutEnabled,
		PoolSize: o.PoolSize, PoolTimeout: o.PoolTimeout, MaxIdleConns: o.MaxIdleConns, ConnMaxIdleTime: o.ConnMaxIdleTime,
		PipelinePoolSize: o.PipelinePoolSize, PipelineReadBufferSize: o.PipelineReadBufferSize, PipelineWriteBufferSize: o.PipelineWriteBufferSize,
		DisableIdentity: o.DisableIdentity, FailingTimeoutSeconds: o.FailingTimeoutSeconds,
		MaintNotificationsConfig:   o.MaintNotificationsConfig,
		ClusterStateReloadInterval: topologyAge,
		// They cost a COMMAND before the first command, which outlives every deadline; commands without a key are sent to
		// chosen nodes here, never to the cluster at large.
		DisableRoutingPolicies: true,
	})
	client.OnNewNode(func(node *redis.Client) { node.AddHook(unsent{}) })
	made.Store(client)
	return client
}
