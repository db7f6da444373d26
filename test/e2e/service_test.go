package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// TestEveryEndpoint: shapes as in Salt, for what is there and what is not.
func TestEveryEndpoint(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.start(t)
	jid := formatJID(time.Now().Add(-time.Second))
	start, _ := jidTime(jid)
	ret := fmt.Sprintf(`{"id": "web1", "jid": "%s", "fun": ["test.ping", "cmd.run"], "return": 1.0, "big": 123456789012345678901}`, jid)
	load := fmt.Sprintf(`{"jid": "%s", "fun": "test.ping", "tgt": "*", "arg": "abc", "key": "secret", "kwargs": {"metadata": {"a": 1}}}`, jid)
	kept := strings.Replace(load, `"key": "secret", `, "", 1)
	kept = strings.TrimSuffix(kept, "}") + `, "Minions": ["web1", "web2", "web3"]}`
	entry := fmt.Sprintf(`{"%s": {"Function": "test.ping", "Arguments": ["abc"], "Target": "*", "Target-type": "list", "User": "root", "Metadata": {"a": 1}, "StartTime": "%s"}}`,
		jid, start.Format(startLayout))
	for _, step := range []struct{ name, endpoint, request, want string }{
		{"returns of a missing job", "get_jid", request("jid", jid), "{}"},
		{"load of a missing job", "get_load", request("jid", jid), "{}"},
		{"no jobs", "get_jids", "{}", "{}"},
		{"no jobs, empty request", "get_jids", "", "{}"},
		{"function that never ran", "get_fun", request("fun", "test.ping"), "{}"},
		{"no minions", "get_minions", "{}", "[]"},
		{"keep a return", "returner", `{"ret": ` + ret + `}`, "null"},
		{"keep it again", "returner", `{"ret": ` + ret + `}`, "null"},
		{"a return that asks not to be kept", "returner", `{"ret": {"id": "web9", "jid": "nocache", "fun": "test.ping", "return": 1}}`, "null"},
		{"minions before the load", "save_minions", request("jid", jid, "minions", []string{"web3"}, "syndic_id", "syndic"), "null"},
		{"keep a load", "save_load", fmt.Sprintf(`{"jid": "%s", "load": %s, "minions": ["web2"]}`, jid, load), "null"},
		{"minions behind the load", "save_minions", request("jid", jid, "minions", []string{"web1", "web2"}), "null"},
		{"no minions to add", "save_minions", request("jid", jid, "minions", []string{}), "null"},
		{"returns of a job", "get_jid", request("jid", jid), `{"web1": ` + ret + `}`},
		{"whole number as jid", "get_jid", `{"jid": ` + jid + `}`, `{"web1": ` + ret + `}`},
		{"unknown profile is the default", "get_jid", request("jid", jid, "profile", "nowhere"), `{"web1": ` + ret + `}`},
		{"load of a job", "get_load", request("jid", jid), kept},
		{"jobs", "get_jids", "{}", entry},
		{"compound function", "get_fun", `{"fun": ["test.ping", "cmd.run"]}`, `{"web1": ` + ret + `}`},
		{"other function", "get_fun", request("fun", "test.ping"), "{}"},
		{"minions", "get_minions", "{}", `["web1"]`},
		{"passed jid", "prep_jid", request("passed_jid", "mine"), `"mine"`},
	} {
		got := r.ask(t, step.endpoint, step.request)
		if got.code != "" || string(got.body) != step.want {
			t.Errorf("%s: %s %s\ngot  %s %s %s\nwant %s", step.name, step.endpoint, step.request, got.body, got.code, got.sentence, step.want)
		}
	}
	checkPrepJID(t, r)
}

// checkPrepJID: a jid is new, of now, nobody else's, and reserved.
func checkPrepJID(t *testing.T, r *rig) {
	t.Helper()
	seen := map[string]bool{}
	for _, request := range []string{"{}", `{"nocache": false, "passed_jid": null}`, "{}", `{"nocache": true}`} {
		jid := strings.Trim(string(r.ask(t, "prep_jid", request).body), `"`)
		made, ok := jidTime(jid)
		if !ok || seen[jid] || time.Since(made).Abs() > tolerance {
			t.Errorf("prep_jid gives %q", jid)
		}
		seen[jid] = true
		reserved := r.db(t, 0).Exists(t.Context(), "returnd/job:"+jid).Val() == 1
		if reserved == strings.Contains(request, "true") {
			t.Errorf("prep_jid %s: reserved is %v", request, reserved)
		}
	}
}

// TestRefusedRequests: what is wrong with a request is told, at once.
func TestRefusedRequests(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.start(t)
	for _, tt := range []struct{ endpoint, request, code, says string }{
		{"get_jid", "", "400", "jid is missing"},
		{"get_jid", "{}", "400", "jid is missing"},
		{"get_jid", `{"jid": null}`, "400", "jid is missing"},
		{"get_jid", "no JSON", "400", "JSON object"},
		{"get_jid", `["jid"]`, "400", "JSON object"},
		{"get_jid", `{"jid": "1"`, "400", "JSON object"},
		{"get_jid", `{"jid": "1", "jid": "2"}`, "400", "twice"},
		{"get_jid", `{"jid": "1", "jids": "2"}`, "400", "does not take"},
		{"get_jid", `{"jid": 1.5}`, "400", "jid must be"},
		{"get_jid", `{"jid": ""}`, "400", "jid"},
		{"get_jid", `{"jid": "a\r\nb"}`, "400", "jid"},
		{"get_jid", `{"jid": "1", "profile": 7}`, "400", "profile must be"},
		{"get_fun", `{"fun": "a:b"}`, "400", "fun"},
		{"get_fun", `{"fun": []}`, "400", "fun must"},
		{"save_load", `{"jid": "1"}`, "400", "load is missing"},
		{"save_load", `{"jid": "1", "load": []}`, "400", "load must be"},
		{"save_load", `{"jid": "1", "load": {"jid": "2"}}`, "400", "jid"},
		{"save_load", `{"jid": "req", "load": {}}`, "400", "prep_jid"},
		{"save_load", `{"jid": "1", "load": {}, "minions": ["a/b"]}`, "400", "minions"},
		{"save_minions", `{"jid": "1"}`, "400", "minions is missing"},
		{"save_minions", `{"jid": "1", "minions": "web1"}`, "400", "minions must be"},
		{"prep_jid", `{"nocache": 1}`, "400", "nocache must be"},
		{"returner", `{}`, "400", "ret is missing"},
		{"returner", `{"ret": {"id": "a", "jid": "1"}}`, "400", "fun is missing"},
		{"returner", `{"ret": {"id": "../a", "jid": "1", "fun": "x.y"}}`, "400", "identity"},
		{"returner", `{"ret": {"id": "a", "jid": "req", "fun": "x.y"}}`, "400", "prep_jid"},
		{"returner", `{"ret": {"id": "a", "jid": "1", "fun": "x.y", "ret_kwargs": {"password": "hunter2"}}}`, "400", "ret_kwargs"},
	} {
		got := r.ask(t, tt.endpoint, tt.request)
		if got.code != tt.code || !strings.Contains(got.sentence, tt.says) || len(got.body) > 0 {
			t.Errorf("%s %s: got %s %q %s, want %s with %q", tt.endpoint, tt.request, got.code, got.sentence, got.body, tt.code, tt.says)
		}
	}
	if got := dump(t, r.db(t, 0)); len(got) > 0 {
		t.Errorf("refused requests left %v", got)
	}
}
