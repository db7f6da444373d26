package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"returnd/internal/job"
	"returnd/test/servers"
)

// cleanUp runs `worker cleanup` to its end.
func cleanUp(t *testing.T, s *store, flags ...string) (got swept) {
	t.Helper()
	out, errs, code := servers.Run(t, slices.Concat([]string{"cleanup", "-o", "json"}, s.args(), flags)...)
	if err := json.Unmarshal([]byte(out), &got); err != nil || code != 0 || errs != "" {
		t.Fatalf("worker cleanup %v: exit %d, %s%s (%v)", flags, code, out, errs, err)
	}
	return got
}

// contents is every key but the cleanup's own, with its value and whether it expires.
func contents(t *testing.T, c redis.UniversalClient) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, key := range keysOf(t, c) {
		if strings.HasPrefix(key, "returnd/{cleanup}/") || key == "returnd/indexed" {
			continue
		}
		value, err := c.Dump(t.Context(), key).Result()
		ttl, err2 := c.PTTL(t.Context(), key).Result()
		if err := errors.Join(err, err2); err != nil {
			t.Fatal(err)
		}
		all[key] = fmt.Sprintf("%q %v", value, ttl > 0)
	}
	return all
}

// put gives Redis commands, each on one key.
func put(t *testing.T, c redis.UniversalClient, commands ...[]any) {
	t.Helper()
	for _, args := range commands {
		if err := c.Do(context.Background(), args...).Err(); err != nil {
			t.Fatalf("%v: %v", args, err)
		}
	}
}

// Nothing to do is no error, and what is not a job's stays as it is, however much its name is like one's: minions named
// ret and load have pointers that are called like jobs.
func TestCleanupTouchesNothingForeign(t *testing.T) {
	t.Parallel()
	s := newStore(t, "")
	c := s.client(t, 0)
	for range 2 {
		if got := cleanUp(t, s); got.Looked != 0 || got.Removed != 0 {
			t.Errorf("an empty keyspace: got %+v", got)
		}
	}
	young := job.FormatJID(time.Now())
	put(t, c,
		[]any{"set", "ret:test.ping", old}, []any{"set", "load:test.ping", old}, []any{"sadd", "minions", "ret", "load", "web1"},
		[]any{"zadd", "returnd/seen", time.Now().UnixMicro(), "ret", time.Now().UnixMicro(), "load", time.Now().UnixMicro(), "web1"},
		[]any{"rpush", "ret:" + old, "a list"}, []any{"sadd", "load:" + old, "a set"}, []any{"zadd", "web1:test.ping", 1, "a sorted set"},
		[]any{"set", "returnd/history:web1", "a string"}, []any{"hset", "ret:config", "key", "value"}, []any{"set", "load:average", "0.5"},
		[]any{"set", "web1:status", "up"}, []any{"set", "session:17", old}, []any{"xadd", "ret:" + old + "_1", "*", "a", "stream"},
		[]any{"hset", "ret:", "no", "jid"}, []any{"hset", "ret:20251301000000000000", "month", "13"},
		[]any{"hset", "ret:" + young, "web1", "{}"}, []any{"expire", "ret:" + young, 80000},
	)
	before := contents(t, c)
	if got := cleanUp(t, s); got.Removed != 0 {
		t.Errorf("got %+v", got)
	}
	if diff := cmp.Diff(before, contents(t, c)); diff != "" {
		t.Errorf("(-before +after):\n%s", diff)
	}
}

// A job without a load lives as long as any other: until its start, keep and grace are over.
func TestCleanupOfReturnsWithoutALoad(t *testing.T) {
	t.Parallel()
	s := newStore(t, "")
	c := s.client(t, 0)
	ago := map[string]time.Duration{"just begun": 0, "at the end of its keep": keep - time.Minute, "in its grace": keep + 59*time.Minute, "past it": keep + 61*time.Minute}
	jids := map[string]string{}
	for name, d := range ago {
		jids[name] = job.FormatJID(time.Now().Add(-d))
		putReturns(t, c, jids[name])
	}
	if got := cleanUp(t, s); got.Removed != 1 {
		t.Errorf("got %+v", got)
	}
	for name, jid := range jids {
		if want := name != "past it"; there(t, c, jid) != want {
			t.Errorf("a job %s is there: %v, want %v", name, !want, want)
		}
	}
}

// Each kind of thing can be left out, and with a keep of 0 nothing goes by its age.
func TestCleanupSwitches(t *testing.T) {
	t.Parallel()
	s := newStore(t, "")
	c := s.client(t, 0)
	put(t, c,
		[]any{"hset", "ret:" + old, "web1", `{"jid": "` + old + `"}`}, []any{"set", "load:20200101000000000001", "{}"},
		[]any{"sadd", "minions", "web1", "gone"}, []any{"zadd", "returnd/seen", time.Now().UnixMicro(), "web1", 1, "gone"},
		[]any{"set", "web1:test.ping", "20200101000000000002"}, []any{"rpush", "returnd/history:web1", "20200101000000000003\ttest.ping"},
		[]any{"zadd", "returnd/jobs", 1, "20200101000000000004"},
	)
	all := []string{"returns", "loads", "pointers", "minions", "histories", "index"}
	without := func(on string) (flags []string) {
		for _, kind := range all {
			flags = append(flags, fmt.Sprintf("--cleanup.%s=%v", kind, kind == on))
		}
		return flags
	}
	before := contents(t, c)
	for name, flags := range map[string][]string{"nothing is swept": without(""), "nothing has an age": {"--keep_jobs_seconds", "0", "--cleanup.index=false"}} {
		if got := cleanUp(t, s, flags...); got.Removed != 0 {
			t.Errorf("%s: got %+v", name, got)
		}
		if diff := cmp.Diff(before, contents(t, c)); diff != "" {
			t.Errorf("%s (-before +after):\n%s", name, diff)
		}
	}
	for _, kind := range all {
		if got := cleanUp(t, s, without(kind)...); got.Removed != 1 {
			t.Errorf("%s alone: got %+v, want one removed", kind, got)
		}
	}
	left := slices.Sorted(maps.Keys(contents(t, c)))
	if diff := cmp.Diff([]string{"minions", "returnd/seen"}, left); diff != "" {
		t.Errorf("left (-want +got):\n%s", diff)
	}
}

// A database that a return asked for is swept as those that are configured.
func TestCleanupOfEveryDatabaseUsed(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	if !r.redis.databases() {
		return // a cluster has one
	}
	r.start(t)
	jid := job.FormatJID(time.Now())
	r.publish(t, job.NewSubjects("salt").Return(jid, "web1"), []byte(`{"id": "web1", "jid": "`+jid+`", "fun": "test.ping", "return": true, "ret_kwargs": {"db": 5}}`), nil)
	r.settle(t)
	fifth := r.db(t, 5)
	if !there(t, fifth, jid) {
		t.Fatal("the return is not in database 5")
	}
	putReturns(t, fifth, old)
	if got := cleanUp(t, r.redis); got.Removed != 1 || there(t, fifth, old) || !there(t, fifth, jid) {
		t.Errorf("got %+v, old there: %v, young there: %v", got, there(t, fifth, old), there(t, fifth, jid))
	}
}
