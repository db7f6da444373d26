package torture

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"returnd/test/servers"
)

// value is one key of Redis in a form in which two of them are equal or not.
type value struct {
	kind    string
	text    string             // string
	fields  map[string]string  // hash
	scores  map[string]float64 // sorted set
	members []string           // set and list: sorted
	expires time.Time          // zero: never
}

// keyspace is all that a database holds, less what promise 2 excepts.
type keyspace map[string]value

// excepted names what promise 2 leaves out: the lease and its token by key, the bookkeeping of a job's completion by
// field. The order inside a history list is left out by sorting it.
var (
	exceptedKeys   = []string{"returnd/{cleanup}/lease", "returnd/{cleanup}/token"}
	exceptedFields = []string{"announcing", "announced"}
)

const historyPrefix = "returnd/history:"

// readStep bounds one pipeline of reads.
const readStep = 1000

// readKeyspace takes everything out of a database.
func readKeyspace(ctx context.Context, c *redis.Client) (keyspace, error) {
	all := keyspace{}
	var cursor uint64
	for {
		keys, next, err := c.Scan(ctx, cursor, "*", readStep).Result()
		if err != nil {
			return nil, fmt.Errorf("scan: %w", err)
		}
		keys = slices.DeleteFunc(keys, func(k string) bool { return slices.Contains(exceptedKeys, k) })
		if err := all.read(ctx, c, keys); err != nil {
			return nil, err
		}
		if cursor = next; cursor == 0 {
			return all, nil
		}
	}
}

func (k keyspace) read(ctx context.Context, c *redis.Client, keys []string) error {
	if len(keys) == 0 {
		return nil
	}
	kinds, expiries := make([]*redis.StatusCmd, len(keys)), make([]*redis.Cmd, len(keys))
	pipe := c.Pipeline()
	for i, key := range keys {
		kinds[i], expiries[i] = pipe.Type(ctx, key), pipe.Do(ctx, "pexpiretime", key)
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return fmt.Errorf("read types: %w", err)
	}
	pipe = c.Pipeline()
	contents := make([]redis.Cmder, len(keys))
	for i, key := range keys {
		contents[i] = content(ctx, pipe, kinds[i].Val(), key)
	}
	if _, err := pipe.Exec(ctx); err != nil && !errors.Is(err, redis.Nil) {
		return fmt.Errorf("read values: %w", err)
	}
	for i, key := range keys {
		v := valueOf(kinds[i].Val(), contents[i])
		if at, _ := expiries[i].Int64(); at > 0 {
			v.expires = time.UnixMilli(at)
		}
		k[key] = v
	}
	return nil
}

func content(ctx context.Context, pipe redis.Pipeliner, kind, key string) redis.Cmder {
	switch kind {
	case "string":
		return pipe.Get(ctx, key)
	case "hash":
		return pipe.HGetAll(ctx, key)
	case "zset":
		return pipe.ZRangeWithScores(ctx, key, 0, -1)
	case "set":
		return pipe.SMembers(ctx, key)
	case "list":
		return pipe.LRange(ctx, key, 0, -1)
	}
	return pipe.Do(ctx, "type", key)
}

func valueOf(kind string, cmd redis.Cmder) value {
	v := value{kind: kind}
	switch cmd := cmd.(type) {
	case *redis.StringCmd:
		v.text = cmd.Val()
	case *redis.MapStringStringCmd:
		v.fields = cmd.Val()
		maps.DeleteFunc(v.fields, func(field, _ string) bool { return slices.Contains(exceptedFields, field) })
	case *redis.ZSliceCmd:
		v.scores = map[string]float64{}
		for _, z := range cmd.Val() {
			v.scores[z.Member.(string)] = z.Score
		}
	case *redis.StringSliceCmd:
		v.members = cmd.Val()
		slices.Sort(v.members)
	}
	return v
}

// clientOn is a plain client, to look at what the workers leave.
func clientOn(t testing.TB, p *servers.Process, db int) *redis.Client {
	t.Helper()
	c := redis.NewClient(&redis.Options{Addr: p.Addr, DB: db, DisableIdentity: true, ContextTimeoutEnabled: true})
	t.Cleanup(func() { _ = c.Close() })
	return c
}
