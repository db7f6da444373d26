package query

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"returnd/internal/job"
)

func TestJIDsFilter(t *testing.T) {
	t.Parallel()
	store := &fakeStore{jobs: []pair{
		{"20261120080003000000", `{"fun": "saltutil.find_job"}`},
		{"20261120080002000000", `{"fun": "b"}`},
		{"20261120080001000000", `{broken`},
		{"20261120080000000000", `{"fun": "a"}`},
		{"20261120070000000000", `{"fun": "old"}`},
	}}
	r := start(t, store)
	entry := func(jid, fun string) string {
		return `{"Function": "` + fun + `", "Arguments": [], "Target": "unknown-target", "Target-type": "list", "User": "root", "StartTime": "` +
			job.StartTime(jid) + `", "JID": "` + jid + `"}`
	}
	find, b := entry("20261120080003000000", "saltutil.find_job"), entry("20261120080002000000", "b")
	a, old := entry("20261120080000000000", "a"), entry("20261120070000000000", "old")
	for request, want := range map[string]answer{
		`{"count": 2}`:                             {Code: codeOK, Skipped: "1", Body: "[" + a + ", " + b + "]"},
		`{"count": 2, "filter_find_job": false}`:   {Code: codeOK, Body: "[" + b + ", " + find + "]"},
		`{"count": 10, "filter_find_job": true}`:   {Code: codeOK, Skipped: "1", Body: "[" + old + ", " + a + ", " + b + "]"},
		`{"count": 1, "filter_find_job": null}`:    ok("[" + b + "]"),
		`{"count": 1, "profile": "no such thing"}`: ok("[" + b + "]"),
	} {
		if diff := cmp.Diff(want, r.ask(t, "get_jids_filter", request)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", request, diff)
		}
	}
	if diff := cmp.Diff(ok("[]"), start(t, &fakeStore{}).ask(t, "get_jids_filter", `{"count": 3}`)); diff != "" {
		t.Errorf("no jobs (-want +got):\n%s", diff)
	}
}

// A long list is not held in memory: what goes beyond is read again, and is the same.
func TestLongListIsReadAgain(t *testing.T) {
	t.Parallel()
	store := &fakeStore{}
	const count = 1000
	for i := range count {
		jid := fmt.Sprintf("2026112008%010d", count-i)
		store.jobs = append(store.jobs, pair{jid, fmt.Sprintf(`{"fun": "f%d", "arg": ["%s"]}`, i, strings.Repeat("x", 3<<10))})
	}
	r := start(t, store)
	parts := all(t, r.stream(t, "get_jids_filter", `{"count": 1000}`))
	whole, at := merge(parts), 0
	for i := count - 1; i >= 0; i-- {
		found := strings.Index(whole[at:], fmt.Sprintf(`{"Function": "f%d", `, i))
		if found < 0 {
			t.Fatalf("f%d is not behind f%d", i, i+1)
		}
		at += found
	}
	if read := store.touched; read < count/2 || len(parts) < 10 {
		t.Errorf("%d readings for %d parts: the list was held", read, len(parts))
	}
}

func TestHistory(t *testing.T) {
	t.Parallel()
	r := start(t, &fakeStore{history: map[string][]job.Past{"web1": {{JID: "2", Fun: "['a', \"b'\"]"}, {JID: "1", Fun: "test.ping"}}}})
	for request, want := range map[string]string{
		`{"minion": "web1"}`:             `[{"jid": "2", "fun": "['a', \"b'\"]"}, {"jid": "1", "fun": "test.ping"}]`,
		`{"minion": "web1", "limit": 1}`: `[{"jid": "2", "fun": "['a', \"b'\"]"}]`,
		`{"minion": "none"}`:             `[]`,
	} {
		if diff := cmp.Diff(ok(want), r.ask(t, "get_history", request)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", request, diff)
		}
	}
}

func TestProgress(t *testing.T) {
	t.Parallel()
	r := start(t, &fakeStore{progress: map[string]fakeProgress{
		"running":  {job.Progress{Known: true, Expected: 3, Returned: 1, Failed: 1}, []string{"web1", "bad\xff", "web2"}},
		"complete": {job.Progress{Known: true, Expected: 1, Returned: 2, Complete: true}, nil},
		"unknown":  {job.Progress{Returned: 7, Failed: 2}, nil},
	}})
	for jid, want := range map[string]answer{
		"running":  {Code: codeOK, Skipped: "1", Body: `{"missing": ["web1", "web2"], "expected": 3, "returned": 1, "failed": 1, "complete": false}`},
		"complete": ok(`{"missing": [], "expected": 1, "returned": 2, "failed": 0, "complete": true}`),
		"unknown":  ok(`{"returned": 7, "failed": 2}`),
		"none":     ok(`{"returned": 0, "failed": 0}`),
	} {
		if diff := cmp.Diff(want, r.ask(t, "get_progress", `{"jid": "`+jid+`"}`)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", jid, diff)
		}
	}
}

func TestEndTime(t *testing.T) {
	t.Parallel()
	r := start(t, &fakeStore{ends: map[string]string{"bad": "\xff"}})
	for _, step := range []struct {
		endpoint, request string
		want              answer
	}{
		{"get_endtime", `{"jid": "j"}`, ok(`false`)},
		{"update_endtime", `{"jid": "j", "time": "2026, Nov 20 08:01:02"}`, ok(`null`)},
		{"get_endtime", `{"jid": "j"}`, ok(`"2026, Nov 20 08:01:02"`)},
		{"update_endtime", `{"jid": "j", "time": 1795161662.50}`, ok(`null`)},
		{"get_endtime", `{"jid": "j"}`, ok(`"1795161662.50"`)},
		{"update_endtime", `{"jid": "nocache", "time": 1}`, ok(`null`)},
		{"get_endtime", `{"jid": "nocache"}`, ok(`false`)},
		{"get_endtime", `{"jid": "bad"}`, answer{Code: codeOK, Body: `false`, Skipped: "1"}},
	} {
		if diff := cmp.Diff(step.want, r.ask(t, step.endpoint, step.request)); diff != "" {
			t.Errorf("%s %s (-want +got):\n%s", step.endpoint, step.request, diff)
		}
	}
}
