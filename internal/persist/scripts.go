package persist

import (
	"context"
	_ "embed" // the scripts
	"fmt"
	"strings"

	"github.com/redis/go-redis/v9"
)

// The scripts, each documented in its own file.
var (
	//go:embed expire.lua
	expireSource string
	//go:embed record.lua
	recordSource string
	//go:embed repeated.lua
	repeatedSource string
	//go:embed load.lua
	loadSource string
)

// scripts are the scripts' digests; a pipeline runs them by digest only, so every server must have them loaded.
type scripts struct {
	expire, record, repeated, load *redis.Script
}

func newScripts() scripts {
	return scripts{
		expire:   redis.NewScript(expireSource),
		record:   redis.NewScript(recordSource),
		repeated: redis.NewScript(repeatedSource),
		load:     redis.NewScript(loadSource),
	}
}

// install loads every script on the server.
func (s scripts) install(ctx context.Context, server redis.UniversalClient) error {
	for _, script := range []*redis.Script{s.expire, s.record, s.repeated, s.load} {
		if err := script.Load(ctx, server).Err(); err != nil {
			return fmt.Errorf("load scripts: %w", classify(err, ""))
		}
	}
	return nil
}

// missing tells a reply that says the server has lost its scripts (a restart, a failover, SCRIPT FLUSH).
func missing(err error) bool { return err != nil && strings.HasPrefix(err.Error(), "NOSCRIPT") }
