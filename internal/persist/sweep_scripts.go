package persist

import (
	"context"
	_ "embed" // the scripts
	"errors"
	"fmt"

	"github.com/redis/go-redis/v9"
)

// The sweep's scripts, each documented in its own file.
var (
	//go:embed verdict.lua
	verdictSource string
	//go:embed sweep_return.lua
	sweepReturnSource string
	//go:embed sweep_load.lua
	sweepLoadSource string
	//go:embed sweep_pointer.lua
	sweepPointerSource string
	//go:embed sweep_history.lua
	sweepHistorySource string
	//go:embed sweep_minion.lua
	sweepMinionSource string
)

// sweepScripts are the scripts' digests.
type sweepScripts struct{ returns, loads, pointer, history, minions *redis.Script }

func newSweepScripts() sweepScripts {
	return sweepScripts{
		returns: redis.NewScript(verdictSource + sweepReturnSource),
		loads:   redis.NewScript(verdictSource + sweepLoadSource),
		pointer: redis.NewScript(verdictSource + sweepPointerSource),
		history: redis.NewScript(verdictSource + sweepHistorySource),
		minions: redis.NewScript(verdictSource + sweepMinionSource),
	}
}

// install loads every script on every server that takes writes.
func (s sweepScripts) install(ctx context.Context, c *connection) error {
	err := c.eachPrimary(ctx, func(ctx context.Context, server *redis.Client) error {
		var errs []error
		for _, script := range []*redis.Script{s.returns, s.loads, s.pointer, s.history, s.minions} {
			errs = append(errs, script.Load(ctx, server).Err())
		}
		return errors.Join(errs...)
	})
	if err != nil {
		return fmt.Errorf("load scripts: %w", hold(classify(err, "")))
	}
	return nil
}
