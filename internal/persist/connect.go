package persist

import (
	"context"
	"crypto/tls"
	"fmt"
	"os"
	"strings"
	"sync"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// What a connection for batches buffers each way: a batch is a few hundred kilobytes to megabytes.
const pipelineBuffer = 256 << 10

// options builds the client's settings. Every time limit, pool and retry is set here: the library's own defaults retry
// whole pipelines and outlive deadlines.
func (r Redis) options(db int) (*redis.Options, error) {
	a, err := r.address()
	if err != nil {
		return nil, err
	}
	if db >= 0 {
		a.db = db
	}
	o := &redis.Options{
		Network: a.network, Addr: a.addr, DB: a.db,
		ClientName:            r.ClientName,
		DialTimeout:           r.DialTimeout,
		DialerRetries:         1,
		ReadTimeout:           r.ReadTimeout,
		WriteTimeout:          r.WriteTimeout,
		PoolTimeout:           r.ReadTimeout,
		ContextTimeoutEnabled: true,
		MaxRetries:            -1,
		DisableIdentity:       true,
		MaintNotificationsConfig: &maintnotifications.Config{
			Mode: maintnotifications.ModeDisabled,
		},
	}
	if a.tls {
		o.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12, ServerName: a.serverName}
	}
	o.CredentialsProvider = r.credentials(a)
	return o, nil
}

// credentials reads the password file anew for each connection, so that a rotated secret is taken up.
func (r Redis) credentials(a address) func() (string, string) {
	return func() (string, string) {
		if r.PasswordFile == "" {
			return a.username, a.password
		}
		text, err := os.ReadFile(r.PasswordFile)
		if err != nil {
			return a.username, "" // the server's refusal names the file's option
		}
		return a.username, strings.TrimRight(string(text), "\r\n")
	}
}

// quiet keeps the client library from writing lines of its own to stderr: what it has to say comes back as errors.
var quiet = sync.OnceFunc(func() { redis.SetLogger(silence{}) })

type silence struct{}

func (silence) Printf(context.Context, string, ...any) {}

// dial makes the two clients of one database: batches never wait for the connections of queries.
func dial(r Redis, db int) (writer, reader redis.UniversalClient, err error) {
	o, err := r.options(db)
	if err != nil {
		return nil, nil, fmt.Errorf("redis options: %w", err)
	}
	forWrites, forReads := *o, *o
	forWrites.PoolSize, forWrites.PipelinePoolSize = 4, 32
	forWrites.PipelineReadBufferSize, forWrites.PipelineWriteBufferSize = pipelineBuffer, pipelineBuffer
	forReads.PoolSize, forReads.PipelinePoolSize = r.PoolSize, r.PoolSize
	return redis.NewClient(&forWrites), redis.NewClient(&forReads), nil
}
