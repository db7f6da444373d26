package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"returnd/test/servers"
)

// TestFilters: what get_jids lets through, newest first.
func TestFilters(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.start(t)
	now := time.Now().Truncate(time.Second)
	jids := map[string]string{} // by age
	for age, load := range map[string]string{
		"1h":  `"fun": "test.ping", "tgt": "*", "user": "root"`,
		"30m": `"fun": ["test.ping", "cmd.run"], "tgt": ["web1", "db1"], "tgt_type": "list", "user": "sudo_anna"`,
		"10m": `"fun": "state.apply", "tgt": "web*", "user": "anna", "kwargs": {"metadata": {"ticket": "T-1", "n": 2.0}}`,
		"1m":  `"fun": "saltutil.find_job", "tgt": "web*", "user": "anna", "metadata": {"ticket": "T-2"}`,
	} {
		ago, _ := time.ParseDuration(age)
		jids[age] = formatJID(now.Add(-ago))
		if got := r.ask(t, "save_load", fmt.Sprintf(`{"jid": %q, "load": {%s}}`, jids[age], load)); got.code != "" {
			t.Fatal(got.code, got.sentence)
		}
	}
	halfAnHourAgo := now.Add(-30 * time.Minute).UTC()
	for _, tt := range []struct{ name, request, want string }{
		{"all", `{}`, "1m 10m 30m 1h"},
		{"since, in seconds", fmt.Sprintf(`{"since": %d}`, halfAnHourAgo.Unix()), "1m 10m 30m"},
		{"until, which is not in it", fmt.Sprintf(`{"until": %q}`, halfAnHourAgo.Format(time.RFC3339)), "1h"},
		{"since a jid until a StartTime", fmt.Sprintf(`{"since": %q, "until": %q}`, jids["30m"], now.Add(-time.Minute).UTC().Format(startLayout)), "10m 30m"},
		{"a function, alone or within a compound one", `{"fun": "test.ping"}`, "30m 1h"},
		{"a pattern", `{"fun": "[!t]*.*"}`, "1m 10m 30m"},
		{"a compound function", `{"fun": "['test.ping', 'cmd.run']"}`, "30m"},
		{"a target", `{"target": "web*"}`, "1m 10m 30m"},
		{"a user", `{"user": "anna"}`, "1m 10m"},
		{"metadata at either place, numbers by their worth", `{"metadata": {"n": 2}}`, "10m"},
		{"several at once", `{"user": "anna", "metadata": {"ticket": "T-2"}, "since": 0}`, "1m"},
		{"a page", `{"limit": 2}`, "1m 10m"},
		{"nothing", `{"user": "nobody"}`, ""},
	} {
		var want []string
		for age := range strings.FieldsSeq(tt.want) {
			want = append(want, jids[age])
		}
		got := r.ask(t, "get_jids", tt.request)
		if got.code != "" || !slices.Equal(names(t, got.body), want) {
			t.Errorf("%s: %s gives %s %s, want %v", tt.name, tt.request, got.body, got.sentence, want)
		}
	}
	var listed []string
	for _, e := range decode(t, r.ask(t, "get_jids_filter", `{"count": 2}`).body).([]any) {
		listed = append(listed, e.(map[string]any)["JID"].(string))
	}
	if want := []string{jids["30m"], jids["10m"]}; !slices.Equal(listed, want) { // find_job is left out, the oldest comes first
		t.Errorf("get_jids_filter gives %v, want %v", listed, want)
	}
}

