package client

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

type raw = json.RawMessage

// answered has one reply for a call, and gives the result and the request that a worker got.
func answered(t *testing.T, endpoint, reply string, call func(ctx context.Context, c *Client) (any, error)) (got any, request string, err error) {
	t.Helper()
	nc := connect(t)
	requests := make(chan string, 1)
	serve(t, nc, endpoint, func(r *fakeReply) {
		requests <- string(r.request.Data)
		r.whole(reply)
	})
	got, err = call(t.Context(), New(nc, Profile("p")))
	return got, <-requests, err
}

const entryReply = `{"Function": ["test.ping", "cmd.run"], "Arguments": [1.50, {"a": null}], "Target": ["a"], "Target-type": 7, "User": "root", ` +
	`"Metadata": {"x": 1}, "StartTime": "2026, Nov 20 08:01:02.123456"}`

var entry = Entry{
	Function: raw(`["test.ping", "cmd.run"]`), Arguments: []raw{raw("1.50"), raw(`{"a": null}`)}, Target: raw(`["a"]`), TargetType: "7", User: "root",
	Metadata: raw(`{"x": 1}`), StartTime: "2026, Nov 20 08:01:02.123456",
}

func TestCalls(t *testing.T) {
	t.Parallel()
	since := time.Date(2026, 11, 20, 9, 0, 0, 0, time.FixedZone("", 3600))
	tests := []struct {
		name, endpoint, reply, request string
		call                           func(ctx context.Context, c *Client) (any, error)
		want                           any
	}{
		{
			"GetJID", "get_jid", `{"web1": {"n": 1.50,  "x": 1e400}, "ü\n": 7}`, `{"jid": "a\"b", "profile": "p"}`,
			func(ctx context.Context, c *Client) (any, error) { return c.GetJID(ctx, `a"b`) },
			map[string]raw{"web1": raw(`{"n": 1.50,  "x": 1e400}`), "ü\n": raw("7")},
		},
		{
			"GetFun", "get_fun", `{}`, `{"fun": "test.ping", "profile": "p"}`,
			func(ctx context.Context, c *Client) (any, error) { return c.GetFun(ctx, "test.ping") },
			map[string]raw{},
		},
		{
			"GetFun of several", "get_fun", `{"a": {}}`, `{"fun": ["test.ping", "cmd.run"], "profile": "p"}`,
			func(ctx context.Context, c *Client) (any, error) { return c.GetFun(ctx, "test.ping", "cmd.run") },
			map[string]raw{"a": raw("{}")},
		},
		{
			"GetLoad", "get_load", `{"jid":  "1"}`, `{"jid": "1", "profile": "p"}`,
			func(ctx context.Context, c *Client) (any, error) { return c.GetLoad(ctx, "1") }, raw(`{"jid":  "1"}`),
		},
		{
			"GetLoad of nothing", "get_load", `{}`, `{"jid": "1", "profile": "p"}`,
			func(ctx context.Context, c *Client) (any, error) { return c.GetLoad(ctx, "1") }, raw(nil),
		},
		{
			"GetJIDs", "get_jids", `{"2": ` + entryReply + `}`,
			`{"since": "2026-11-20T08:00:00Z", "fun": "test.*", "target": "*", "user": "root", "metadata": {"a":1}, "profile": "p"}`,
			func(ctx context.Context, c *Client) (any, error) {
				return c.GetJIDs(ctx, JobFilter{Since: since, Fun: "test.*", Target: "*", User: "root", Metadata: map[string]any{"a": 1}})
			},
			[]Job{{"2", entry}},
		},
		{
			"GetJIDsFilter", "get_jids_filter", `[{"JID": "2", ` + entryReply[1:] + `]`, `{"count": 3, "filter_find_job": false, "profile": "p"}`,
			func(ctx context.Context, c *Client) (any, error) { return c.GetJIDsFilter(ctx, 3, false) },
			[]Job{{"2", entry}},
		},
		{
			"GetMinions", "get_minions", `["a", "\u00fc"]`, `{"profile": "p"}`,
			func(ctx context.Context, c *Client) (any, error) { return c.GetMinions(ctx) },
			[]string{"a", "ü"},
		},
		{
			"GetHistory", "get_history", `[{"jid": "2", "fun": "test.ping"}]`, `{"minion": "a", "limit": 5, "profile": "p"}`,
			func(ctx context.Context, c *Client) (any, error) { return c.GetHistory(ctx, "a", 5) },
			[]Past{{"2", "test.ping"}},
		},
		{
			"GetProgress", "get_progress", `{"expected": 3, "returned": 2, "failed": 1, "missing": ["c"], "complete": false}`, `{"jid": "1", "profile": "p"}`,
			func(ctx context.Context, c *Client) (any, error) { return c.GetProgress(ctx, "1") },
			Progress{Known: true, Expected: 3, Returned: 2, Failed: 1, Missing: []string{"c"}},
		},
		{
			"GetProgress of nobody knows whom", "get_progress", `{"returned": 2, "failed": 0}`, `{"jid": "1", "profile": "p"}`,
			func(ctx context.Context, c *Client) (any, error) { return c.GetProgress(ctx, "1") },
			Progress{Returned: 2},
		},
		{
			"SaveLoad", "save_load", `null`, `{"jid": "1", "load": {"a":  NaN}, "minions": ["a"], "profile": "p"}`,
			func(ctx context.Context, c *Client) (any, error) {
				return nil, c.SaveLoad(ctx, "1", raw(`{"a":  NaN}`), []string{"a"})
			}, nil,
		},
		{
			"SaveMinions", "save_minions", `null`, `{"jid": "1", "minions": [], "syndic_id": "s", "profile": "p"}`,
			func(ctx context.Context, c *Client) (any, error) { return nil, c.SaveMinions(ctx, "1", nil, "s") }, nil,
		},
		{
			"PrepJID", "prep_jid", `"20261120080102123456"`, `{"profile": "p"}`,
			func(ctx context.Context, c *Client) (any, error) { return c.PrepJID(ctx, JIDRequest{}) }, "20261120080102123456",
		},
		{
			"PrepJID with wishes", "prep_jid", `"7"`, `{"nocache": true, "passed_jid": "7", "profile": "p"}`,
			func(ctx context.Context, c *Client) (any, error) {
				return c.PrepJID(ctx, JIDRequest{NoCache: true, Passed: "7"})
			}, "7",
		},
		{
			"UpdateEndTime", "update_endtime", `null`, `{"jid": "1", "time": "now", "profile": "p"}`,
			func(ctx context.Context, c *Client) (any, error) { return nil, c.UpdateEndTime(ctx, "1", "now") }, nil,
		},
		{
			"GetEndTime", "get_endtime", `"now"`, `{"jid": "1", "profile": "p"}`,
			func(ctx context.Context, c *Client) (any, error) { return c.GetEndTime(ctx, "1") }, "now",
		},
		{
			"GetEndTime of none", "get_endtime", `false`, `{"jid": "1", "profile": "p"}`,
			func(ctx context.Context, c *Client) (any, error) { return c.GetEndTime(ctx, "1") }, "",
		},
		{
			"Returner", "returner", `null`, `{"ret": {"id":  "a"}, "profile": "p"}`,
			func(ctx context.Context, c *Client) (any, error) { return nil, c.Returner(ctx, raw(`{"id":  "a"}`)) }, nil,
		},
		{
			"RedisSet", "redis_set", `true`, `{"redis_key": "k", "redis_val": 1.5, "ex": 60, "nx": true, "profile": "p"}`,
			func(ctx context.Context, c *Client) (any, error) {
				return c.RedisSet(ctx, "k", 1.5, SetOptions{Expire: time.Minute, NX: true})
			}, true,
		},
		{
			"RedisSet for less than a second", "redis_set", `false`, `{"redis_key": "k", "redis_val": "v", "px": 1500, "xx": true, "profile": "p"}`,
			func(ctx context.Context, c *Client) (any, error) {
				return c.RedisSet(ctx, "k", "v", SetOptions{Expire: 1500 * time.Millisecond, XX: true})
			}, false,
		},
		{
			"RedisGet", "redis_get", `"v"`, `{"redis_key": "k", "profile": "p"}`,
			func(ctx context.Context, c *Client) (any, error) { return c.RedisGet(ctx, "k") }, raw(`"v"`),
		},
		{
			"RedisExecute", "redis_execute", `3`, `{"redis_cmd": ["DBSIZE"], "target": "all", "profile": "p"}`,
			func(ctx context.Context, c *Client) (any, error) { return c.RedisExecute(ctx, "all", "DBSIZE") }, raw("3"),
		},
		{
			"CleanOldJobs", "clean_old_jobs", `{"removed": 2}`, `{"dry_run": true, "profile": "p"}`,
			func(ctx context.Context, c *Client) (any, error) { return c.CleanOldJobs(ctx, true) }, raw(`{"removed": 2}`),
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, request, err := answered(t, tt.endpoint, tt.reply, tt.call)
			if err != nil {
				t.Fatal(err)
			}
			if request != tt.request {
				t.Errorf("asked %s\nwant  %s", request, tt.request)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestEntry(t *testing.T) {
	t.Parallel()
	if diff := cmp.Diff([]string{"test.ping", "cmd.run"}, entry.Functions()); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"x"}, Entry{Function: raw(`"x"`)}.Functions()); diff != "" {
		t.Error(diff)
	}
	start, ok := entry.Start()
	if _, none := (Entry{}).Start(); none || !ok || !start.Equal(time.Date(2026, 11, 20, 8, 1, 2, 123456000, time.UTC)) {
		t.Errorf("started at %v, %v", start, ok)
	}
}

// What is to be stored and is no JSON is not even sent: nobody listens here.
func TestRequestsThatAreNotSent(t *testing.T) {
	t.Parallel()
	c := New(connect(t))
	for name, err := range map[string]error{
		"load": c.SaveLoad(t.Context(), "1", raw("{"), nil),
		"ret":  c.Returner(t.Context(), nil),
	} {
		if err == nil || !strings.Contains(err.Error(), name+" is not JSON") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := c.GetJIDs(t.Context(), JobFilter{Metadata: map[string]any{"f": func() {}}}); err == nil || !strings.Contains(err.Error(), "metadata") {
		t.Errorf("metadata: %v", err)
	}
}

func TestProgressInParts(t *testing.T) {
	t.Parallel()
	nc := connect(t)
	serve(t, nc, "get_progress", func(r *fakeReply) {
		r.parts(2, func(i int) string {
			return []string{
				"", `{"expected": 9, "returned": 1, "failed": 1, "missing": ["a"], "complete": false}`,
				`{"expected": 3, "returned": 1, "failed": 0, "missing": ["b"], "complete": false}`,
			}[i]
		}, nil)
	})
	got, err := New(nc).GetProgress(t.Context(), "1")
	if diff := cmp.Diff(Progress{Known: true, Expected: 3, Returned: 1, Missing: []string{"a", "b"}}, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

func TestPages(t *testing.T) {
	t.Parallel()
	nc := connect(t)
	pages := map[string]string{
		`{"limit": 2}`:                  `["a", "b"]`,
		`{"limit": 2, "cursor": "c-1"}`: `["c"]`,
	}
	serve(t, nc, "get_minions", func(r *fakeReply) {
		body := pages[string(r.request.Data)]
		h := numbered("1", "false", "1")
		if strings.Contains(body, "b") {
			h[headerCursor] = []string{"c-1"}
		}
		r.send(body, "", h)
	})
	c := New(nc)
	var all []string
	p := Page{Limit: 2}
	for {
		some, next, err := c.MinionsPage(t.Context(), p)
		if err != nil {
			t.Fatal(err)
		}
		if all = append(all, some...); next == "" {
			break
		}
		p.Cursor = next
	}
	if diff := cmp.Diff([]string{"a", "b", "c"}, all); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestOptions(t *testing.T) {
	t.Parallel()
	c := New(nil, Window(0), Timeout(-1), Prefix("x.y"))
	if c.window != 1 || c.timeout != DefaultTimeout || c.subject("e") != "x.y.returner.e" {
		t.Errorf("got %+v", c)
	}
	if other := c.With(Window(1000)); other.window != MaxWindow || c.window != 1 {
		t.Errorf("got %d, %d", other.window, c.window)
	}
}
