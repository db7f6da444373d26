package query

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"returnd/internal/job"
)

func TestGlob(t *testing.T) {
	t.Parallel()
	tests := []struct {
		pattern, text string
		want          bool
	}{
		// what fnmatch.fnmatchcase of Python 3.11 says
		{"", "", true},
		{"", "a", false},
		{"*", "", true},
		{"*", "a\nb", true},
		{"a*c", "abc", true},
		{"a*c", "ac", true},
		{"a*c", "acb", false},
		{"*.ping", "test.ping", true},
		{"TEST.*", "test.ping", false},
		{"?", "é", true},
		{"?", "", false},
		{"?", "ab", false},
		{"[ab]c", "bc", true},
		{"[ab]c", "cc", false},
		{"[!ab]c", "cc", true},
		{"[!ab]c", "ac", false},
		{"[a-c]", "b", true},
		{"[c-a]", "b", false},
		{"[a-]", "-", true},
		{"[]]", "]", true},
		{"[!]]", "]", false},
		{"[!]]", "a", true},
		{"[", "[", true},
		{"[a", "[a", true},
		{"[!", "[!", true},
		{"[]", "[]", true},
		{"[^a]", "^", true},
		{"[^a]", "b", false},
		{"[é-ü]", "ö", true},
		{"a**b", "ab", true},
		{"**", "x", true},
		{"*a*b*", "xaxbx", true},
		{`\*`, `\x`, true},
		{`\*`, "*", false},
		{"*a", "aaab", false},
		{"a?b*", "aéb", true},
	}
	for _, tt := range tests {
		if got := globMatch(tt.pattern, tt.text); got != tt.want {
			t.Errorf("globMatch(%q, %q) = %v", tt.pattern, tt.text, got)
		}
	}
	if globMatch(strings.Repeat("*a", 500)+"b", strings.Repeat("a", 1000)) { // what takes others exponential time
		t.Error("matched")
	}
}

func FuzzGlob(f *testing.F) {
	f.Add("[a-z]*?", "text")
	f.Add("[!]", "\xff")
	f.Add("\xff*", "\xff\xfe")
	f.Fuzz(func(t *testing.T, pattern, text string) {
		globMatch(pattern, text)
		if !globMatch("*", text) || !strings.ContainsAny(pattern, "*?[") && globMatch(pattern, text) != (pattern == text) {
			t.Errorf("%q, %q", pattern, text)
		}
	})
}

func TestSameValue(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		a, b string
		want bool
	}{
		{`1`, `1.0`, true},
		{`100`, `1e2`, true},
		{`0.001`, `1E-3`, true},
		{`-0`, `0.0`, true},
		{`-1`, `1`, false},
		{`0e9`, `0`, true},
		{`9007199254740993`, `9007199254740992`, false},
		{`123456789012345678901234567890`, `123456789012345678901234567890.0`, true},
		{`1e999999999999999999999`, `2e999999999999999999999`, false},
		{`10`, `1`, false},
		{`1.5`, `15e-1`, true},
		{`"1"`, `1`, false},
		{`true`, `1`, false},
		{`null`, `null`, true},
		{`null`, `false`, false},
		{`"é"`, `"\u00e9"`, true},
		{`[1, 2]`, `[1.0,2]`, true},
		{`[1, 2]`, `[2, 1]`, false},
		{`[1]`, `[1, 1]`, false},
		{`{"a": 1, "b": {}}`, `{"b": {}, "a": 1}`, true},
		{`{"a": 1}`, `{"a": 1, "b": 1}`, false},
		{`{"a": 1}`, `{"b": 1}`, false},
		{`{}`, `[]`, false},
		{`[]`, `{}`, false},
		{`NaN`, `null`, true},
	} {
		if got := sameValue(document([]byte(tt.a)), document([]byte(tt.b))); got != tt.want {
			t.Errorf("%s and %s: %v", tt.a, tt.b, got)
		}
	}
}

