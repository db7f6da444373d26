package query

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const jid = "20261120080102123456"

// golden is a store with one of each, and with what a foreign writer may have left beside it.
func golden() *fakeStore {
	return &fakeStore{
		returns: map[string][]pair{
			jid:     {{"web1", `{"return": 1.50, "big": 123456789012345678901234567890}`}, {`a"b`, `{"return":"ü"}`}},
			"odd":   {{"m1", `{"return": NaN, "s": "NaN", "i": [-Infinity, Infinity]}`}, {"m2", `{broken`}, {"bad\xff", `{}`}, {"m3", `true`}},
			"12345": {{"m1", `1`}},
		},
		last: map[string][]pair{
			"test.ping":                {{"web1", `{"return": true}`}},
			"['test.ping', 'cmd.run']": {{"web2", `{"return": {}}`}, {"web3", "\xff"}},
		},
		loads: map[string]string{
			jid:     `{"fun": "test.ping", "n": 1e400, "Minions": ["a"]}`,
			"nan":   `{"metadata": {"x": NaN}}`,
			"bad":   `{"fun": `,
			"array": `[1]`,
		},
		jobs: []pair{
			{jid, `{"jid": "` + jid + `", "fun": "test.ping", "arg": [1.0], "tgt": "*", "tgt_type": "glob", "user": "root"}`},
			{"broken", `{`},
			{"20261120080000007919", `{}`},
		},
		minions: []string{"web1", "bad\xff", "a b"},
	}
}

func TestReads(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, endpoint, request string
		want                    answer
	}{
		{
			"returns of a job", "get_jid", `{"jid": "` + jid + `"}`,
			ok(`{"web1": {"return": 1.50, "big": 123456789012345678901234567890}, "a\"b": {"return":"ü"}}`),
		},
		{"a job's number as its text", "get_jid", `{"jid": 12345, "profile": "other"}`, ok(`{"m1": 1}`)},
		{"no such job", "get_jid", `{"jid": "none"}`, ok(`{}`)},
		{
			"foreign values", "get_jid", `{"jid": "odd"}`,
			answer{Code: codeOK, Body: `{"m1": {"return": null, "s": "NaN", "i": [null, null]}, "m3": true}`, Skipped: "2"},
		},
		{"a load", "get_load", `{"jid": "` + jid + `"}`, ok(`{"fun": "test.ping", "n": 1e400, "Minions": ["a"]}`)},
		{"a load with NaN", "get_load", `{"jid": "nan"}`, ok(`{"metadata": {"x": null}}`)},
		{"a load that is no JSON", "get_load", `{"jid": "bad"}`, answer{Code: codeOK, Body: `{}`, Skipped: "1"}},
		{"a load that is no object", "get_load", `{"jid": "array"}`, ok(`[1]`)},
		{"no such load", "get_load", `{"jid": "none"}`, ok(`{}`)},
		{"last returns", "get_fun", `{"fun": "test.ping"}`, ok(`{"web1": {"return": true}}`)},
		{
			"last returns of a compound command", "get_fun", `{"fun": ["test.ping", "cmd.run"]}`,
			answer{Code: codeOK, Body: `{"web2": {"return": {}}}`, Skipped: "1"},
		},
		{"no such function", "get_fun", `{"fun": "no.such"}`, ok(`{}`)},
		{"minions", "get_minions", `{}`, answer{Code: codeOK, Body: `["web1", "a b"]`, Skipped: "1"}},
		{"jobs", "get_jids", ``, answer{Code: codeOK, Skipped: "1", Body: `{"` + jid + `": {"Function": "test.ping", "Arguments": [1.0], "Target": "*", ` +
			`"Target-type": "glob", "User": "root", "StartTime": "2026, Nov 20 08:01:02.123456"}, ` +
			`"20261120080000007919": {"Function": "unknown-function", "Arguments": [], "Target": "unknown-target", ` +
			`"Target-type": "list", "User": "root", "StartTime": "2026, Nov 20 08:00:00.007919"}}`}},
	}
	r := start(t, golden())
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, r.ask(t, tt.endpoint, tt.request)); diff != "" {
				t.Errorf("answer (-want +got):\n%s", diff)
			}
		})
	}
}

func TestEmptyStore(t *testing.T) {
	t.Parallel()
	r := start(t, &fakeStore{})
	for endpoint, want := range map[string]string{"get_minions": "[]", "get_jids": "{}"} {
		if diff := cmp.Diff(ok(want), r.ask(t, endpoint, " ")); diff != "" {
			t.Errorf("%s (-want +got):\n%s", endpoint, diff)
		}
	}
}

// A reply that does not fit is an error the caller gets, and is not read to its end.
func TestReplyTooLarge(t *testing.T) {
	t.Parallel()
	const limit = 4096
	many := make([]pair, 1000)
	ids := make([]string, len(many))
	for i := range many {
		name := strings.Repeat("m", i/10+1) + string(rune('a'+i%10))
		many[i], ids[i] = pair{name, `{"return": true}`}, name
	}
	store := &fakeStore{
		returns: map[string][]pair{"big": many, "one": {{"m", `"` + strings.Repeat("x", limit) + `"`}}},
		last:    map[string][]pair{"f": many}, jobs: many, minions: ids,
		loads: map[string]string{"big": `{"x": "` + strings.Repeat("x", limit) + `"}`},
	}
	r := startAt(t, startNATS(t, limit), store)
	for endpoint, request := range map[string]string{
		"get_jid": `{"jid": "big"}`, "get_load": `{"jid": "big"}`, "get_fun": `{"fun": "f"}`, "get_minions": ``, "get_jids": ``,
	} {
		got := r.ask(t, endpoint, request)
		if got.Code != codeTooLarge || !strings.Contains(got.Sentence, "raise max_payload") {
			t.Errorf("%s gave %+v, want 413 with the remedy", endpoint, got)
		}
	}
	if got := r.ask(t, "get_jid", `{"jid": "one"}`); got.Code != codeTooLarge {
		t.Errorf("one large value gave %+v, want 413", got)
	}
	if store.yielded > 600 {
		t.Errorf("%d values were read for replies of 4 KiB", store.yielded)
	}
}
