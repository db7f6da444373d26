package cleanup

import (
	"context"
	_ "embed" // the scripts
	"fmt"

	"github.com/redis/go-redis/v9"
)

// The keys, all in one slot of a cluster, so that a script may touch several of them.
const (
	keyLease = "returnd/{cleanup}/lease"
	keyToken = "returnd/{cleanup}/token"
	keyAt    = "returnd/{cleanup}/at"
	keyLast  = "returnd/{cleanup}/last"
)

// The scripts, each documented in its own file.
var (
	//go:embed acquire.lua
	acquireSource string
	//go:embed extend.lua
	extendSource string
	//go:embed release.lua
	releaseSource string
	//go:embed note.lua
	noteSource string
	//go:embed state.lua
	stateSource string
)

// Dial gives the client of the Redis that keeps the lease; it may have to connect first. The client must read where it
// writes: a replica may tell of a lease that is another's by now.
type Dial func(context.Context) (redis.UniversalClient, error)

// scripts runs the scripts on one Redis.
type scripts struct {
	dial                                  Dial
	acquire, extend, release, note, state *redis.Script
}

func newScripts(dial Dial) *scripts {
	return &scripts{
		dial:    dial,
		acquire: redis.NewScript(acquireSource),
		extend:  redis.NewScript(extendSource),
		release: redis.NewScript(releaseSource),
		note:    redis.NewScript(noteSource),
		state:   redis.NewScript(stateSource),
	}
}

// maxLoads bounds how often a script is loaded for one call: once, and once more for a failover in between.
const maxLoads = 2

// run calls a script by its digest, and loads it where the server does not have it: EVAL is in nobody's permissions.
func (s *scripts) run(ctx context.Context, script *redis.Script, keys []string, args ...any) (any, error) {
	client, err := s.dial(ctx)
	if err != nil {
		return nil, err
	}
	for range maxLoads {
		reply, err := script.EvalSha(ctx, client, keys, args...).Result()
		if !redis.HasErrorPrefix(err, "NOSCRIPT") {
			return reply, err
		}
		if err := load(ctx, client, script); err != nil {
			return nil, fmt.Errorf("load a script: %w", err)
		}
	}
	return script.EvalSha(ctx, client, keys, args...).Result()
}

// number runs a script that answers a number.
func (s *scripts) number(ctx context.Context, script *redis.Script, keys []string, args ...any) (int64, error) {
	reply, err := s.run(ctx, script, keys, args...)
	if err != nil {
		return 0, err
	}
	n, ok := reply.(int64)
	if !ok {
		return 0, fmt.Errorf("%w: %T", errReply, reply)
	}
	return n, nil
}

// load loads the script on the server that takes writes to our keys: a cluster's client would ask every node, those that
// are down included.
func load(ctx context.Context, client redis.UniversalClient, script *redis.Script) error {
	cluster, ok := client.(*redis.ClusterClient)
	if !ok {
		return script.Load(ctx, client).Err()
	}
	server, err := cluster.MasterForKey(ctx, keyLease)
	if err != nil {
		return err
	}
	return script.Load(ctx, server).Err()
}
