package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"returnd/test/servers"
)

// TestCommandsToRedis: what Prefect's tasks do, on this run's form of Redis, and nothing of the returner's in reach.
func TestCommandsToRedis(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.start(t, "--query.redis_execute.allow", "get,mget,mset,del,hset,hgetall,keys,info,dbsize,sort,config get")
	jid := formatJID(time.Now().Add(-time.Second))
	keep := fmt.Sprintf(`{"ret": {"id": "web1", "jid": "%s", "fun": "test.ping", "return": true}}`, jid)
	if got := r.ask(t, "returner", keep); string(got.body) != "null" {
		t.Fatalf("returner: %s %s", got.code, got.sentence)
	}
	for _, step := range []struct{ name, endpoint, request, code, want string }{
		{"a missing key", "redis_get", `{"redis_key": "app/none"}`, "", `null`},
		{"set", "redis_set", `{"redis_key": "app/greeting", "redis_val": "grüß \"dich\"", "ex": 3600}`, "", `true`},
		{"set what is there", "redis_set", `{"redis_key": "app/greeting", "redis_val": 1, "nx": true}`, "", `false`},
		{"get", "redis_get", `{"redis_key": "app/greeting"}`, "", `"grüß \"dich\""`},
		{"get by another endpoint", "redis_execute", `{"redis_cmd": "get app/greeting"}`, "", `"grüß \"dich\""`},
		{"keys of several slots", "redis_execute", `{"redis_cmd": "mset app/a 1 app/b \"\\xff\" 'app/c d' 3"}`, "", `"OK"`},
		{"in their order", "redis_execute", `{"redis_cmd": ["mget", "app/c d", "app/none", "app/b", "app/a"]}`, "", `["3", null, {"base64": "/w=="}, "1"]`},
		{"binary", "redis_get", `{"redis_key": "app/b"}`, "", `{"base64": "/w=="}`},
		{"a hash", "redis_execute", `{"redis_cmd": ["hset", "app/h", "b", 1.50, "a", "x"]}`, "", `2`},
		{"as an object", "redis_execute", `{"redis_cmd": "HGETALL app/h", "target": "primaries"}`, "", `{"a": "x", "b": "1.50"}`},
		{"another type", "redis_get", `{"redis_key": "app/h"}`, "400", "WRONGTYPE"},
		{"names", "redis_execute", `{"redis_cmd": "keys app/gr*"}`, "", `["app/greeting"]`},
		{"deleted", "redis_execute", `{"redis_cmd": "del app/a app/b 'app/c d' app/none"}`, "", `3`},
		{"not allowed", "redis_execute", `{"redis_cmd": "flushall"}`, "403", "query.redis_execute.allow"},
		{"never", "redis_execute", `{"redis_cmd": "monitor"}`, "403", "never run"},
		{"a return", "redis_execute", `{"redis_cmd": "hgetall ret:` + jid + `"}`, "403", "query.redis_execute.keys"},
		{"a pointer", "redis_set", `{"redis_key": "web1:test.ping", "redis_val": "9"}`, "403", "query.redis_execute.keys"},
		{"the minions", "redis_get", `{"redis_key": "minions"}`, "403", "query.redis_execute.keys"},
		{"keys by pattern", "redis_execute", `{"redis_cmd": "sort app/l by ret:*"}`, "403", "query.redis_execute.keys"},
		{"a wrong target", "redis_execute", `{"redis_cmd": "dbsize", "target": "10.9.9.9:1"}`, "400", "is none of primaries"},
		{"no scalar", "redis_set", `{"redis_key": "k", "redis_val": [1]}`, "400", "redis_val must be a string or a number"},
		{"a profile that nobody knows", "redis_get", `{"redis_key": "app/greeting", "profile": "nowhere"}`, "", `"grüß \"dich\""`},
	} {
		got := r.ask(t, step.endpoint, step.request)
		if ok := step.code == "" && string(got.body) == step.want || step.code != "" && strings.Contains(got.sentence, step.want); !ok || got.code != step.code {
			t.Errorf("%s: %s %s\ngot  %s %s %s\nwant %s %s", step.name, step.endpoint, step.request, got.body, got.code, got.sentence, step.code, step.want)
		}
	}
	if ttl := r.db(t, 0).TTL(t.Context(), "app/greeting").Val(); ttl < 59*time.Minute || ttl > time.Hour {
		t.Errorf("the key lives for %v, want an hour", ttl)
	}
	info := decode(t, r.ask(t, "redis_execute", `{"redis_cmd": "info server", "target": "all"}`).body).(map[string]any)
	if r.redis.form != cluster && len(info) != len(r.redis.nodes) { // a cluster lists a replica once it has received something
		t.Errorf("info of %d servers, want %d", len(info), len(r.redis.nodes))
	}
}

// TestNoCommandsByDefault: without an allow-list there is nothing to execute.
func TestNoCommandsByDefault(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.start(t)
	for _, command := range []string{"ping", "get app/x", "config get *", "eval 1 0"} {
		if got := r.ask(t, "redis_execute", request("redis_cmd", command)); got.code != "403" {
			t.Errorf("%s: %s %s %s, want 403", command, got.code, got.sentence, got.body)
		}
	}
}

// TestCommandsWhileRedisIsAway: an answer within the limit, and the way back is found.
func TestCommandsWhileRedisIsAway(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	w := r.start(t, "--query.redis_execute.allow", "get,dbsize", "--query.timeout", "5s")
	requests := map[string]string{
		"redis_set": `{"redis_key": "app/x", "redis_val": "1"}`, "redis_get": `{"redis_key": "app/x"}`, "redis_execute": `{"redis_cmd": "get app/x"}`,
	}
	for endpoint, request := range requests {
		if got := r.ask(t, endpoint, request); got.code != "" {
			t.Errorf("%s: %s %s", endpoint, got.code, got.sentence)
		}
	}
	for _, p := range r.redis.nodes {
		p.Kill()
	}
	for endpoint, request := range requests {
		if got := r.ask(t, endpoint, request); got.code != "503" && got.code != "504" {
			t.Errorf("%s with Redis away: %s %s %s, want 503", endpoint, got.code, got.sentence, got.body)
		}
	}
	for _, p := range r.redis.nodes {
		p.Restart()
	}
	servers.Eventually(t, limit, "the worker is ready again", func() bool {
		code, _ := w.get("/readyz")
		return code == http.StatusOK
	})
	servers.Eventually(t, limit, "commands are run again", func() bool {
		return string(r.ask(t, "redis_set", requests["redis_set"]).body) == "true"
	})
}