func TestMoments(t *testing.T) {
	t.Parallel()
	at := func(month time.Month, day, hour int) time.Time {
		return time.Date(2026, month, day, hour, 0, 0, 0, time.UTC)
	}
	tests := []struct {
		value string
		want  time.Time // zero: refused
	}{
		{`1795161662`, time.Date(2026, 11, 20, 8, 1, 2, 0, time.UTC)},
		{`"1795161662"`, time.Date(2026, 11, 20, 8, 1, 2, 0, time.UTC)},
		{`"1795161662.5"`, time.Date(2026, 11, 20, 8, 1, 2, 500e6, time.UTC)},
		{`0`, time.Unix(0, 0).UTC()},
		{`1.5e9`, time.Unix(1_500_000_000, 0).UTC()},
		{`"2026-11-20T10:01:02.123456+02:00"`, time.Date(2026, 11, 20, 8, 1, 2, 123456000, time.UTC)},
		{`"2026, Nov 20 08:01:02.123456"`, time.Date(2026, 11, 20, 8, 1, 2, 123456000, time.UTC)},
		{`"2026, Nov 20 08:01:02"`, time.Date(2026, 11, 20, 8, 1, 2, 0, time.UTC)},
		{`"2026"`, at(1, 1, 0)},
		{`"20261"`, at(10, 1, 0)},
		{`"20260"`, at(1, 1, 0)},
		{`"202611"`, at(11, 1, 0)},
		{`"2026112"`, at(11, 20, 0)},
		{`"2026110"`, at(11, 1, 0)},
		{`"20261120"`, at(11, 20, 0)},
		{`"2026112008"`, at(11, 20, 8)},
		{`"20261120080102123456"`, time.Date(2026, 11, 20, 8, 1, 2, 123456000, time.UTC)},
		{`"20261120080102123456_4711"`, time.Date(2026, 11, 20, 8, 1, 2, 123456000, time.UTC)},
		{`"yesterday"`, time.Time{}},
		{`""`, time.Time{}},
		{`-1`, time.Time{}},
		{`true`, time.Time{}},
		{`[]`, time.Time{}},
		{`NaN`, time.Time{}},
		{`20261120080102123456`, time.Time{}},
		{`"20261399"`, time.Unix(20261399, 0).UTC()},
		{`"0x10"`, time.Time{}},
		{`"1_0"`, time.Time{}},
		{`"202613011200"`, time.Unix(202613011200, 0).UTC()},
		{`"2026-11-20"`, time.Time{}},
		{`1e300`, time.Time{}},
		{`"Infinity"`, time.Time{}},
	}
	for _, tt := range tests {
		in := &request{members: map[string][]byte{"since": []byte(tt.value)}}
		got := in.moment("since")
		if !got.Equal(tt.want) || (in.fault == nil) == tt.want.IsZero() {
			t.Errorf("%s: %v, fault %v; want %v", tt.value, got, in.fault, tt.want)
		}
	}
}

func TestSpanReachesTheStore(t *testing.T) {
	t.Parallel()
	store := golden()
	r := start(t, store)
	r.ask(t, "get_jids", `{"since": "202611", "until": 1795161662}`)
	want := job.Span{Since: time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC), Until: time.Date(2026, 11, 20, 8, 1, 2, 0, time.UTC)}
	if diff := cmp.Diff(want, store.span); diff != "" {
		t.Errorf("span (-want +got):\n%s", diff)
	}
}

func TestFilters(t *testing.T) {
	t.Parallel()
	store := &fakeStore{jobs: []pair{
		{"1", `{"fun": "test.ping", "tgt": "*", "user": "root", "metadata": {"env": "prod", "n": 1, "deep": {"a": [1, null]}}}`},
		{"2", `{"fun": ["test.ping", "cmd.run"], "tgt": ["web1", "web2"], "user": "sudo_bob", "kwargs": {"metadata": {"env": "prod"}}}`},
		{"3", `{"fun": "state.apply", "tgt": "web*", "tgt_type": "glob"}`},
		{"4", `{"fun": 1, "tgt": {"a": 1}, "user": 0, "metadata": "prod"}`},
		{"5", `broken`},
	}}
	r := start(t, store)
	for request, want := range map[string]string{
		`{"fun": "test.ping"}`:                "1 2",
		`{"fun": "test.*"}`:                   "1 2",
		`{"fun": "Test.*"}`:                   "",
		`{"fun": "['test.ping', 'cmd.run']"}`: "2",
		`{"fun": "*cmd.run'*"}`:               "2",
		`{"fun": "*"}`:                        "1 2 3",
		`{"fun": ""}`:                         "",
		`{"target": "web*"}`:                  "2 3",
		`{"target": "*"}`:                     "1 2 3",
		`{"target": "[*]"}`:                   "1",
		`{"target": "web1,web2"}`:             "2",
		`{"target": "web2"}`:                  "2",
		`{"user": "sudo_bob"}`:                "2",
		`{"user": "r*"}`:                      "",
		`{"metadata": {"env": "prod"}}`:       "1 2",
		`{"metadata": {"n": 1.0, "deep": {"a": [1, null]}}}`: "1",
		`{"metadata": {"deep": {}}}`:                         "",
		`{"metadata": {"none": null}}`:                       "",
		`{"metadata": {}}`:                                   "1 2",
		`{"fun": "test.ping", "user": "root"}`:               "1",
		`{"fun": null, "user": null}`:                        "1 2 3 4",
	} {
		got := r.ask(t, "get_jids", request)
		var jids []string
		for _, p := range store.jobs {
			if strings.Contains(got.Body, `"`+p.name+`": {`) {
				jids = append(jids, p.name)
			}
		}
		if strings.Join(jids, " ") != want || got.Skipped != "1" {
			t.Errorf("%s gave the jobs %v and skipped %s, want %s", request, jids, got.Skipped, want)
		}
	}
}
