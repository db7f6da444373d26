package query

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"returnd/internal/job"
)

// valid is a request to each endpoint that needs the store.
var valid = map[string]string{
	"get_jid":         `{"jid": "j"}`,
	"get_load":        `{"jid": "j"}`,
	"get_jids":        `{}`,
	"get_jids_filter": `{"count": 1}`,
	"get_fun":         `{"fun": "test.ping"}`,
	"get_minions":     `{}`,
	"get_history":     `{"minion": "m"}`,
	"get_progress":    `{"jid": "j"}`,
	"get_endtime":     `{"jid": "j"}`,
	"update_endtime":  `{"jid": "j", "time": "now"}`,
	"save_load":       `{"jid": "j", "load": {"fun": "f"}}`,
	"save_minions":    `{"jid": "j", "minions": ["m"]}`,
	"prep_jid":        `{}`,
	"returner":        `{"ret": {"id": "m", "jid": "j", "fun": "f"}}`,

	"redis_set":     `{"redis_key": "k", "redis_val": "v"}`,
	"redis_get":     `{"redis_key": "k"}`,
	"redis_execute": `{"redis_cmd": "ping"}`,

	"clean_old_jobs": `{}`,
}

// Every endpoint answers every fault of the store, and none shows its inside.
func TestStoreFaults(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	tests := []struct {
		name     string
		before   func(ctx context.Context) error
		code     int
		sentence string
	}{
		{"Redis away", func(context.Context) error { return fmt.Errorf("dial canary: %w", job.ErrUnavailable) }, codeUnavailable, "try again in a few seconds"},
		{"deadline", func(ctx context.Context) error { <-ctx.Done(); return fmt.Errorf("canary: %w", ctx.Err()) }, codeDeadline, "not done within 100ms"},
		{"deadline, called unavailable", func(ctx context.Context) error { <-ctx.Done(); return job.ErrUnavailable }, codeDeadline, "not done within 100ms"},
		{"deadline unheard", func(context.Context) error { <-release; return nil }, codeDeadline, "raise query.timeout"},
		{"a deadline of the store's own", func(context.Context) error { return context.DeadlineExceeded }, codeDeadline, "not done within"},
		{"another type at the key", func(context.Context) error { return job.Reject(job.ReasonWrongType, "the key holds a list") }, codeMalformed, "wrong_type: the key holds a list"},
		{"unexpected", func(context.Context) error { return errors.New("canary") }, codeInternal, "its log has the details"},
		{"panic", func(context.Context) error { panic("canary") }, codeInternal, "its log has the details"},
		{"panic of the runtime", func(context.Context) error { return fmt.Errorf("%d", []int{}[len("canary")]) }, codeInternal, "its log has the details"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := start(t, &fakeStore{before: tt.before}, func(c *Config) {
				c.Timeout, c.RedisExecute.Allow = 100*time.Millisecond, []string{"ping"}
			})
			if tt.name == "deadline unheard" {
				t.Cleanup(func() { close(release) })
			}
			for _, e := range Endpoints() {
				got := r.ask(t, e.Name, valid[e.Name])
				if got.Retry != retryOf(tt.code) {
					t.Errorf("%s: Retry-After %q with a %d", e.Name, got.Retry, got.Code)
				}
				if got.Code != tt.code || !strings.Contains(got.Sentence, tt.sentence) || strings.Contains(got.Sentence, "canary") {
					t.Errorf("%s gave %+v, want %d %q", e.Name, got, tt.code, tt.sentence)
				}
			}
			if logs := strings.Contains(r.log.String(), "query failed"); logs != (tt.code == codeInternal) {
				t.Errorf("log: %q", r.log)
			}
		})
	}
}

// retryOf is the hint that goes with a code.
func retryOf(code int) string {
	if code == codeUnavailable {
		return "1"
	}
	return ""
}

// Every endpoint refuses what is not its request, and touches nothing.
func TestMalformedRequests(t *testing.T) {
	t.Parallel()
	store := &fakeStore{}
	r := start(t, store)
	for _, e := range Endpoints() {
		for request, want := range map[string]string{
			`[]`:                                "the request must be one JSON object",
			`null`:                              "the request must be one JSON object",
			`{"jid": `:                          "the request must be one JSON object",
			"{\"profile\": \"\xff\"}":           "the request must be one JSON object",
			`{"hid": 1}`:                        e.Name + ` does not take "hid": it takes ` + strings.Join(e.Fields, ", "),
			`{"a\r\nb": 1}`:                     `does not take "a\r\nb"`,
			`{"profile": "a", "profile": "b"}`:  "profile is given twice",
			with(valid[e.Name], `"profile": 1`): "profile must be a string",
		} {
			got := r.ask(t, e.Name, request)
			if got.Code != codeMalformed || !strings.Contains(got.Sentence, want) {
				t.Errorf("%s %s gave %+v, want 400 %q", e.Name, request, got, want)
			}
		}
	}
	if store.touched != 0 {
		t.Errorf("the store was used %d times", store.touched)
	}
}

// with adds a member to an object.
func with(object, member string) string {
	if object == "{}" {
		return "{" + member + "}"
	}
	return strings.TrimSuffix(object, "}") + ", " + member + "}"
}