// TestProfilesOfQueries: a profile is another Redis, for every endpoint.
func TestProfilesOfQueries(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	archive := servers.Redis(t)
	file := filepath.Join(t.TempDir(), "returnd.yaml")
	profile := fmt.Sprintf("archive: {redis: {url: %q, mode: standalone, cluster: {startup_nodes: []}, sentinel: {master: '', addresses: []}}}", archive.URL)
	if err := os.WriteFile(file, []byte(profile), 0o600); err != nil {
		t.Fatal(err)
	}
	r.start(t, append(allowGet, "--config", file)...)
	ret := `{"id": "web1", "jid": "mine", "fun": "test.ping", "return": true, "retcode": 2}`
	for _, step := range []struct{ endpoint, request, there, elsewhere string }{
		{"returner", `{"ret": ` + ret + `}`, `null`, ``},
		{"save_load", `{"jid": "mine", "load": {"fun": "test.ping"}, "minions": ["web1"]}`, `null`, ``},
		{"update_endtime", `{"jid": "mine", "time": "then"}`, `null`, ``},
		{"redis_set", `{"redis_key": "app/x", "redis_val": 1}`, `true`, ``},
		{"get_jid", `{"jid": "mine"}`, `{"web1": ` + ret + `}`, `{}`},
		{"get_load", `{"jid": "mine"}`, `{"fun": "test.ping", "Minions": ["web1"]}`, `{}`},
		{"get_fun", `{"fun": "test.ping"}`, `{"web1": ` + ret + `}`, `{}`},
		{"get_minions", `{}`, `["web1"]`, `[]`},
		{"get_history", `{"minion": "web1"}`, `[{"jid": "mine", "fun": "test.ping"}]`, `[]`},
		{"get_progress", `{"jid": "mine"}`, `{"missing": [], "expected": 1, "returned": 1, "failed": 1, "complete": true}`, `{"returned": 0, "failed": 0}`},
		{"get_endtime", `{"jid": "mine"}`, `"then"`, `false`},
		{"redis_get", `{"redis_key": "app/x"}`, `"1"`, `null`},
		{"redis_execute", `{"redis_cmd": "get app/x"}`, `"1"`, `null`},
	} {
		in := strings.Replace(strings.TrimSuffix(step.request, "}")+`, "profile": "archive"}`, "{, ", "{", 1)
		if got := r.ask(t, step.endpoint, in); string(got.body) != step.there {
			t.Errorf("%s %s gives %s %s, want %s", step.endpoint, in, got.body, got.sentence, step.there)
		}
		if step.elsewhere == "" {
			continue
		}
		if got := r.ask(t, step.endpoint, step.request); string(got.body) != step.elsewhere {
			t.Errorf("%s %s gives %s %s, want %s", step.endpoint, step.request, got.body, got.sentence, step.elsewhere)
		}
	}
	if got := dump(t, r.db(t, 0)); len(got) > 0 {
		t.Errorf("the default Redis holds %v", got)
	}
}

// TestQueryCommand: what a person types, against a worker.
func TestQueryCommand(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.start(t)
	at := []string{"--nats.url", r.nats.URL}
	jid := strings.Trim(strings.TrimSpace(r.query(t, "prep_jid", "-o", "json")), `"`)
	r.publish(t, loadSubject(jid), []byte(request("jid", jid, "fun", "test.ping", "tgt", "*", "user", "root", "minions", []string{"web1", "web2"})), nil)
	watched := make(chan string, 1)
	go func() {
		out, errs, code := servers.Run(t, append([]string{"query", "get_jid", "jid=" + jid, "--watch", "--fail", "-o", "table", "--timeout", "30s"}, at...)...)
		watched <- fmt.Sprintf("%s%s%d", out, errs, code)
	}()
	r.publish(t, returnSubject(jid, "web1"), []byte(request("id", "web1", "jid", jid, "fun", "test.ping", "return", true, "retcode", 0)), nil)
	r.settle(t)
	if got, want := r.query(t, "get_progress", "jid="+jid, "-o", "table"), "1 of 2"; !strings.Contains(got, want) || !strings.Contains(got, "missing: web2") {
		t.Errorf("progress is\n%s", got)
	}
	r.publish(t, returnSubject(jid, "web2"), []byte(request("id", "web2", "jid", jid, "fun", "test.ping", "return", "no", "retcode", 3)), nil)
	want := "MINION  RESULT    RETURN\nweb1    ok        true\nweb2    failed 3  no\n2 minions: 1 ok, 1 failed\n" +
		"job " + jid + " is complete: 2 of 2 returned, 1 failed\nworker: 1 minion failed: web2\n1"
	if diff := cmp.Diff(want, <-watched); diff != "" {
		t.Errorf("--watch --fail (-want +got):\n%s", diff)
	}
	for _, tt := range []struct {
		args string
		want string
	}{
		{"get_minions -o csv", "minion\nweb1\nweb2\n"},
		{"get_history minion=web1 -o ndjson", `{"jid": "` + jid + `", "fun": "test.ping"}` + "\n"},
		{"get_jid jid=none -o table", "nothing found\n"},
		{"get_jids fun=test.* -o yaml", `"` + jid + "\":\n  Function: test.ping\n"},
		{"get_jids fun=test.* -o json", `{"` + jid + `": {"Function": "test.ping"`},
	} {
		if got := r.query(t, strings.Fields(tt.args)...); !strings.HasPrefix(got, tt.want) {
			t.Errorf("%s gives\n%s", tt.args, got)
		}
	}
	for args, want := range map[string]string{"jid=": jid + "\ttest.ping on *", "jid": "jid="} {
		out, _, _ := servers.Run(t, append([]string{"__complete", "query", "get_jid"}, append(at, args)...)...)
		if !strings.Contains(out, want) {
			t.Errorf("%q is completed by %s", args, out)
		}
	}
}
