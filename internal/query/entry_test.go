package query

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestEntry(t *testing.T) {
	t.Parallel()
	const rest = `"Target": "unknown-target", "Target-type": "list", "User": "root"`
	const key, start = "20261120080102123456", `, "StartTime": "2026, Nov 20 08:01:02.123456"}`
	tests := []struct{ name, load, wantKey, want string }{
		{"defaults", `{}`, key, `{"Function": "unknown-function", "Arguments": [], ` + rest + start},
		{"an argument that is text stays whole", `{"arg": "abc"}`, key, `{"Function": "unknown-function", "Arguments": ["abc"], ` + rest + start},
		{"no argument", `{"arg": null}`, key, `{"Function": "unknown-function", "Arguments": [], ` + rest + start},
		{"compound command", `{"fun": ["a.b", "c.d"], "arg": [[], [1.0]]}`, key, `{"Function": ["a.b", "c.d"], "Arguments": [[], [1.0]], ` + rest + start},
		{"null is not absent", `{"user": null}`, key, `{"Function": "unknown-function", "Arguments": [], "Target": "unknown-target", "Target-type": "list", "User": null` + start},
		{"metadata on top", `{"metadata": {"a": 1e9}, "kwargs": {"metadata": 2}}`, key, `{"Function": "unknown-function", "Arguments": [], ` + rest + `, "Metadata": {"a": 1e9}` + start},
		{"metadata in kwargs", `{"kwargs": {"metadata": {"x": NaN}}}`, key, `{"Function": "unknown-function", "Arguments": [], ` + rest + `, "Metadata": {"x": null}` + start},
		{"kwargs without metadata", `{"kwargs": {}}`, key, `{"Function": "unknown-function", "Arguments": [], ` + rest + start},
		{"kwargs of another type", `{"kwargs": [1]}`, key, `{"Function": "unknown-function", "Arguments": [], ` + rest + start},
		{"the load's own jid", `{"jid": "my job"}`, "my job", `{"Function": "unknown-function", "Arguments": [], ` + rest + `, "StartTime": ""}`},
		{"month 13", `{"jid": "20261320080000000000"}`, "20261320080000000000", `{"Function": "unknown-function", "Arguments": [], ` + rest + `, "StartTime": ""}`},
		{"jid of digits", `{"jid": 123}`, "123", `{"Function": "unknown-function", "Arguments": [], ` + rest + `, "StartTime": ""}`},
		{"no jid", `{"jid": ""}`, key, `{"Function": "unknown-function", "Arguments": [], ` + rest + start},
		{"the last of two counts", `{"fun": "a", "fun": "b"}`, key, `{"Function": "b", "Arguments": [], ` + rest + start},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e, ok := parseEntry(key, []byte(tt.load))
			if !ok {
				t.Fatal("no entry")
			}
			if diff := cmp.Diff([]string{tt.wantKey, tt.want}, []string{e.jid, string(e.appendTo(nil))}); diff != "" {
				t.Errorf("entry (-want +got):\n%s", diff)
			}
		})
	}
}

func TestBadLoadsAreNoEntries(t *testing.T) {
	t.Parallel()
	for _, load := range []string{``, `null`, `[]`, `"x"`, `{`, "{\"a\": \"\xff\"}"} {
		if e, ok := parseEntry("j", []byte(load)); ok {
			t.Errorf("%q gave the entry %s", load, e.appendTo(nil))
		}
	}
}

// Loads that claim a jid of others must not make an object with a name twice: not on one page, not over several.
func TestJobsWithOneJID(t *testing.T) {
	t.Parallel()
	const rest = `"Arguments": [], "Target": "unknown-target", "Target-type": "list", "User": "root", "StartTime": ""}`
	r := start(t, &fakeStore{jobs: []pair{
		{"b", `{"jid": "a", "fun": "claims"}`},
		{"a", `{"jid": "a", "fun": "own"}`},
		{"c", `{"jid": "free", "fun": "newest"}`},
		{"d", `{"jid": "free", "fun": "older"}`},
	}})
	got := r.ask(t, "get_jids", "")
	want := answer{Code: codeOK, Skipped: "2", Body: `{"a": {"Function": "own", ` + rest + `, "free": {"Function": "newest", ` + rest + `}`}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("answer (-want +got):\n%s", diff)
	}
}
