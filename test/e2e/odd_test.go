package e2e

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"
)

// odd says what becomes of each document of samples/odd: a reason of a dead
// letter, or the return that is kept.
var odd = map[string]struct {
	reason string
	minion string // of the subject where it is not the document's own, or "" for a load
	keeps  stored // jid and body are filled in
}{
	"01_missing_fun.json":        {reason: "malformed", minion: "web2"},
	"02_missing_jid.json":        {reason: "malformed", minion: "web2"},
	"03_missing_id.json":         {reason: "malformed", minion: "web2"},
	"04_id_null.json":            {reason: "identity", minion: "web2"},
	"05_jid_int.json":            {minion: "web2", keeps: stored{minion: "web2", fun: "test.ping"}},
	"06_fun_null.json":           {reason: "identity", minion: "web2"},
	"07_id_named_load.json":      {minion: "load", keeps: stored{minion: "load", fun: "test.ping"}},
	"08_id_named_ret.json":       {minion: "ret", keeps: stored{minion: "ret", fun: "test.ping"}},
	"09_id_path.json":            {reason: "identity", minion: "../../etc"},
	"10_id_empty.json":           {reason: "identity", minion: "web2"},
	"11_not_an_object.json":      {reason: "malformed", minion: "web2"},
	"13_nan_infinity.json":       {minion: "web2", keeps: stored{minion: "web2", fun: "mymod.nan"}},
	"14_lone_surrogate.json":     {reason: "malformed", minion: "web2"},
	"16_invalid_utf8.json":       {reason: "malformed", minion: "web2"},
	"17_deep_2000.json":          {reason: "malformed", minion: "web2"},
	"18_load_bad_month_jid.json": {}, // a load with a custom jid
	"19_load_no_jid.json":        {}, // a load of the job that its subject names
}

// TestOddDocuments publishes each odd document between two good ones.
func TestOddDocuments(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c := r.db(t, 0)
	foreign := plantForeign(t, c)
	r.start(t)
	published := time.Now()
	want := keyspace{}
	var dead []letter
	for i, s := range readSamples(t, "odd") {
		expect, ok := odd[strings.TrimPrefix(s.name, "odd/")]
		if !ok {
			t.Fatalf("%s: say what becomes of it", s.name)
		}
		jid := formatJID(published.Add(time.Duration(i-100) * time.Millisecond))
		want.keep(neighbour(t, r, jid, "before", published))
		header := publishOdd(t, r, s, jid, expect.minion, published)
		switch {
		case expect.reason != "":
			dead = append(dead, letter{Subject: s.subject, Reason: expect.reason, Body: string(s.body), header: header})
		case expect.minion == "":
			want.keepLoad(s.jid, string(s.body), nil, published)
		default:
			expect.keeps.jid, expect.keeps.body, expect.keeps.published = s.jid, string(s.body), published
			want.keep(expect.keeps)
		}
		want.keep(neighbour(t, r, jid, "behind", published))
	}
	r.settle(t)
	got := dump(t, c)
	maps.DeleteFunc(got, func(key string, _ entry) bool { return foreign[key] != "" })
	if diff := cmp.Diff(want, got, nearly); diff != "" {
		t.Errorf("kept (-want +got):\n%s", diff)
	}
	checkForeign(t, c, foreign)
	letters := r.letters(t)
	checkLetters(t, dead, letters)
	checkHeaders(t, dead, letters)
	checkOddReads(t, r)
}

// publishOdd moves the document's jid to the one given, where it is a time,
// and publishes it with headers that a publisher may set.
func publishOdd(t *testing.T, r *rig, s *sample, jid, minion string, published time.Time) nats.Header {
	t.Helper()
	s.body, s.jid = s.raw, jid
	if old, ok := jidTime(s.oldJID); ok {
		moved, _ := jidTime(jid)
		s.body, s.jid = redate(s.raw, moved.Sub(old))
	} else if s.oldJID != "" {
		s.jid = s.oldJID
	}
	s.subject = loadSubject(s.jid)
	if minion != "" {
		s.subject = returnSubject(s.jid, minion)
	}
	header := nats.Header{"X-Trace": {"one", "two"}, "Nats-Msg-Id": {s.name + published.String()}, "Nats-Expected-Stream": {"RETURNS"}}
	r.publish(t, s.subject, s.body, header)
	return header
}

func neighbour(t *testing.T, r *rig, jid, name string, published time.Time) stored {
	t.Helper()
	s := stored{jid: jid, minion: name + ".example.com", fun: "test.ping", published: published}
	s.body = request("id", s.minion, "jid", s.jid, "fun", s.fun, "return", true)
	r.publish(t, returnSubject(s.jid, s.minion), []byte(s.body), nil)
	return s
}

// checkHeaders: the original's headers are all there, those that mean
// something to the server under another name, and ours beside them.
func checkHeaders(t *testing.T, want, got []letter) {
	t.Helper()
	bySubject := map[string]letter{}
	for _, l := range want {
		bySubject[l.Subject] = l
	}
	for _, l := range got {
		for name, values := range bySubject[l.Subject].header {
			if strings.HasPrefix(name, "Nats-") {
				name = "Returnd-Orig-" + name
			}
			if !slices.Equal(l.header.Values(name), values) {
				t.Errorf("%s: header %s is %q, want %q", l.Subject, name, l.header.Values(name), values)
			}
		}
		if l.on != "salt.dead."+l.Reason {
			t.Errorf("%s: the letter is on %s", l.Subject, l.on)
		}
		for _, name := range []string{"Returnd-Detail", "Returnd-Stream-Seq", "Returnd-Time"} {
			if l.header.Get(name) == "" {
				t.Errorf("%s: no header %s", l.Subject, name)
			}
		}
		if _, err := time.Parse(time.RFC3339Nano, l.header.Get("Returnd-Time")); err != nil {
			t.Error(err)
		}
	}
}

// checkOddReads: what is odd and kept is shown, and breaks no list, as it does
// in Salt.
func checkOddReads(t *testing.T, r *rig) {
	t.Helper()
	got := decode(t, r.ask(t, "get_fun", request("fun", "mymod.nan")).body)
	ret, _ := got.(map[string]any)["web2"].(map[string]any)
	if diff := cmp.Diff([]any{nil, nil, nil}, ret["return"]); diff != "" {
		t.Errorf("NaN and Infinity are shown (-want +got):\n%s", diff)
	}
	jobs := decode(t, r.ask(t, "get_jids", "{}").body).(map[string]any)
	bad, _ := jobs["20261320080000000010"].(map[string]any)
	if len(jobs) != 2 || bad["StartTime"] != "" || bad["Function"] != "x.y" {
		t.Errorf("get_jids gives %v", jobs)
	}
}
