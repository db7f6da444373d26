package persist

import (
	"context"
	"crypto/sha1" // #nosec G505 -- Redis names scripts by it
	_ "embed"     // the scripts
	"encoding/hex"
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

// scripts are what a pipeline runs, by digest only, so every server must have them loaded.
type scripts struct {
	expire, record, pointer, history, repeated, load script
	look, absent, claim, finish                      script // of a job's completion
}

// script is a script's text and the digest by which the server knows it.
type script struct{ source, digest string }

func newScript(source string) script {
	digest := sha1.Sum([]byte(source)) // #nosec G401 -- Redis names scripts by it
	return script{source, hex.EncodeToString(digest[:])}
}

// Hash is the digest.
func (s script) Hash() string { return s.digest }

func newScripts() scripts {
	return scripts{
		expire:   newScript(expireSource),
		record:   including(recordSource),
		pointer:  including(pointerSource),
		history:  including(historySource),
		repeated: newScript(repeatedSource),
		load:     newScript(loadSource),
		look:     newScript(jobSource + lookSource),
		absent:   newScript(absentSource),
		claim:    newScript(jobSource + claimSource),
		finish:   newScript(finishSource),
	}
}

// including puts order.lua where a script asks for it: behind its usual cases, since every call that gets there makes
// the functions anew.
func including(source string) script {
	return newScript(strings.Replace(source, "--include order.lua\n", orderSource, 1))
}

// install loads every script on every server that takes writes, down a connection that batches use: where an address has
// changed hands, others may still lead to the server that had it before.
func (s scripts) install(ctx context.Context, c *connection) error {
	err := c.eachPrimary(ctx, func(ctx context.Context, server *redis.Client) error {
		pipe := server.Pipeline()
		for _, one := range []script{s.expire, s.record, s.pointer, s.history, s.repeated, s.load, s.look, s.absent, s.claim, s.finish} {
			pipe.ScriptLoad(ctx, one.source)
		}
		_, err := pipe.Exec(ctx)
		return err
	})
	if err != nil {
		return fmt.Errorf("load scripts: %w", hold(classify(err, "")))
	}
	return nil
}

// missing tells a reply that says the server has lost its scripts (a restart, a failover, SCRIPT FLUSH).
func missing(err error) bool { return err != nil && strings.HasPrefix(err.Error(), "NOSCRIPT") }
