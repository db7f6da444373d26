package e2e

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// salt's own way to write a start.
const startLayout = "2006, Jan 02 15:04:05.000000"

// checkReads compares what callers get with what Salt's functions gave. The
// differences, beside those of differences:
//
//   - get_jid of what is not in the default database is {}
//   - get_load gives no key and token: they were not kept
//   - get_jids gives an argument that is a text whole in a list; Salt gives its letters
//   - get_jids and get_minions tell of all samples at once: Salt's recordings were made one by one
func checkReads(t *testing.T, r *rig, all []*sample) {
	t.Helper()
	var minions []string
	jobs := map[string]any{}
	for _, s := range all {
		switch {
		case s.isLoad():
			checkLoadReads(t, r, s, jobs)
		default:
			minions = append(minions, checkReturnReads(t, r, s)...)
		}
	}
	slices.Sort(minions)
	got := decode(t, r.ask(t, "get_minions", "{}").body).([]any)
	slices.SortFunc(got, func(a, b any) int { return strings.Compare(a.(string), b.(string)) })
	if diff := cmp.Diff(jsonText(slices.Compact(minions)), jsonText(got)); diff != "" {
		t.Errorf("get_minions (-want +got):\n%s", diff)
	}
	list := r.ask(t, "get_jids", "{}").body
	if diff := cmp.Diff(any(jobs), decode(t, list)); diff != "" {
		t.Errorf("get_jids (-want +got):\n%s", diff)
	}
	if order := names(t, list); !slices.IsSortedFunc(order, func(a, b string) int { return strings.Compare(b, a) }) {
		t.Errorf("get_jids is not newest first: %v", order)
	}
}

// checkReturnReads gives the minions that Salt listed.
func checkReturnReads(t *testing.T, r *rig, s *sample) (minions []string) {
	t.Helper()
	got := r.ask(t, "get_jid", request("jid", s.jid)).body
	if outcomeOf(t, s) != "" {
		if string(got) != "{}" {
			t.Errorf("%s: get_jid gives %s, want {}", s.name, got)
		}
		return nil
	}
	if s.golden.Reads != nil { // what was too large to record is compared byte for byte below
		want := decode(t, s.golden.Reads["get_jid"].OK).(map[string]any)
		want[s.minion()].(map[string]any)["jid"] = s.jid
		if diff := cmp.Diff(any(want), decode(t, got)); diff != "" {
			t.Errorf("%s: get_jid (-want +got):\n%s", s.name, diff)
		}
	}
	if !bytes.Contains(got, s.body) {
		t.Errorf("%s: get_jid does not give the published bytes", s.name)
	}
	if s.golden.Reads == nil {
		return []string{s.minion()}
	}
	if err := json.Unmarshal(s.golden.Reads["get_minions"].OK, &minions); err != nil {
		t.Fatal(err)
	}
	return minions
}

// checkLoadReads adds the entry that get_jids is to give.
func checkLoadReads(t *testing.T, r *rig, s *sample, jobs map[string]any) {
	t.Helper()
	got := r.ask(t, "get_load", request("jid", s.jid)).body
	switch outcomeOf(t, s) {
	case beaten:
		return // the winner is a sample of its own
	case "":
	default:
		if string(got) != "{}" {
			t.Errorf("%s: get_load gives %s, want {}", s.name, got)
		}
		return
	}
	want := decode(t, s.golden.Reads["get_load"].OK).(map[string]any)
	want["jid"] = s.jid
	delete(want, "key")
	delete(want, "token")
	if diff := cmp.Diff(any(want), decode(t, got)); diff != "" {
		t.Errorf("%s: get_load (-want +got):\n%s", s.name, diff)
	}
	for _, entry := range decode(t, s.golden.Reads["get_jids"].OK).(map[string]any) {
		jobs[s.jid] = redatedEntry(t, s, entry.(map[string]any), want["arg"])
	}
}

func redatedEntry(t *testing.T, s *sample, entry map[string]any, arg any) map[string]any {
	t.Helper()
	start, _ := jidTime(s.jid)
	if _, err := time.Parse(startLayout, entry["StartTime"].(string)); err != nil {
		t.Error(err)
	}
	entry["StartTime"] = start.Format(startLayout)
	if text, ok := arg.(string); ok {
		entry["Arguments"] = []any{text}
	}
	return entry
}

// request is a JSON object of names and values.
func request(pairs ...any) string {
	members := map[string]any{}
	for i := 0; i+1 < len(pairs); i += 2 {
		members[pairs[i].(string)] = pairs[i+1]
	}
	return jsonText(members)
}

// decode reads JSON and keeps number literals.
func decode(t *testing.T, text []byte) any {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		t.Fatalf("read %.200q: %v", text, err)
	}
	return v
}

// names are an object's members in their order.
func names(t *testing.T, object []byte) (list []string) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(object))
	if _, err := d.Token(); err != nil {
		t.Fatal(err)
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, name.(string))
		if err := d.Decode(new(json.RawMessage)); err != nil {
			t.Fatal(err)
		}
	}
	return list
}
