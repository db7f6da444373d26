package query

import (
	"context"
	"errors"
	"math"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"returnd/internal/job"
)

// order is what the store was told to do for a caller.
type order struct {
	At         job.Access
	Key, Value string
	Options    job.SetOptions
	Command    job.Command
}

func (f *fakeStore) take(ctx context.Context, o order) (any, error) {
	if err := f.enter(ctx); err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.orders = append(f.orders, o)
	if err, ok := f.answer.(error); ok {
		return nil, err
	}
	return f.answer, nil
}

func (f *fakeStore) Set(ctx context.Context, at job.Access, key, value string, o job.SetOptions) (bool, error) {
	answer, err := f.take(ctx, order{At: at, Key: key, Value: value, Options: o})
	return answer != nil, err
}

func (f *fakeStore) Get(ctx context.Context, at job.Access, key string) ([]byte, error) {
	answer, err := f.take(ctx, order{At: at, Key: key})
	if text, ok := answer.(string); ok {
		return []byte(text), err
	}
	return nil, err
}

func (f *fakeStore) Execute(ctx context.Context, at job.Access, c job.Command) (any, error) {
	return f.take(ctx, order{At: at, Command: c})
}

func TestRedisSet(t *testing.T) {
	t.Parallel()
	store := &fakeStore{answer: "OK"}
	r := start(t, store, func(c *Config) { c.RedisExecute.Keys = []string{"ret:*"} })
	at := job.Access{Open: []string{"ret:*"}, Limit: 1<<20 - headerRoom}
	other := at
	other.Profile = "p"
	tests := []struct {
		name, request string
		want          order
	}{
		{"text", `{"redis_key": "k", "redis_val": "vü"}`, order{At: at, Key: "k", Value: "vü"}},
		{"nothing, for a second", `{"redis_key": "k", "redis_val": "", "ex": 1}`, order{At: at, Key: "k", Options: job.SetOptions{Expire: time.Second}}},
		{"a number as written", `{"redis_key": 7, "redis_val": 1.50, "px": "1500", "profile": "p"}`, order{At: other, Key: "7", Value: "1.50", Options: job.SetOptions{Expire: 1500 * time.Millisecond}}},
		{"only a new one", `{"redis_key": "k", "redis_val": -1e3, "nx": true, "xx": false}`, order{At: at, Key: "k", Value: "-1e3", Options: job.SetOptions{IfMissing: true}}},
		{"only an old one", `{"redis_key": "k", "redis_val": "true", "xx": true, "ex": null}`, order{At: at, Key: "k", Value: "true", Options: job.SetOptions{IfPresent: true}}},
	}
	var want []order
	for _, tt := range tests {
		if diff := cmp.Diff(ok("true"), r.ask(t, "redis_set", tt.request)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
		want = append(want, tt.want)
	}
	if diff := cmp.Diff(want, store.orders); diff != "" {
		t.Errorf("set (-want +got):\n%s", diff)
	}
	store.answer = nil
	if diff := cmp.Diff(ok("false"), r.ask(t, "redis_set", `{"redis_key": "k", "redis_val": "v", "nx": true}`)); diff != "" {
		t.Errorf("of a key that is there (-want +got):\n%s", diff)
	}
}

func TestRedisGet(t *testing.T) {
	t.Parallel()
	store := &fakeStore{}
	r := start(t, store)
	for value, want := range map[any]string{
		nil: `null`, "": `""`, "a\"ü\n": `"a\"ü\n"`, "\xff\x00": `{"base64": "/wA="}`, "17": `"17"`,
	} {
		store.answer = value
		if diff := cmp.Diff(ok(want), r.ask(t, "redis_get", `{"redis_key": "k"}`)); diff != "" {
			t.Errorf("%q (-want +got):\n%s", value, diff)
		}
	}
	store.answer = strings.Repeat("x", 1<<20)
	if got := r.ask(t, "redis_get", `{"redis_key": "k"}`); got.Code != codeTooLarge {
		t.Errorf("a value that does not fit: %+v", got)
	}
}

func TestRedisExecute(t *testing.T) {
	t.Parallel()
	store := &fakeStore{answer: []any{int64(1), nil}}
	r := start(t, store, func(c *Config) { c.RedisExecute.Allow = []string{"HGETALL", "config|get", "xread"} })
	at := job.Access{Open: []string{}, Limit: 1<<20 - headerRoom}
	tests := []struct {
		request string
		want    job.Command
	}{
		{`{"redis_cmd": "hgetall  'my key'"}`, job.Command{Args: []string{"hgetall", "my key"}}},
		{`{"redis_cmd": ["HGetAll", 7], "target": "replicas"}`, job.Command{Args: []string{"HGetAll", "7"}, Target: "replicas"}},
		{`{"redis_cmd": "CONFIG GET \"max*\"", "target": "127.0.0.1:6379"}`, job.Command{Args: []string{"CONFIG", "GET", "max*"}, Target: "127.0.0.1:6379"}},
		{`{"redis_cmd": "xread count 2 streams block 0"}`, job.Command{Args: []string{"xread", "count", "2", "streams", "block", "0"}}},
	}
	var want []order
	for _, tt := range tests {
		if diff := cmp.Diff(ok("[1, null]"), r.ask(t, "redis_execute", tt.request)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.request, diff)
		}
		want = append(want, order{At: at, Command: tt.want})
	}
	if diff := cmp.Diff(want, store.orders); diff != "" {
		t.Errorf("executed (-want +got):\n%s", diff)
	}
}

