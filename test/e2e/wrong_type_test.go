package e2e

import (
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// TestReadsOfForeignValues: where a value of another type sits at a key, or what is no JSON, the caller is told which key, or the
// list comes without it; what is beside it comes all the same.
func TestReadsOfForeignValues(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.start(t, allowGet...)
	c := r.db(t, 0)
	good, bad := formatJID(time.Now().Add(-time.Minute)), formatJID(time.Now().Add(-2*time.Minute))
	plantMixed(t, r, c, good, bad)
	for _, tt := range []struct{ name, endpoint, request, code, want, skipped string }{
		{"returns", "get_jid", request("jid", "odd"), "400", "wrong_type: key ret:<jid>", ""},
		{"load", "get_load", request("jid", "odd"), "400", "wrong_type: key load:<jid>", ""},
		{"history", "get_history", request("minion", "odd"), "400", "wrong_type: key returnd/history:<minion>", ""},
		{"expected minions", "get_progress", request("jid", "odd"), "400", "wrong_type: key returnd/job:<jid>", ""},
		{"end", "get_endtime", request("jid", "odd"), "400", "wrong_type: key returnd/job:<jid>", ""},
		{"note an end", "update_endtime", request("jid", "odd", "time", 1), "400", "wrong_type: key returnd/job:<jid>", ""},
		{"add minions", "save_minions", request("jid", "odd", "minions", []string{"a"}), "400", "wrong_type: key returnd/job:<jid>", ""},
		{"keep a load", "save_load", `{"jid": "odd", "load": {"fun": "a.b"}}`, "400", "wrong_type: key load:<jid>", ""},
		{"keep a return", "returner", `{"ret": {"id": "m", "jid": "odd", "fun": "a.b"}}`, "400", "wrong_type: key ret:<jid>", ""},
		{"a key of others", "redis_get", `{"redis_key": "app/list"}`, "400", "WRONGTYPE", ""},
		{"a command on it", "redis_execute", `{"redis_cmd": "get app/list"}`, "400", "WRONGTYPE", ""},
		{"returns beside no JSON", "get_jid", request("jid", good), "", `{"web1": {"id": "web1", "jid": "` + good + `", "fun": "test.ping", "return": true}}`, "1"},
		{"last returns beside them", "get_fun", request("fun", "test.ping"), "", `{"web1": {"id": "web1", "jid": "` + good + `", "fun": "test.ping", "return": true}}`, "2"},
		{"progress", "get_progress", request("jid", good), "", `{"missing": ["web2"], "expected": 2, "returned": 2, "failed": 0, "complete": false}`, ""},
		{"a load that is no JSON", "get_load", request("jid", bad), "", `{}`, "1"},
	} {
		got := r.ask(t, tt.endpoint, tt.request)
		if got.code != tt.code || !strings.HasPrefix(got.sentence+string(got.body), tt.want) && !strings.Contains(got.sentence, tt.want) ||
			got.header.Get("Returnd-Skipped") != tt.skipped {
			t.Errorf("%s: %s %s\ngot  %s %s %s, skipped %q\nwant %s %s, skipped %q", tt.name, tt.endpoint, tt.request,
				got.body, got.code, got.sentence, got.header.Get("Returnd-Skipped"), tt.code, tt.want, tt.skipped)
		}
	}
	for endpoint, count := range map[string]string{"get_jids": "{}", "get_jids_filter": `{"count": 10}`} {
		got := r.ask(t, endpoint, count)
		if !strings.Contains(string(got.body), good) || strings.Contains(string(got.body), bad) || got.header.Get("Returnd-Skipped") != "2" {
			t.Errorf("%s: %s %s, skipped %q", endpoint, got.body, got.sentence, got.header.Get("Returnd-Skipped"))
		}
	}
}

// plantMixed leaves good and bad values, as strangers do.
func plantMixed(t *testing.T, r *rig, c redis.UniversalClient, good, bad string) {
	t.Helper()
	for _, step := range [][2]string{
		{"returner", `{"ret": {"id": "web1", "jid": "` + good + `", "fun": "test.ping", "return": true}}`},
		{"save_load", `{"jid": "` + good + `", "load": {"fun": "test.ping"}, "minions": ["web1", "web2"]}`},
	} {
		if got := r.ask(t, step[0], step[1]); got.code != "" {
			t.Fatal(got.code, got.sentence)
		}
	}
	pipe := c.Pipeline()
	ctx := t.Context()
	pipe.HSet(ctx, "ret:"+good, "broken", "no JSON")
	pipe.Set(ctx, "load:"+bad, "no JSON", 0)
	pipe.Set(ctx, "ret:odd", "text", 0)
	pipe.HSet(ctx, "load:odd", "a", "b")
	pipe.RPush(ctx, "returnd/job:odd", "a")
	pipe.SAdd(ctx, "returnd/history:odd", "a")
	pipe.RPush(ctx, "app/list", "a")
	pipe.SAdd(ctx, "minions", "broken", "other", "foreign")
	pipe.Set(ctx, "broken:test.ping", good, 0)   // points to what is no JSON
	pipe.Set(ctx, "other:test.ping", "odd", 0)   // points to what is no hash
	pipe.RPush(ctx, "foreign:test.ping", "none") // is no pointer
	if _, err := pipe.Exec(ctx); err != nil {
		t.Fatal(err)
	}
}

// TestReadsOfForeignTables: the keys that all jobs share.
func TestReadsOfForeignTables(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	w := r.start(t)
	c := r.db(t, 0)
	c.Set(t.Context(), "minions", "text", 0)
	c.Set(t.Context(), "returnd/jobs", "text", 0)
	for endpoint, tt := range map[string]struct{ request, code, says string }{
		"get_minions":     {"{}", "400", "key minions holds a value of another type: rename or delete it"},
		"get_fun":         {request("fun", "test.ping"), "400", "key minions holds"},
		"get_jids":        {"{}", "400", "key returnd/jobs holds"},
		"get_jids_filter": {request("count", 1), "400", "key returnd/jobs holds"},
		// No return's own fault: it is kept once the key has gone.
		"returner":  {`{"ret": {"id": "m", "jid": "1", "fun": "a.b"}}`, "503", "try again"},
		"save_load": {`{"jid": "1", "load": {"fun": "a.b"}}`, "503", "try again"},
	} {
		if got := r.ask(t, endpoint, tt.request); got.code != tt.code || !strings.Contains(got.sentence, tt.says) {
			t.Errorf("%s: %s %q %s, want %s %q", endpoint, got.code, got.sentence, got.body, tt.code, tt.says)
		}
	}
	if !strings.Contains(w.Output(), "holds a value of another type") {
		t.Error("the log does not tell why")
	}
}
