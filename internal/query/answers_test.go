package query

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"returnd/internal/job"
)

// documented is what docs/protocol.md says an endpoint answers: about what is there, and about what is not. An endpoint that
// only writes has nothing to miss.
var documented = map[string]struct{ there, thereAnswer, missing, missingAnswer, malformed string }{
	"get_jid":         {`{"jid": "12345"}`, `{"m1": 1}`, `{"jid": "none"}`, `{}`, `{}`},
	"get_load":        {`{"jid": "nan"}`, `{"metadata": {"x": null}}`, `{"jid": "none"}`, `{}`, `{}`},
	"get_jids":        {`{"fun": "test.ping"}`, `{"custom": ` + customJob + `}`, `{"fun": "none"}`, `{}`, `{"limit": -1}`},
	"get_jids_filter": {`{"count": 1}`, `[` + customJob[:len(customJob)-1] + `, "JID": "custom"}]`, ``, ``, `{}`},
	"get_fun":         {`{"fun": "test.ping"}`, `{"web1": {"return": true}}`, `{"fun": "no.such"}`, `{}`, `{}`},
	"get_minions":     {``, `["web1"]`, ``, ``, `{"limit": "all"}`},
	"get_history":     {`{"minion": "web1"}`, `[{"jid": "1", "fun": "f"}]`, `{"minion": "none"}`, `[]`, `{}`},
	"get_progress": {
		`{"jid": "1"}`, `{"missing": ["b"], "expected": 2, "returned": 1, "failed": 0, "complete": false}`,
		`{"jid": "none"}`, `{"returned": 0, "failed": 0}`, `{}`,
	},
	"get_endtime":    {`{"jid": "1"}`, `"then"`, `{"jid": "none"}`, `false`, `{}`},
	"update_endtime": {`{"jid": "2", "time": 1}`, `null`, ``, ``, `{"jid": "2"}`},
	"save_load":      {valid["save_load"], `null`, ``, ``, `{"jid": "j"}`},
	"save_minions":   {valid["save_minions"], `null`, ``, ``, `{"jid": "j"}`},
	"prep_jid":       {``, `"20261120080102123456"`, `{"passed_jid": "mine"}`, `"mine"`, `{"nocache": 1}`},
	"returner":       {valid["returner"], `null`, ``, ``, `{"ret": {"id": "m"}}`},
	"clean_old_jobs": {`{}`, `{}`, ``, ``, `{"dry_run": 1}`},
	"redis_set":      {valid["redis_set"], `true`, ``, ``, `{"redis_key": "k", "redis_val": []}`},
	"redis_get":      {valid["redis_get"], `"PONG"`, ``, ``, `{}`},
	"redis_execute":  {valid["redis_execute"], `"PONG"`, ``, ``, `{"redis_cmd": []}`},
}

const customJob = `{"Function": "test.ping", "Arguments": [], "Target": "unknown-target", "Target-type": "list", "User": "root", "StartTime": ""}`

// documentedStore holds what documented asks for. before is as in fakeStore.
func documentedStore(before func(ctx context.Context) error) *fakeStore {
	store := golden()
	store.before, store.answer = before, "PONG"
	store.jobs = []pair{{"custom", `{"jid": "custom", "fun": "test.ping"}`}}
	store.minions = []string{"web1"}
	store.history = map[string][]job.Past{"web1": {{JID: "1", Fun: "f"}}}
	store.progress = map[string]fakeProgress{"1": {job.Progress{Known: true, Expected: 2, Returned: 1}, []string{"b"}}}
	store.ends = map[string]string{"1": "then"}
	return store
}

// Every endpoint has its documented answer to everything that may be the case: as one message and in parts.
func TestDocumentedAnswers(t *testing.T) {
	t.Parallel()
	open := func(c *Config) { c.RedisExecute.Allow = []string{"ping"} }
	late := func(c *Config) { c.Timeout = 100 * time.Millisecond }
	fails := func(err error) func(context.Context) error { return func(context.Context) error { return err } }
	well := start(t, documentedStore(nil), open)
	wrongType := start(t, documentedStore(fails(job.Reject(job.ReasonWrongType, "the key holds a list"))), open)
	away := start(t, documentedStore(fails(job.ErrUnavailable)), open)
	hangs := start(t, documentedStore(func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }), open, late)
	for _, e := range Endpoints() {
		t.Run(e.Name, func(t *testing.T) {
			is, ok := documented[e.Name]
			if !ok {
				t.Fatal("it has no documented answers")
			}
			object := is.there
			if object == "" {
				object = `{}`
			}
			for _, tt := range []struct {
				name, request, want string
				code                int
				rig                 *rig
			}{
				{"there", is.there, is.thereAnswer, codeOK, well},
				{"not there", is.missing, is.missingAnswer, codeOK, well},
				{"unknown profile", with(object, `"profile": "no such"`), is.thereAnswer, codeOK, well},
				{"malformed", is.malformed, "", codeMalformed, well},
				{"another type at the key", is.there, "", codeMalformed, wrongType},
				{"Redis away", is.there, "", codeUnavailable, away},
				{"too late", is.there, "", codeDeadline, hangs},
			} {
				if tt.name == "not there" && tt.want == "" {
					continue
				}
				one := tt.rig.ask(t, e.Name, tt.request)
				if e.Name == "prep_jid" && one.Code == codeOK && len(one.Body) == len(tt.want) && tt.name != "not there" {
					one.Body = tt.want // each one is new
				}
				if one.Code != tt.code || one.Body != tt.want {
					t.Errorf("%s: %d %s %s, want %d %s", tt.name, one.Code, one.Body, one.Sentence, tt.code, tt.want)
				}
				part := answerOf(t, next(t, tt.rig.stream(t, e.Name, tt.request)))
				if e.Name != "prep_jid" && !cmp.Equal(one, part) {
					t.Errorf("%s as a part: %s", tt.name, cmp.Diff(one, part))
				}
			}
		})
	}
}
