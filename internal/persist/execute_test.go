package persist

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"returnd/internal/job"
	"returnd/test/servers"
)

// room is a message of NATS.
const room = 1 << 20

var anybody = job.Access{Limit: room}

func command(line string) job.Command { return job.Command{Args: strings.Fields(line)} }

// execute gives a command, and wants a reply.
func execute(t *testing.T, s *Store, line, target string) any {
	t.Helper()
	c := command(line)
	c.Target = target
	reply, err := s.Execute(t.Context(), anybody, c)
	if err != nil {
		t.Fatalf("%s at %q: %v", line, target, err)
	}
	return reply
}

// refused wants a command to be refused in so many words.
func refused(t *testing.T, err error, kind job.Refused, want string) {
	t.Helper()
	if r := asRefusal(err); r == nil || r.Kind != kind || !strings.Contains(r.Detail, want) {
		t.Errorf("error = %v, want %s: … %s …", err, kind, want)
	}
}

func TestSetAndGet(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	set := func(key, value string, o job.SetOptions) bool {
		t.Helper()
		done, err := r.store.Set(t.Context(), anybody, key, value, o)
		if err != nil {
			t.Fatalf("Set %s: %v", key, err)
		}
		return done
	}
	if set("k", "0", job.SetOptions{IfPresent: true}) || !set("k", "1", job.SetOptions{IfMissing: true}) || set("k", "2", job.SetOptions{IfMissing: true}) {
		t.Error("nx and xx are not obeyed")
	}
	if !set("k", "a\x00\xff", job.SetOptions{IfPresent: true, Expire: 90 * time.Second}) || r.ttl("k") != 90*time.Second {
		t.Errorf("the key lives for %v", r.ttl("k"))
	}
	for key, want := range map[string][]byte{"k": []byte("a\x00\xff"), "none": nil, "empty": {}} {
		if key == "empty" {
			set(key, "", job.SetOptions{})
		}
		if got, err := r.store.Get(t.Context(), anybody, key); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("Get %s = %#v, %v, want %#v", key, got, err, want)
		}
	}
	r.redis.LPush(t.Context(), "list", "x")
	_, err := r.store.Get(t.Context(), anybody, "list")
	refused(t, err, job.RefusedMalformed, "WRONGTYPE")
}

func TestReplies(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for _, tt := range []struct {
		line string
		want any
	}{
		{"set k v", "OK"},
		{"get k", "v"},
		{"get none", nil},
		{"incr n", int64(1)},
		{"mget k none n", []any{"v", nil, "1"}},
		{"mset a 1 b 2", "OK"},
		{"del a b c", int64(2)},
		{"hset h f v", int64(1)},
		{"hgetall h", map[any]any{"f": "v"}},
		{"sadd s m", int64(1)},
		{"smembers s", []any{"m"}},
		{"zadd z 1.5 m", int64(1)},
		{"zscore z m", 1.5},
		{"ping", "PONG"},
		{"pubsub numsub c", map[any]any{"c": int64(0)}},
		{"object encoding n", "int"},
	} {
		if got := execute(t, r.store, tt.line, ""); !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s gave %#v, want %#v", tt.line, got, tt.want)
		}
	}
	open := job.Access{Limit: room, Open: []string{"*"}}
	script := job.Command{Args: []string{"eval", "redis.setresp(3); return {1, 'x', {map={a=true}}, redis.error_reply('ERR no'), {double=2.5}}", "0"}}
	got, err := r.store.Execute(t.Context(), open, script)
	if want := []any{int64(1), "x", map[any]any{"a": true}}; err != nil || !reflect.DeepEqual(got.([]any)[:3], want) {
		t.Errorf("a script gave %#v, %v", got, err)
	}
}

func TestRefusedByRedis(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.redis.Set(t.Context(), "text", "x", 0)
	for line, want := range map[string]string{
		"incr text":          "not an integer",
		"lpush text x":       "WRONGTYPE",
		"nosuch a b":         "Invalid command specified",
		"nosuch":             "unknown command",
		"get a b c":          "Invalid number of arguments",
		"get":                "wrong number of arguments",
		"evalsha 0000 0":     "",
		"set k v ex 0":       "invalid expire",
		"config get":         "wrong number of arguments",
		"config nosuch x":    "",
		"scan 0 count 10001": "COUNT of SCAN must be a number up to 10000",
		"keys":               "wrong number of arguments",
		"keys a b":           "wrong number of arguments",
	} {
		_, err := r.store.Execute(t.Context(), job.Access{Limit: room, Open: []string{"*"}}, command(line))
		refused(t, err, job.RefusedMalformed, want)
	}
}