func TestWrongTypes(t *testing.T) {
	t.Parallel()
	tests := []struct{ endpoint, request, want string }{
		{"get_jid", `{}`, "jid is missing"},
		{"get_jid", `{"jid": null}`, "jid is missing"},
		{"get_jid", `{"jid": 1.0}`, "jid must be a string, or a whole number of plain digits"},
		{"get_jid", `{"jid": -1}`, "jid must be a string"},
		{"get_jid", `{"jid": ["a"]}`, "jid must be a string"},
		{"get_jid", `{"jid": ""}`, "jid: "},
		{"get_jid", `{"jid": "a\nb"}`, "jid: jid holds a control character"},
		{"get_load", `{"jid": true}`, "jid must be a string"},
		{"get_fun", `{}`, "fun is missing"},
		{"get_fun", `{"fun": 1}`, "fun must be a list of strings"},
		{"get_fun", `{"fun": []}`, "fun must name at least one function"},
		{"get_fun", `{"fun": ["a", 1]}`, "fun must be a list of strings"},
		{"get_fun", `{"fun": "a:b"}`, "fun: fun holds"},
		{"get_jid", `{"jid": "j", "limit": 0}`, "limit must be a whole number from 1 to 100000"},
		{"get_jid", `{"jid": "j", "limit": "5"}`, "limit must be a whole number"},
		{"get_fun", `{"fun": "f", "limit": 100001}`, "limit must be a whole number"},
		{"get_minions", `{"limit": 1.5}`, "limit must be a whole number"},
		{"get_minions", `{"cursor": 1}`, "cursor must be a string"},
		{"get_minions", `{"cursor": "` + strings.Repeat("c", maxCursor+1) + `"}`, "cursor is no cursor: pass the value of the header Returnd-Cursor"},
		{"get_jids", `{"since": "yesterday"}`, "since is no time: use Unix seconds, RFC 3339"},
		{"get_jids", `{"until": [1]}`, "until is no time"},
		{"get_jids", `{"fun": ["a"]}`, "fun must be a string"},
		{"get_jids", `{"target": {}}`, "target must be a string"},
		{"get_jids", `{"target": "` + strings.Repeat("c", maxPattern+1) + `"}`, "target has 1025 bytes: use 1024 at most"},
		{"get_jids", `{"user": 1}`, "user must be a string"},
		{"get_jids", `{"metadata": "x"}`, "metadata must be an object"},
		{"get_jids_filter", `{}`, "count is missing"},
		{"get_jids_filter", `{"count": 0}`, "count must be a whole number from 1 to 10000"},
		{"get_jids_filter", `{"count": 10001}`, "count must be a whole number from 1 to 10000"},
		{"get_jids_filter", `{"count": 1, "filter_find_job": 1}`, "filter_find_job must be true or false"},
		{"get_history", `{}`, "minion is missing"},
		{"get_history", `{"minion": 1}`, "minion must be a string"},
		{"get_history", `{"minion": "a/b"}`, "minion: id holds"},
		{"get_history", `{"minion": "m", "limit": -1}`, "limit must be a whole number"},
		{"get_progress", `{}`, "jid is missing"},
		{"get_endtime", `{"jid": []}`, "jid must be a string"},
		{"update_endtime", `{"jid": "j"}`, "time is missing"},
		{"update_endtime", `{"jid": "j", "time": []}`, "time must be a string or a number"},
		{"update_endtime", `{"jid": "j", "time": NaN}`, "time must be a string or a number"},
		{"update_endtime", `{"jid": "j", "time": ""}`, "time must have 1 to 64 bytes"},
		{"update_endtime", `{"jid": "j", "time": "a\nb"}`, "time must have 1 to 64 bytes and no control characters"},
		{"update_endtime", `{"jid": "j", "time": "` + strings.Repeat("9", 65) + `"}`, "time must have 1 to 64 bytes"},
		{"update_endtime", `{"jid": "req", "time": 1}`, "jid_req: "},
		{"save_load", `{"jid": "j"}`, "load is missing"},
		{"save_load", `{"jid": "j", "load": "x"}`, "load must be an object"},
		{"save_load", `{"jid": "j", "load": {}, "minions": "a"}`, "minions must be a list of strings"},
		{"save_minions", `{"jid": "j"}`, "minions is missing"},
		{"save_minions", `{"jid": "j", "minions": {"a": 1}}`, "minions must be a list of strings"},
		{"save_minions", `{"jid": "j", "minions": ["../a"]}`, "minions: id holds"},
		{"save_minions", `{"jid": "j", "minions": ["a"], "syndic_id": 1}`, "syndic_id must be a string"},
		{"prep_jid", `{"nocache": "yes"}`, "nocache must be true or false"},
		{"prep_jid", `{"nocache": 1}`, "nocache must be true or false"},
		{"prep_jid", `{"passed_jid": {}}`, "passed_jid must be a string"},
		{"prep_jid", `{"passed_jid": "a\u0007"}`, "passed_jid: "},
		{"returner", `{}`, "ret is missing"},
		{"returner", `{"ret": []}`, "ret must be an object"},
	}
	store := &fakeStore{}
	r := start(t, store)
	for _, tt := range tests {
		got := r.ask(t, tt.endpoint, tt.request)
		if got.Code != codeMalformed || !strings.HasPrefix(got.Sentence, tt.want) {
			t.Errorf("%s %s gave %+v, want 400 %q", tt.endpoint, tt.request, got, tt.want)
		}
	}
	if store.touched != 0 {
		t.Errorf("the store was used %d times", store.touched)
	}
}

func TestSentencesAreHeaderLines(t *testing.T) {
	t.Parallel()
	got := malformed("a\r\nb\x00\u0085 %s", strings.Repeat("é", maxSentence)).sentence
	if strings.ContainsAny(got, "\r\n\x00\u0085") || len(got) > maxSentence || strings.ToValidUTF8(got, "") != got {
		t.Errorf("the sentence is no header line: %q", got)
	}
}
