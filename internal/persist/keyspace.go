package persist

import (
	"context"
	"fmt"

	"github.com/redis/go-redis/v9"
)

const (
	// keysAtOnce is how many keys one SCAN looks at: a fraction of a millisecond.
	keysAtOnce = 1000
	// scanRounds is how often the scan of a server begins again because another process had taken its place.
	scanRounds = 3
)

// eachKey hands over the keys that a pattern matches, of all servers that take writes, side by side; each at least once.
func (c *connection) eachKey(ctx context.Context, pattern string, take func(ctx context.Context, keys []string) error) error {
	return c.eachPrimary(ctx, func(ctx context.Context, node *redis.Client) error {
		return scanKeys(ctx, node, pattern, take)
	})
}

// scanKeys scans one server. Its cursors mean something to one process only, so that each step asks which one it is.
func scanKeys(ctx context.Context, node *redis.Client, pattern string, take func(context.Context, []string) error) error {
	process, at := "", uint64(0)
	for rounds := 1; ; {
		pipe := node.Pipeline()
		scan, info := pipe.Scan(ctx, at, pattern, keysAtOnce), pipe.Info(ctx, "server")
		_, _ = pipe.Exec(ctx)
		keys, next, err := scan.Result()
		if err == nil && at|next != 0 { // else it was the only step
			err = info.Err()
		}
		if err != nil {
			return fmt.Errorf("scan for %s: %w", pattern, classify(err, ""))
		}
		run := runID(info.Val())
		if at != 0 && run != process {
			if rounds++; rounds > scanRounds {
				return errChanged
			}
			at = 0
			continue
		}
		if err := take(ctx, keys); err != nil {
			return err
		}
		if process, at = run, next; at == 0 {
			return nil
		}
	}
}