// No command reaches what is ours or Salt's, by whatever word it names it.
func TestKeysOfTheReturner(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.write(ret(jidAt(time.Minute), "web1", "test.ping"))
	for _, line := range []string{
		"get minions", "hgetall ret:1", "set load:1 x", "zrange returnd/jobs 0 -1", "del returnd/job:1",
		"get web1:test.ping", "set web1:new x", "del a b web1:x", "mget a ret:1", "mset a 1 minions 2", "rename a web1:f",
		"memory usage ret:1", "object encoding minions", "copy a ret:1", "sort a store ret:1", "zunionstore d 2 a ret:1",
		"xread count 1 streams a ret:1 0 0", "georadius a 1 1 1 m store load:1", "RENAME ret:1 b",
	} {
		_, err := r.store.Execute(t.Context(), anybody, command(line))
		refused(t, err, job.RefusedForbidden, "query.redis_execute.keys")
	}
	_, err := r.store.Get(t.Context(), anybody, "ret:1")
	refused(t, err, job.RefusedForbidden, `the key "ret:1" is the returner's`)
	_, err = r.store.Set(t.Context(), anybody, "web1:x", "", job.SetOptions{})
	refused(t, err, job.RefusedForbidden, `the key "web1:<fun>"`)
	for _, line := range []string{
		"eval return 0", "evalsha x 1 a", "fcall f 1 a", "flushall", "flushdb", "swapdb 0 1", "move a 1", "copy a b db 1",
		"sort a by w_*", "sort a get x_*", "sort_ro a by w_*", "ft.search index q", "ts.mget filter x", "nosuch",
	} {
		_, err := r.store.Execute(t.Context(), anybody, command(line))
		if asRefusal(err) == nil || asRefusal(err).Kind == job.RefusedMalformed && !strings.Contains(err.Error(), "Invalid command") {
			t.Errorf("%s: %v, want a refusal", line, err)
		}
	}
	for _, line := range []string{"set cache:1 x", "set a:b:c x", "set web2:test.ping x", "set returnd x", "set retx x", "sort cache:1 alpha", "copy cache:1 b"} {
		if _, err := r.store.Execute(t.Context(), anybody, command(line)); err != nil && !strings.Contains(err.Error(), "WRONGTYPE") {
			t.Errorf("%s: %v", line, err)
		}
	}
	open := job.Access{Limit: room, Open: []string{"min*", "web1:*", "returnd/*", "ret:[0-9]*"}}
	for _, line := range []string{"scard minions", "get web1:test.ping", "zcard returnd/seen", "lrange returnd/history:web1 0 -1", "hlen ret:1"} {
		if _, err := r.store.Execute(t.Context(), open, command(line)); err != nil {
			t.Errorf("opened, %s: %v", line, err)
		}
	}
	_, err = r.store.Execute(t.Context(), open, command("get ret:x"))
	refused(t, err, job.RefusedForbidden, "returner's")
}

