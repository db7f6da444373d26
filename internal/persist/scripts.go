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
	//go:embed pointer.lua
	pointerSource string
	//go:embed store.lua
	storeSource string
	//go:embed load.lua
	loadSource string
)

// scripts are the scripts' digests; a pipeline runs them by digest only, so every server must have them loaded.
type scripts struct {
	store, pointer, load *redis.Script
}

func newScripts() scripts {
	return scripts{
		store:   redis.NewScript(storeSource),
		pointer: redis.NewScript(pointerSource),
		load:    redis.NewScript(loadSource),
	}
}

// install loads every script on the server.
func (s scripts) install(ctx context.Context, server redis.UniversalClient) error {
	for _, script := range []*redis.Script{s.store, s.pointer, s.load} {
		if err := script.Load(ctx, server).Err(); err != nil {
			return fmt.Errorf("load scripts: %w", classify(err, ""))
		}
	}
	return nil
}

// missing tells a reply that says the server has lost its scripts (a restart, a failover, SCRIPT FLUSH).
func missing(err error) bool { return err != nil && strings.HasPrefix(err.Error(), "NOSCRIPT") }

// scriptFailures reads what a script says of the keys it could not write: a flat list of index (from 1) and error text.
func scriptFailures(list []any, key string, fail func(i int, err error)) {
	for i := 0; i+1 < len(list); i += 2 {
		at, _ := list[i].(int64)
		reason, _ := list[i+1].(string)
		fail(int(at)-1, classifyReply(reason, key))
	}
}
