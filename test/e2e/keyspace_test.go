package e2e

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"
)

// keyspace is one database.
type keyspace map[string]entry

// entry is a key. Its value is a string, map[string]string (hash), []string
// (set or list, sorted: the order in a history is not promised), or
// map[string]score (sorted set).
type entry struct {
	Type    string
	Value   any
	Expires expiry
}

// expiry is in Unix seconds; never is no expiry at all.
type expiry int64

const never expiry = 0

func at(t time.Time) expiry { return expiry(t.Unix()) }

// score is a start in Unix microseconds.
type score float64

// tolerance is how far clocks, and the time from a jid to the stream's
// timestamp of its message, may be apart on a busy machine.
const tolerance = 5 * time.Second

// nearly compares what depends on the moment of publishing.
var nearly = cmp.Options{
	cmp.Comparer(func(a, b expiry) bool {
		return a == b || a != never && b != never && math.Abs(float64(a-b)) <= tolerance.Seconds()
	}),
	cmp.Comparer(func(a, b score) bool {
		apart := math.Abs(float64(a - b))
		hour := float64(time.Hour.Microseconds())
		// Scores cut to the hour may lie on both sides of a full hour.
		return apart <= float64(tolerance.Microseconds()) || apart == hour && math.Mod(float64(a), hour) == 0 && time.Since(time.Now().Truncate(time.Hour)) < time.Minute
	}),
}

// dump reads a whole database.
func dump(t *testing.T, c redis.UniversalClient) keyspace {
	t.Helper()
	k := keyspace{}
	for _, key := range keysOf(t, c) {
		k[key] = read(t, c, key)
	}
	return k
}

func read(t *testing.T, c redis.UniversalClient, key string) entry {
	t.Helper()
	ctx := t.Context()
	kind, err := c.Type(ctx, key).Result()
	if err != nil {
		t.Fatal(err)
	}
	e := entry{Type: kind}
	switch kind {
	case "string":
		e.Value, err = c.Get(ctx, key).Result()
	case "hash":
		var fields map[string]string
		fields, err = c.HGetAll(ctx, key).Result()
		delete(fields, "announcing") // when, and by whom
		delete(fields, "announced")
		e.Value = fields
	case "set":
		e.Value, err = sorted(c.SMembers(ctx, key).Result())
	case "list":
		e.Value, err = sorted(c.LRange(ctx, key, 0, -1).Result())
	case "zset":
		e.Value, err = scores(c.ZRangeWithScores(ctx, key, 0, -1).Result())
	default:
		e.Value, err = c.Dump(ctx, key).Result()
	}
	if err != nil {
		t.Fatalf("read %s: %v", key, err)
	}
	e.Expires = expires(t, c, key)
	return e
}

func expires(t *testing.T, c redis.UniversalClient, key string) expiry {
	t.Helper()
	// -1 (no expiry) comes as that number of nanoseconds.
	when, err := c.ExpireTime(t.Context(), key).Result()
	if err != nil {
		t.Fatal(err)
	}
	if when < 0 {
		return never
	}
	return expiry(when / time.Second)
}

func sorted(list []string, err error) ([]string, error) {
	slices.Sort(list)
	return list, err
}

func scores(members []redis.Z, err error) (map[string]score, error) {
	all := map[string]score{}
	for _, m := range members {
		all[m.Member.(string)] = score(m.Score)
	}
	return all, err
}

// add puts a text into a set or list.
func (k keyspace) add(key, kind, member string) {
	e := k[key]
	list, _ := e.Value.([]string)
	if !slices.Contains(list, member) {
		list = append(slices.Clone(list), member)
	}
	slices.Sort(list)
	k[key] = entry{kind, list, e.Expires}
}

// put sets a field of a hash.
func (k keyspace) put(key, field, value string, when expiry) {
	fields, _ := k[key].Value.(map[string]string)
	if fields == nil {
		fields = map[string]string{}
	}
	fields[field] = value
	k[key] = entry{"hash", fields, when}
}

// rate sets a member's score where it grows.
func (k keyspace) rate(key, member string, start score) {
	members, _ := k[key].Value.(map[string]score)
	if members == nil {
		members = map[string]score{}
	}
	members[member] = max(members[member], start)
	k[key] = entry{"zset", members, never}
}