func TestKeysAreScanned(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	pipe := r.redis.Pipeline()
	for i := range 3000 {
		pipe.Set(t.Context(), fmt.Sprintf("k%d", i), "", 0)
	}
	if _, err := pipe.Exec(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := execute(t, r.store, "keys k*", ""); len(got.([]any)) != 3000 {
		t.Errorf("%d keys, want 3000", len(got.([]any)))
	}
	page := execute(t, r.store, "scan 0 match k* count 10", "").([]any)
	if page[0] == "0" || len(page[1].([]any)) > 100 {
		t.Errorf("a page of SCAN holds %d keys, cursor %v", len(page[1].([]any)), page[0])
	}
	whole := execute(t, r.store, "scan 0 count 1000", job.TargetAll).([]any)
	if whole[0] != "0" || len(whole[1].([]any)) != 3000 {
		t.Errorf("a scan of all gave %d keys, cursor %v", len(whole[1].([]any)), whole[0])
	}
	_, err := r.store.Execute(t.Context(), job.Access{Limit: 5000}, command("keys k*"))
	refused(t, err, job.RefusedTooLarge, "narrow the pattern")
	if n := r.proc.Do("info", "commandstats").String(); strings.Contains(n, "cmdstat_keys:") {
		t.Error("KEYS was sent")
	}
}

// What does not fit a message is not read to its end, and the next command finds its connection in order.
func TestRepliesAreBounded(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.redis.Set(t.Context(), "large", strings.Repeat("x", 3<<20), 0)
	for range 3 {
		_, err := r.store.Get(t.Context(), anybody, "large")
		refused(t, err, job.RefusedTooLarge, "does not fit")
		_, err = r.store.Execute(t.Context(), anybody, command("mget a large"))
		refused(t, err, job.RefusedTooLarge, "does not fit")
		if got := execute(t, r.store, "strlen large", ""); got != int64(3<<20) {
			t.Errorf("strlen gave %v", got)
		}
	}
	if got, err := r.store.Get(t.Context(), job.Access{Limit: 4 << 20}, "large"); err != nil || len(got) != 3<<20 {
		t.Errorf("with more room: %d bytes, %v", len(got), err)
	}
}

// A command is given once, whatever becomes of its connection.
func TestNothingIsRepeated(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *Config) { c.Redis.ReadTimeout = 300 * time.Millisecond })
	execute(t, r.store, "incr n", "")
	r.redis.Do(t.Context(), "client", "pause", "1000", "write")
	_, err := r.store.Execute(t.Context(), anybody, command("incr n"))
	refused(t, err, job.RefusedUnavailable, "whether it was done is not known")
	servers.Eventually(t, 10*time.Second, "the server goes on", func() bool { return r.redis.Set(t.Context(), "on", "", 0).Err() == nil })
	if got := r.get("n"); got != "1" && got != "2" {
		t.Errorf("n = %s after two increments", got)
	}
	r.proc.Kill()
	_, err = r.store.Execute(t.Context(), anybody, command("incr n"))
	if err == nil || asRefusal(err) == nil && !errors.Is(err, job.ErrUnavailable) {
		t.Errorf("with the server killed: %v", err)
	}
	_, err = r.store.Get(t.Context(), anybody, "n") // nothing was sent
	if !errors.Is(err, job.ErrUnavailable) {
		t.Errorf("with no server: %v", err)
	}
	r.proc.Restart()
	servers.Eventually(t, 10*time.Second, "the server is back", func() bool {
		_, err := r.store.Get(t.Context(), anybody, "n")
		return err == nil
	})
}

// However many commands hang, they hold few connections, and none that batches or queries need.
func TestCommandsHaveTheirOwnConnections(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *Config) { c.Redis.WritePoolSize, c.Redis.PoolSize = 2, 2 })
	execute(t, r.store, "ping", "")
	x := r.store.target("", job.NoDB).conn.Load().commander()
	ctx, cancel := context.WithCancel(t.Context())
	var hanging sync.WaitGroup
	for range 50 {
		hanging.Go(func() { _ = x.client.Do(ctx, "blpop", "nothing", 0).Err() })
	}
	t.Cleanup(hanging.Wait)
	t.Cleanup(cancel)
	blocked := func() string { return fields(r.proc.Do("info", "clients").Val().(string))["blocked_clients"] }
	servers.Eventually(t, 10*time.Second, "commands hang", func() bool { return blocked() == strconv.Itoa(commandPool) })
	jid := jidAt(time.Minute)
	r.write(ret(jid, "m", "f.x"))
	if _, err := r.store.Load(t.Context(), "", jid); err != nil {
		t.Errorf("a query beside hanging commands: %v", err)
	}
	if got := blocked(); got != strconv.Itoa(commandPool) {
		t.Errorf("%s commands hang, want %d", got, commandPool)
	}
}

func TestNoSecrets(t *testing.T) {
	t.Parallel()
	p := servers.Redis(t, "--requirepass", "topsecret", "--masterauth", "topsecret")
	s := storeOn(t, p, func(c *Config) { c.Redis.Password = "topsecret" })
	for _, target := range []string{"", job.TargetAll, p.Addr} {
		got := fmt.Sprint(execute(t, s, "config get *", target))
		if strings.Contains(got, "topsecret") || !strings.Contains(got, "requirepass:(hidden)") || !strings.Contains(got, "maxmemory-policy") {
			t.Errorf("CONFIG GET at %q tells %s", target, got)
		}
	}
}

func TestMissingPermissions(t *testing.T) {
	t.Parallel()
	acl := servers.RedisACL(t, []string{"worker on >secret ~app/* ~minions +@all -flushall -config|get"})
	s := storeOn(t, acl.Process, func(c *Config) { c.Redis.Username, c.Redis.Password = "worker", "secret" })
	_, err := s.Get(t.Context(), anybody, "greeting")
	refused(t, err, job.RefusedUnavailable, "add ~ and a pattern for the key to it by ACL SETUSER")
	_, err = s.Execute(t.Context(), anybody, command("config get maxmemory"))
	refused(t, err, job.RefusedUnavailable, "add +config|get to it by ACL SETUSER")
	if _, err := s.Set(t.Context(), anybody, "app/x", "1", job.SetOptions{}); err != nil {
		t.Errorf("with the permission: %v", err)
	}
}
