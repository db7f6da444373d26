package persist

import (
	"context"
	_ "embed" // the scripts
	"errors"
	"fmt"
	"strings"

	"github.com/redis/go-redis/v9"
)

// The scripts, each documented in its own file.
var (
	//go:embed expire.lua
	expireSource string
	//go:embed order.lua
	orderSource string
	//go:embed record.lua
	recordSource string
	//go:embed pointer.lua
	pointerSource string
	//go:embed history.lua
	historySource string
	//go:embed repeated.lua
	repeatedSource string
	//go:embed load.lua
	loadSource string
	//go:embed job.lua
	jobSource string
	//go:embed look.lua
	lookSource string
	//go:embed absent.lua
	absentSource string
	//go:embed claim.lua
	claimSource string
	//go:embed finish.lua
	finishSource string
)

// scripts are the scripts' digests; a pipeline runs them by digest only, so every server must have them loaded.
type scripts struct {
	expire, record, pointer, history, repeated, load *redis.Script
	look, absent, claim, finish                      *redis.Script // of a job's completion
}

func newScripts() scripts {
	return scripts{
		expire:   redis.NewScript(expireSource),
		record:   including(recordSource),
		pointer:  including(pointerSource),
		history:  including(historySource),
		repeated: redis.NewScript(repeatedSource),
		load:     redis.NewScript(loadSource),
		look:     redis.NewScript(jobSource + lookSource),
		absent:   redis.NewScript(absentSource),
		claim:    redis.NewScript(jobSource + claimSource),
		finish:   redis.NewScript(finishSource),
	}
}

// including puts order.lua where a script asks for it: behind its usual cases, since every call that gets there makes
// the functions anew.
func including(source string) *redis.Script {
	return redis.NewScript(strings.Replace(source, "--include order.lua\n", orderSource, 1))
}

// install loads every script on every server that takes writes.
func (s scripts) install(ctx context.Context, c *connection) error {
	err := c.eachPrimary(ctx, func(ctx context.Context, server *redis.Client) error {
		var errs []error
		for _, script := range []*redis.Script{s.expire, s.record, s.pointer, s.history, s.repeated, s.load, s.look, s.absent, s.claim, s.finish} {
			errs = append(errs, script.Load(ctx, server).Err())
		}
		return errors.Join(errs...)
	})
	if err != nil {
		return fmt.Errorf("load scripts: %w", hold(classify(err, "")))
	}
	return nil
}

// missing tells a reply that says the server has lost its scripts (a restart, a failover, SCRIPT FLUSH).
func missing(err error) bool { return err != nil && strings.HasPrefix(err.Error(), "NOSCRIPT") }