// What is refused never reaches the store, whatever the settings say.
func TestRefusedCommands(t *testing.T) {
	t.Parallel()
	store := &fakeStore{}
	r := start(t, store, func(c *Config) { c.RedisExecute.Allow = []string{"get", "config get", "xread", "xreadgroup"} })
	tests := []struct {
		endpoint, request string
		code              int
		want              string
	}{
		{"redis_set", `{"redis_val": "v"}`, 400, "redis_key is missing"},
		{"redis_set", `{"redis_key": "k"}`, 400, "redis_val is missing"},
		{"redis_set", `{"redis_key": "k", "redis_val": null}`, 400, "redis_val is missing"},
		{"redis_set", `{"redis_key": "", "redis_val": "v"}`, 400, "redis_key must not be empty"},
		{"redis_set", `{"redis_key": "k", "redis_val": true}`, 400, "redis_val must be a string or a number"},
		{"redis_set", `{"redis_key": "k", "redis_val": ["v"]}`, 400, "redis_val must be a string or a number"},
		{"redis_set", `{"redis_key": "k", "redis_val": {}}`, 400, "redis_val must be a string or a number"},
		{"redis_set", `{"redis_key": "k", "redis_val": NaN}`, 400, "redis_val must be a string or a number"},
		{"redis_set", `{"redis_key": "k", "redis_val": -Infinity}`, 400, "redis_val must be a string or a number"},
		{"redis_set", `{"redis_key": "k", "redis_val": "v", "ex": 0}`, 400, "ex must be a whole number from 1"},
		{"redis_set", `{"redis_key": "k", "redis_val": "v", "px": -1}`, 400, "px must be a whole number from 1"},
		{"redis_set", `{"redis_key": "k", "redis_val": "v", "ex": 1.5}`, 400, "ex must be a whole number from 1"},
		{"redis_set", `{"redis_key": "k", "redis_val": "v", "ex": 99999999999999999999}`, 400, "ex must be a whole number from 1"},
		{"redis_set", `{"redis_key": "k", "redis_val": "v", "ex": 1, "px": 1}`, 400, "ex and px are both given"},
		{"redis_set", `{"redis_key": "k", "redis_val": "v", "nx": true, "xx": true}`, 400, "nx and xx are both given"},
		{"redis_set", `{"redis_key": "k", "redis_val": "v", "nx": "yes"}`, 400, "nx must be true or false"},
		{"redis_get", `{}`, 400, "redis_key is missing"},
		{"redis_get", `{"redis_key": ""}`, 400, "redis_key must not be empty"},
		{"redis_execute", `{}`, 400, "redis_cmd is missing"},
		{"redis_execute", `{"redis_cmd": ""}`, 400, "redis_cmd must name a command"},
		{"redis_execute", `{"redis_cmd": " \t"}`, 400, "redis_cmd must name a command"},
		{"redis_execute", `{"redis_cmd": []}`, 400, "redis_cmd must name a command"},
		{"redis_execute", `{"redis_cmd": ["get", null]}`, 400, "redis_cmd must be a string, or a list"},
		{"redis_execute", `{"redis_cmd": ["get", ["k"]]}`, 400, "redis_cmd must be a string, or a list"},
		{"redis_execute", `{"redis_cmd": 7}`, 400, "redis_cmd must be a string, or a list"},
		{"redis_execute", `{"redis_cmd": "get 'k"}`, 400, "redis_cmd: a quote is not closed"},
		{"redis_execute", `{"redis_cmd": "get k", "target": 1}`, 400, "target must be a string"},
		{"redis_execute", `{"redis_cmd": "set k v"}`, 403, `"set" is not allowed: add it to query.redis_execute.allow`},
		{"redis_execute", `{"redis_cmd": "config set a b"}`, 403, `"config set" is not allowed`},
		{"redis_execute", `{"redis_cmd": "config"}`, 403, `"config" is not allowed`},
		{"redis_execute", `{"redis_cmd": "SubScribe x"}`, 403, `"subscribe" is never run: its answers have no end`},
		{"redis_execute", `{"redis_cmd": "client reply off"}`, 403, `"client reply" is never run`},
		{"redis_execute", `{"redis_cmd": "debug sleep 5"}`, 403, `"debug sleep" is never run`},
		{"redis_execute", `{"redis_cmd": "xread count 1 BLOCK 0 streams k 0"}`, 403, "xread with BLOCK is never run"},
	}
	for _, tt := range tests {
		got := r.ask(t, tt.endpoint, tt.request)
		if got.Code != tt.code || !strings.HasPrefix(got.Sentence, tt.want) {
			t.Errorf("%s %s gave %+v, want %d %q", tt.endpoint, tt.request, got, tt.code, tt.want)
		}
	}
	if store.touched != 0 {
		t.Errorf("the store was used %d times", store.touched)
	}
}

