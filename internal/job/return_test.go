package job

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// whole is a return with these further members.
func whole(members string) string {
	return `{"id": "web1", "jid": "20261120080000000001", "fun": "test.ping"` + members + `}`
}

func TestParseReturnIdentity(t *testing.T) {
	long := strings.Repeat("x", 255)
	tests := []struct {
		name, text string
		want       Reason
		id, jid    string
		fun        string
	}{
		{"usual", whole(``), "", "web1", "20261120080000000001", "test.ping"},
		{"names by escapes", `{"\u0069d": "a", "j\u0069d": "1", "f\u0075n": "f"}`, "", "a", "1", "f"},
		{"values with escapes", `{"id": "w\u0065b", "jid": "\u0031", "fun": "a\u002eb"}`, "", "web", "1", "a.b"},
		{"255 bytes each", `{"id": "` + long + `", "jid": "` + long + `", "fun": "` + long + `"}`, "", long, long, long},
		{"nested ones do not count", whole(`, "return": {"id": 1, "jid": 2, "fun": 3}`), "", "web1", "20261120080000000001", "test.ping"},
		{"other case does not count", whole(`, "ID": 1, "Jid": 2`), "", "web1", "20261120080000000001", "test.ping"},
		{"int jid", `{"id": "a", "jid": 20261120080000000063, "fun": "f"}`, "", "a", "20261120080000000063", "f"},
		{"nocache", `{"id": "a", "jid": "nocache", "fun": "f"}`, "", "a", "nocache", "f"},
		{"legal odd id", `{"id": "{r}* [7]?:'", "jid": "a b:{c}", "fun": "f g"}`, "", "{r}* [7]?:'", "a b:{c}", "f g"},
		{"fun list", `{"id": "a", "jid": "1", "fun": ["test.ping", "cmd.run"]}`, "", "a", "1", "['test.ping', 'cmd.run']"},
		{"fun list empty", `{"id": "a", "jid": "1", "fun": []}`, "", "a", "1", "[]"},

		{"id missing", `{"jid": "1", "fun": "f"}`, ReasonMalformed, "", "", ""},
		{"jid missing", `{"id": "a", "fun": "f"}`, ReasonMalformed, "", "", ""},
		{"fun missing", `{"id": "a", "jid": "1"}`, ReasonMalformed, "", "", ""},
		{"id twice", whole(`, "id": "web1"`), ReasonMalformed, "", "", ""},
		{"jid twice", whole(`, "jid": "1"`), ReasonMalformed, "", "", ""},
		{"fun twice", whole(`, "fun": "f"`), ReasonMalformed, "", "", ""},
		{"id twice, once by escapes", whole(`, "\u0069\u0064": "web2"`), ReasonMalformed, "", "", ""},
		{"id three times", whole(`, "id": 1, "id": 2`), ReasonMalformed, "", "", ""},
		{"a fault behind everything", whole(`, "x": tru`), ReasonMalformed, "", "", ""},
		{"form comes before identity", `{"id": null, "jid": "req", "fun": "f"`, ReasonMalformed, "", "", ""},
		{"missing comes before identity", `{"id": null, "jid": "req"}`, ReasonMalformed, "", "", ""},
		{"list", `[]`, ReasonMalformed, "", "", ""},
		{"nothing", ``, ReasonMalformed, "", "", ""},

		{"id null", `{"id": null, "jid": "1", "fun": "f"}`, ReasonIdentity, "", "", ""},
		{"id number", `{"id": 1, "jid": "1", "fun": "f"}`, ReasonIdentity, "", "", ""},
		{"id list", `{"id": ["a"], "jid": "1", "fun": "f"}`, ReasonIdentity, "", "", ""},
		{"id empty", `{"id": "", "jid": "1", "fun": "f"}`, ReasonIdentity, "", "", ""},
		{"id with an escaped slash", `{"id": "a\u002fb", "jid": "1", "fun": "f"}`, ReasonIdentity, "", "", ""},
		{"id of 256 bytes", `{"id": "x` + long + `", "jid": "1", "fun": "f"}`, ReasonIdentity, "", "", ""},
		{"id with a newline", `{"id": "a\nb", "jid": "1", "fun": "f"}`, ReasonIdentity, "", "", ""},
		{"jid null", `{"id": "a", "jid": null, "fun": "f"}`, ReasonIdentity, "", "", ""},
		{"jid true", `{"id": "a", "jid": true, "fun": "f"}`, ReasonIdentity, "", "", ""},
		{"jid negative", `{"id": "a", "jid": -1, "fun": "f"}`, ReasonIdentity, "", "", ""},
		{"jid float", `{"id": "a", "jid": 1.0, "fun": "f"}`, ReasonIdentity, "", "", ""},
		{"jid exponent", `{"id": "a", "jid": 1e3, "fun": "f"}`, ReasonIdentity, "", "", ""},
		{"jid NaN", `{"id": "a", "jid": NaN, "fun": "f"}`, ReasonIdentity, "", "", ""},
		{"jid of 256 digits", `{"id": "a", "jid": ` + strings.Repeat("1", 256) + `, "fun": "f"}`, ReasonIdentity, "", "", ""},
		{"jid empty", `{"id": "a", "jid": "", "fun": "f"}`, ReasonIdentity, "", "", ""},
		{"fun null", `{"id": "a", "jid": "1", "fun": null}`, ReasonIdentity, "", "", ""},
		{"fun object", `{"id": "a", "jid": "1", "fun": {}}`, ReasonIdentity, "", "", ""},
		{"fun empty", `{"id": "a", "jid": "1", "fun": ""}`, ReasonIdentity, "", "", ""},
		{"fun with a colon", `{"id": "a", "jid": "1", "fun": "a:b"}`, ReasonIdentity, "", "", ""},
		{"fun list with a number", `{"id": "a", "jid": "1", "fun": ["f", 1]}`, ReasonIdentity, "", "", ""},
		{"fun list with a colon", `{"id": "a", "jid": "1", "fun": ["f", "a:b"]}`, ReasonIdentity, "", "", ""},
		{"fun list in a list", `{"id": "a", "jid": "1", "fun": [["f"]]}`, ReasonIdentity, "", "", ""},

		{"req", `{"id": "a", "jid": "req", "fun": "f"}`, ReasonJIDReq, "", "", ""},
		{"identity comes before req", `{"id": "a", "jid": "req", "fun": ""}`, ReasonIdentity, "", "", ""},
		{"req comes before ret_kwargs", `{"id": "a", "jid": "req", "fun": "f", "ret_kwargs": {"host": "h"}}`, ReasonJIDReq, "", "", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := ParseReturn([]byte(test.text))
			checkReason(t, err, test.want)
			want := Return{Minion: test.id, JID: test.jid, Fun: test.fun}
			if test.want == "" {
				want.DB, want.Body = NoDB, []byte(test.text)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestParseReturnOptions(t *testing.T) {
	tests := []struct {
		name, members string
		want          Reason
		profile       string
		db            int
	}{
		{"none", ``, "", "", NoDB},
		{"profile", `, "ret_config": "alternative"`, "", "alternative", NoDB},
		{"profile that is no text", `, "ret_config": 1`, "", "", NoDB},
		{"the last profile counts", `, "ret_config": "a", "ret_config": "b"`, "", "b", NoDB},
		{"the last profile counts, text or not", `, "ret_config": "a", "ret_config": null`, "", "", NoDB},
		{"db as text", `, "ret_kwargs": {"db": "3"}`, "", "", 3},
		{"db as a number", `, "ret_kwargs": {"db": 0}`, "", "", 0},
		{"the last db counts", `, "ret_kwargs": {"db": 1, "d\u0062": 2}`, "", "", 2},
		{"the last ret_kwargs count", `, "ret_kwargs": {"host": "h"}, "ret_kwargs": {"db": 1}`, "", "", 1},
		{"null", `, "ret_kwargs": null`, "", "", NoDB},
		{"no object", `, "ret_kwargs": ["host"]`, "", "", NoDB},
		{"empty", `, "ret_kwargs": {}`, "", "", NoDB},
		{"unknown option", `, "ret_kwargs": {"ttl": 1, "redis": {"host": 1}}`, "", "", NoDB},
		{"nested", `, "metadata": {"ret_kwargs": {"host": "h"}}`, "", "", NoDB},
		{"db negative", `, "ret_kwargs": {"db": -1}`, ReasonRetKwargs, "", 0},
		{"db float", `, "ret_kwargs": {"db": 1.0}`, ReasonRetKwargs, "", 0},
		{"db null", `, "ret_kwargs": {"db": null}`, ReasonRetKwargs, "", 0},
		{"db empty", `, "ret_kwargs": {"db": ""}`, ReasonRetKwargs, "", 0},
		{"db word", `, "ret_kwargs": {"db": "another-salt"}`, ReasonRetKwargs, "", 0},
		{"db list", `, "ret_kwargs": {"db": [1]}`, ReasonRetKwargs, "", 0},
		{"db huge", `, "ret_kwargs": {"db": 99999999999999999999}`, ReasonRetKwargs, "", 0},
		{"host by escapes", `, "ret_kwargs": {"h\u006fst": "h"}`, ReasonRetKwargs, "", 0},
	}
	for _, option := range []string{"host", "port", "password", "username", "unix_socket_path", "url", "cluster_mode", "startup_nodes", "cluster.startup_nodes"} {
		for _, name := range []string{option, "redis." + option} {
			tests = append(tests, struct {
				name, members string
				want          Reason
				profile       string
				db            int
			}{name, `, "ret_kwargs": {"db": 1, "` + name + `": null}`, ReasonRetKwargs, "", 0})
		}
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := ParseReturn([]byte(whole(test.members)))
			checkReason(t, err, test.want)
			if got.Profile != test.profile || got.DB != test.db {
				t.Errorf("got profile %q, db %d; want %q, %d", got.Profile, got.DB, test.profile, test.db)
			}
		})
	}
}

func TestParseReturnFailed(t *testing.T) {
	tests := []struct {
		name, members string
		want          bool
	}{
		{"nothing said", ``, false},
		{"success", `, "success": true, "retcode": 0`, false},
		{"no success", `, "success": false`, true},
		{"no success, retcode 0", `, "success": false, "retcode": 0`, true},
		{"success null", `, "success": null`, false},
		{"success as text", `, "success": "false"`, false},
		{"retcode", `, "success": true, "retcode": 2`, true},
		{"retcode negative", `, "retcode": -1`, true},
		{"retcode null", `, "retcode": null`, false},
		{"retcode false", `, "retcode": false`, false},
		{"retcode true", `, "retcode": true`, true},
		{"retcode zero as float", `, "retcode": 0.0`, false},
		{"retcode negative zero", `, "retcode": -0e7`, false},
		{"retcode NaN", `, "retcode": NaN`, true},
		{"retcode Infinity", `, "retcode": -Infinity`, true},
		{"retcode beyond a float", `, "retcode": 1e999`, true},
		{"retcode as text", `, "retcode": "1"`, true},
		{"retcode zero as text", `, "retcode": "0"`, false},
		{"retcode zero as escaped text", `, "retcode": "\u0030"`, false},
		{"retcode as a word", `, "retcode": "bad"`, true},
		{"retcodes by function", `, "retcode": {"a": 0, "b": 0}`, false},
		{"one retcode by function", `, "retcode": {"a": 0, "b": 1}`, true},
		{"one retcode by function as text", `, "retcode": {"a": "1", "b": 0}`, true},
		{"retcode null by function", `, "retcode": {"a": null}`, false},
		{"retcodes in order", `, "retcode": [0, "0", null]`, false},
		{"one retcode in order", `, "retcode": [0, 127]`, true},
		{"no retcodes", `, "retcode": []`, false},
		{"retcode nested deeper", `, "retcode": {"a": {}}`, true},
		{"success by function", `, "success": {"a": true, "b": true}`, false},
		{"no success by function", `, "success": {"a": true, "b": false}`, true},
		{"no success in order", `, "success": [true, false]`, true},
		{"the last retcode counts", `, "retcode": 1, "retcode": 0`, false},
		{"the last success counts", `, "success": true, "s\u0075ccess": false`, true},
		{"nested ones do not count", `, "return": {"success": false, "retcode": 1}`, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := ParseReturn([]byte(whole(test.members)))
			checkReason(t, err, "")
			if got.Failed != test.want {
				t.Errorf("got failed %v, want %v", got.Failed, test.want)
			}
		})
	}
}

func TestHasPointer(t *testing.T) {
	for id, want := range map[string]bool{
		"web1": true, "ret": false, "load": false, "ret:x": false, "load:x:y": false,
		"rets": true, "Ret": true, "a:ret": true, "loader:x": true, "minions": true,
	} {
		r := Return{Minion: id}
		if got := r.HasPointer(); got != want {
			t.Errorf("id %q: got a pointer %v, want %v", id, got, want)
		}
	}
}

// TestDetailsHoldNoPayload plants a canary wherever a payload has text and looks for it in the error.
func TestDetailsHoldNoPayload(t *testing.T) {
	for _, text := range []string{
		`{"canary": canary}`,
		`{"id": "canary/", "jid": "1", "fun": "f"}`,
		`{"id": "a", "jid": "canary\n", "fun": "f"}`,
		`{"id": "a", "jid": "1", "fun": "canary:"}`,
		`{"id": "a", "jid": "1", "fun": ["f", "canary:"]}`,
		`{"id": "a", "jid": "1", "fun": "f", "ret_kwargs": {"password": "canary"}}`,
		`{"id": "a", "jid": "1", "fun": "f", "ret_kwargs": {"db": "canary"}}`,
		`{"id": "a", "jid": "1", "fun": "f", "return": "canary` + "\xff" + `"}`,
		`canary`,
	} {
		_, err := ParseReturn([]byte(text))
		if err == nil || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: got %v, want an error without payload text", text, err)
		}
	}
}

func TestParseReturnDoesNotAllocate(t *testing.T) {
	for _, p := range payloads() {
		t.Run(p.name, func(t *testing.T) {
			got := testing.AllocsPerRun(100, func() {
				if _, err := ParseReturn(p.body); err != nil {
					t.Fatal(err)
				}
			})
			if got != 0 {
				t.Errorf("got %v allocations, want none", got)
			}
		})
	}
	t.Run("with options", func(t *testing.T) {
		body := []byte(whole(`, "ret_config": "alternative", "ret_kwargs": {"db": "3"}, "retcode": {"a": 0}`))
		if got := testing.AllocsPerRun(100, func() { _, _ = ParseReturn(body) }); got != 0 {
			t.Errorf("got %v allocations, want none", got)
		}
	})
}

func TestAListOfFunctionsIsBounded(t *testing.T) {
	body := `{"id": "m", "jid": "j", "fun": ["` + strings.Repeat(`test.ping", "`, 500) + `x"]}`
	_, err := ParseReturn([]byte(body))
	var rejection *Rejection
	if !errors.As(err, &rejection) || rejection.Reason != ReasonIdentity {
		t.Errorf("error = %v, want identity: the list becomes part of a key", err)
	}
}
