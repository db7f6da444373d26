package query

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"returnd/internal/job"
)

func TestReturnerKeepsTheBytes(t *testing.T) {
	t.Parallel()
	store := &fakeStore{}
	r := start(t, store)
	const ret = `{"id": "m1",  "jid": 77, "fun": "test.ping", "return": NaN, "n": 1.50, "ret_config": "alt"}`
	for _, request := range []string{`{"ret":  ` + ret + ` }`, `{"ret": ` + ret + `, "profile": "mine"}`} {
		if diff := cmp.Diff(ok("null"), r.ask(t, "returner", request)); diff != "" {
			t.Fatalf("answer (-want +got):\n%s", diff)
		}
	}
	want := job.Return{JID: "77", Minion: "m1", Fun: "test.ping", Profile: "alt", DB: job.NoDB, Body: []byte(ret)}
	mine := want
	mine.Profile = "mine"
	if diff := cmp.Diff([]job.Entry{{Return: want, Published: fakeNow}, {Return: mine, Published: fakeNow}}, store.written); diff != "" {
		t.Errorf("written (-want +got):\n%s", diff)
	}
}

func TestSaveLoad(t *testing.T) {
	t.Parallel()
	store := &fakeStore{}
	r := start(t, store)
	request := `{"jid": "j", "load": {"jid": "j", "fun": "f", "key": "secret", "x": NaN, "Minions": ["b"]}, "minions": ["c", "a", "b"]}`
	if diff := cmp.Diff(ok("null"), r.ask(t, "save_load", request)); diff != "" {
		t.Fatalf("answer (-want +got):\n%s", diff)
	}
	want := &job.Load{JID: "j", Body: []byte(`{"jid": "j", "fun": "f", "x": NaN, "Minions": ["b"]}`), Minions: []string{"a", "b", "c"}, Real: true}
	if diff := cmp.Diff([]job.Entry{{Load: want, Published: fakeNow}}, store.written); diff != "" {
		t.Errorf("written (-want +got):\n%s", diff)
	}
}

func TestSaveMinions(t *testing.T) {
	t.Parallel()
	store := &fakeStore{}
	r := start(t, store)
	for _, request := range []string{
		`{"jid": "j", "minions": ["b", "a", "b"], "syndic_id": "s", "profile": "p"}`,
		`{"jid": "none", "minions": []}`,
		`{"jid": "nocache", "minions": ["a"]}`,
	} {
		if diff := cmp.Diff(ok("null"), r.ask(t, "save_minions", request)); diff != "" {
			t.Fatalf("%s (-want +got):\n%s", request, diff)
		}
	}
	if diff := cmp.Diff(map[string][]string{"p/j": {"a", "b"}}, store.saved); diff != "" {
		t.Errorf("saved (-want +got):\n%s", diff)
	}
}

func TestPrepJID(t *testing.T) {
	t.Parallel()
	store := &fakeStore{}
	r := start(t, store)
	base := "20261120080102123456"
	tests := []struct{ name, request, want string }{
		{"new", ``, `"` + base + `"`},
		{"passed", `{"passed_jid": "my job"}`, `"my job"`},
		{"passed as a number", `{"passed_jid": 77}`, `77`},
		{"none passed", `{"passed_jid": null, "nocache": false}`, `"20261120080102123457"`},
		{"not to be kept", `{"nocache": true}`, `"20261120080102123458"`},
	}
	for _, tt := range tests {
		if diff := cmp.Diff(ok(tt.want), r.ask(t, "prep_jid", tt.request)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
	if diff := cmp.Diff(map[string]bool{base: true, "20261120080102123457": true}, store.reserved); diff != "" {
		t.Errorf("reserved (-want +got):\n%s", diff)
	}
}

func TestPrepJIDPassesOverTakenOnes(t *testing.T) {
	t.Parallel()
	store := &fakeStore{taken: 3}
	r := start(t, store)
	if diff := cmp.Diff(ok(`"20261120080102123459"`), r.ask(t, "prep_jid", "")); diff != "" {
		t.Errorf("after three taken ones (-want +got):\n%s", diff)
	}
	store.mu.Lock()
	store.taken = maxTries
	store.mu.Unlock()
	if got := r.ask(t, "prep_jid", ""); got.Code != codeUnavailable {
		t.Errorf("without any free jid: %+v, want 503", got)
	}
}

func TestNotToBeKept(t *testing.T) {
	t.Parallel()
	store := &fakeStore{}
	r := start(t, store)
	for endpoint, request := range map[string]string{
		"returner":  `{"ret": {"id": "m", "jid": "nocache", "fun": "f"}}`,
		"save_load": `{"jid": "nocache", "load": {}}`,
	} {
		if diff := cmp.Diff(ok("null"), r.ask(t, endpoint, request)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", endpoint, diff)
		}
	}
	if store.touched != 0 {
		t.Errorf("the store was used %d times", store.touched)
	}
}

func TestRefusedWrites(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, endpoint, request, want string }{
		{"a jid to be allocated", "returner", `{"ret": {"id": "m", "jid": "req", "fun": "f"}}`, "jid_req: the jid asks for a new one: get it from salt.returner.prep_jid first"},
		{"a load's jid to be allocated", "save_load", `{"jid": "req", "load": {}}`, "jid_req: "},
		{"minions of a jid to be allocated", "save_minions", `{"jid": "req", "minions": ["a"]}`, "jid_req: "},
		{"no fun", "returner", `{"ret": {"id": "m", "jid": "j"}}`, "malformed: fun is missing"},
		{"bad id", "returner", `{"ret": {"id": "a/b", "jid": "j", "fun": "f"}}`, "identity: id holds"},
		{"a way to another Redis", "returner", `{"ret": {"id": "m", "jid": "j", "fun": "f", "ret_kwargs": {"host": "h"}}}`, "ret_kwargs: "},
		{"another jid in the load", "save_load", `{"jid": "a", "load": {"jid": "b"}}`, "subject: "},
	}
	store := &fakeStore{}
	r := start(t, store)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := r.ask(t, tt.endpoint, tt.request)
			if got.Code != codeMalformed || !strings.HasPrefix(got.Sentence, tt.want) || got.Body != "" {
				t.Errorf("got %+v, want 400 %q", got, tt.want)
			}
		})
	}
	if store.touched != 0 {
		t.Errorf("the store was used %d times", store.touched)
	}
}

func TestRequestTooLarge(t *testing.T) {
	t.Parallel()
	r := start(t, &fakeStore{}, func(c *Config) { c.MaxRequestBytes = 100 })
	for _, e := range Endpoints() {
		got := r.ask(t, e.Name, fmt.Sprintf(`{"profile": "%0100d"}`, 0))
		if got.Code != codeTooLarge || !strings.Contains(got.Sentence, "query.max_request_bytes") {
			t.Errorf("%s gave %+v, want 413 with the remedy", e.Name, got)
		}
	}
}
