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
	//go:embed history.lua
	historySource string
	//go:embed repeated.lua
	repeatedSource string
	//go:embed load.lua
	loadSource string
)

// scripts are the scripts' digests; a pipeline runs them by digest only, so every server must have them loaded.
type scripts struct {
	pointer, history, repeated, load *redis.Script
}

func newScripts() scripts {
	return scripts{
		pointer:  redis.NewScript(pointerSource),
		history:  redis.NewScript(historySource),
		repeated: redis.NewScript(repeatedSource),
		load:     redis.NewScript(loadSource),
	}
}

// install loads every script on the server.
func (s scripts) install(ctx context.Context, server redis.UniversalClient) error {
	for _, script := range []*redis.Script{s.pointer, s.history, s.repeated, s.load} {
		if err := script.Load(ctx, server).Err(); err != nil {
			return fmt.Errorf("load scripts: %w", classify(err, ""))
		}
	}
	return nil
}

// missing tells a reply that says the server has lost its scripts (a restart, a failover, SCRIPT FLUSH).
func missing(err error) bool { return err != nil && strings.HasPrefix(err.Error(), "NOSCRIPT") }

// scriptFailures reads the result of a script over size keys: a flat list of index (from 1) and error text, or the
// failure of the whole call.
func scriptFailures(cmd *redis.Cmd, size int, key string, fail func(i int, err error)) {
	list, err := cmd.Slice()
	if err != nil {
		err = classify(err, key)
		for i := range size {
			fail(i, err)
		}
		return
	}
	for i := 0; i+1 < len(list); i += 2 {
		at, _ := list[i].(int64)
		reason, _ := list[i+1].(string)
		fail(int(at)-1, classifyReply(reason, key))
	}
}