func TestRefusalsOfTheStore(t *testing.T) {
	t.Parallel()
	store := &fakeStore{}
	r := start(t, store, func(c *Config) { c.RedisExecute.Allow = []string{"ping"} })
	for kind, code := range map[job.Refused]int{
		job.RefusedMalformed: 400, job.RefusedForbidden: 403, job.RefusedTooLarge: 413, job.RefusedUnavailable: 503,
	} {
		store.answer = job.Refuse(kind, "say\nso")
		for _, endpoint := range []string{"redis_set", "redis_get", "redis_execute"} {
			if got := r.ask(t, endpoint, valid[endpoint]); got.Code != code || got.Sentence != "say so" {
				t.Errorf("%s, refused as %s, gave %+v, want %d", endpoint, kind, got, code)
			}
		}
	}
}

func TestAllowList(t *testing.T) {
	t.Parallel()
	good := DefaultConfig()
	good.RedisExecute = RedisExecute{Allow: []string{"GET", "Config  Get", "client|list", "command", "keys", "json.get"}, Keys: []string{"*", "ret:*", "load:[0-9]*"}}
	if err := good.Validate(); err != nil {
		t.Errorf("a good list is refused: %v", err)
	}
	for entry, want := range map[string]string{
		"":             "use commands such as",
		"config":       "name the subcommand too",
		"set k":        "without its arguments",
		"monitor":      "which is never run: its answers have no end",
		"CLIENT|REPLY": "which is never run",
		"debug":        "which is never run",
		"blpop":        "which is never run",
	} {
		c := DefaultConfig()
		c.RedisExecute.Allow = []string{entry}
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("allow %q: %v, want %q", entry, err, want)
		}
	}
	c := DefaultConfig()
	c.RedisExecute.Keys = []string{"a[", ""}
	if err := c.Validate(); err == nil || strings.Count(err.Error(), "query.redis_execute.keys") != 2 {
		t.Errorf("bad patterns: %v", err)
	}
}

func TestRepliesAsJSON(t *testing.T) {
	t.Parallel()
	huge, _ := new(big.Int).SetString("123456789012345678901234567890", 10)
	tests := []struct {
		reply any
		want  string
	}{
		{nil, "null"},
		{true, "true"},
		{int64(-7), "-7"},
		{huge, huge.String()},
		{1.5, "1.5"},
		{1e300, "1e+300"},
		{math.NaN(), "null"},
		{math.Inf(-1), "null"},
		{"OK", `"OK"`},
		{"\xfe", `{"base64": "/g=="}`},
		{[]any{}, "[]"},
		{[]any{"a", []any{nil, int64(1)}, errors.New("ERR no")}, `["a", [null, 1], {"error": "ERR no"}]`},
		{map[any]any{}, "{}"},
		{map[any]any{"b": int64(1), int64(2): "x", "a": map[any]any{true: nil}}, `{"2": "x", "a": {"true": null}, "b": 1}`},
	}
	for _, tt := range tests {
		got := string(appendReply(nil, tt.reply))
		if got != tt.want || job.Validate([]byte(`{"x": `+got+`}`)) != nil {
			t.Errorf("%v gave %s, want %s", tt.reply, got, tt.want)
		}
	}
}
