package e2e

import (
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"
)

// TestForeignKeysInTheWay: a value of another type where a return's key should
// be is not touched, costs that return alone, and is told.
func TestForeignKeysInTheWay(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c := r.db(t, 0)
	now := time.Now()
	jid := func(i int) string { return formatJID(now.Add(time.Duration(i-1000) * time.Millisecond)) }
	pipe := c.Pipeline()
	pipe.RPush(t.Context(), "pointer:test.ping", "foreign")
	pipe.Set(t.Context(), "ret:"+jid(1), "foreign", 0)
	pipe.SAdd(t.Context(), "returnd/history:history", "foreign")
	pipe.HSet(t.Context(), "load:"+jid(2), "foreign", "")
	if _, err := pipe.Exec(t.Context()); err != nil {
		t.Fatal(err)
	}
	foreign := frozen(t, c, keysOf(t, c))
	r.start(t)
	var want []letter
	for i, id := range []string{"pointer", "job", "history", "web1"} {
		body := request("id", id, "jid", jid(i), "fun", "test.ping", "return", id)
		r.publish(t, returnSubject(jid(i), id), []byte(body), nil)
		if id != "web1" {
			want = append(want, letter{Subject: returnSubject(jid(i), id), Reason: "wrong_type", Body: body})
		}
	}
	load := request("jid", jid(2), "fun", "test.ping", "tgt", "*")
	r.publish(t, loadSubject(jid(2)), []byte(load), nil)
	want = append(want, letter{Subject: loadSubject(jid(2)), Reason: "wrong_type", Body: load})
	r.settle(t)
	checkForeign(t, c, foreign)
	checkLetters(t, want, r.letters(t))
	if got := c.Get(t.Context(), "web1:test.ping").Val(); got != jid(3) {
		t.Errorf("the neighbour's pointer is %q, want %q", got, jid(3))
	}
}

// plantForeign puts keys of every type into the database, with names near to
// ours, and gives them as they are.
func plantForeign(t *testing.T, c redis.UniversalClient) map[string]string {
	t.Helper()
	ctx := t.Context()
	pipe := c.Pipeline()
	pipe.Set(ctx, "session:42", "text", time.Hour)
	pipe.Set(ctx, "web2:x.y", "no jid", 0) // where a pointer would land if its return were good
	pipe.RPush(ctx, "queue", "a", "b")
	pipe.SAdd(ctx, "minions:spare", "a", "b")
	pipe.ZAdd(ctx, "returnd:jobs", redis.Z{Score: 1.5, Member: "a"})
	pipe.HSet(ctx, "load", "a", "b")
	pipe.HSet(ctx, "retention:20200101000000000000", "a", "b")
	pipe.XAdd(ctx, &redis.XAddArgs{Stream: "events", Values: []string{"a", "b"}})
	pipe.SetBit(ctx, "ret", 7, 1)
	pipe.PFAdd(ctx, "visitors", "a")
	if _, err := pipe.Exec(ctx); err != nil {
		t.Fatal(err)
	}
	return frozen(t, c, keysOf(t, c))
}

// frozen is the exact state of some keys.
func frozen(t *testing.T, c redis.UniversalClient, keys []string) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, key := range keys {
		text, err := c.Dump(t.Context(), key).Result()
		if err != nil {
			t.Fatalf("%s: %v", key, err)
		}
		when, err := c.PExpireTime(t.Context(), key).Result()
		if err != nil {
			t.Fatal(err)
		}
		all[key] = when.String() + " " + text
	}
	return all
}

func checkForeign(t *testing.T, c redis.UniversalClient, before map[string]string) {
	t.Helper()
	if diff := cmp.Diff(before, frozen(t, c, slices.Sorted(maps.Keys(before)))); diff != "" {
		t.Errorf("foreign keys were touched (-before +after):\n%s", diff)
	}
}
