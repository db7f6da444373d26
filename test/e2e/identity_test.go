package e2e

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// long is a name of so many bytes.
func long(n int) string { return strings.Repeat("x", n) }

// Names that hurt others, and what becomes of them.
var (
	legalIDs = []string{
		"*", "?", "[a-z]*", "{tag}", "{}", "a{b}c", " ", " lead", "trail ", "a  b", "a:b:c", ":", "::", "'q' \"d\"", "$(id)", "`id`",
		"a,b", "a%41", "%", "%2F", "ret", "load", "ret:x", "load:x", "ret:20261120080000000000", "returner", "minions", "returnd", "returnd:jobs",
		"new", ">", "a.>", "a.*.b", ".a", "a.", "a..b", "...", ". .", "a.b.c.d", "Ünïcode.日本語.😀", "\u202egnp.exe", "e\u0301", "\ufeffbom", "\ufffd",
		long(255), strings.Repeat("a.", 127) + "a", "-n", "--help", "null", "0", "True", "$JS.API", "_INBOX.x", "a\u2028b", "a;b", "a|b", "<b>",
	}
	illegalIDs = []string{
		"", ".", "..", "../../etc", "..\\..", "/", "a/b", "\\", "returnd/jobs", "returnd/{cleanup}/lease", "a\x00b", "\x00", "a\r\nb", "a\nSET x 1", "\t",
		"\x1b[31m", "\x7f", "a\u0085b", long(256), "日本語/..",
	}
	legalJIDs = []string{
		"*", "a b", "{x}", "a:b", ".", "..", "../../x", "a/b", "a.b", "99991231235959999999", "20261320080000000010", "00000000000000000000",
		"20261120080000000000_", "20261120080000000000_x", "١٢٣٤٥٦٧٨٩٠", "job>1", "Ünï 😀", long(255), "ret", "load", "minions", "lease", "new",
	}
	illegalJIDs = []string{"", "a\x00b", "a\r\nb", "\n", "\x7f", "a\u0085b", long(256)}
	legalFuns   = []any{
		"*", "a b", "{x}", "..", "../x", "test.*", "日本語.😀", long(255), "ret", "load", "new",
		[]string{"test.ping"},
		[]string{"a", "b c", "it's", `say "hi"`, `back\slash`, "日本語"},
	}
	illegalFuns = []any{"", "a:b", ":", "a\x00b", "a\r\nb", "\x7f", long(256), []string{"a", "b:c"}, []string{"a", ""}, []any{"a", 1}, 7, true, map[string]any{}}
)

// hostile is one return with an odd identity.
type hostile struct {
	stored
	raw     any // fun as published
	illegal bool
}

// quoted is the id as a reply shows it, which escapes no more than JSON demands.
func (h hostile) quoted() string {
	return strings.NewReplacer(`"`, `\"`, `\`, `\\`).Replace(h.minion)
}

func hostiles(now time.Time) []hostile {
	var all []hostile
	next := 0
	fresh := func() string {
		next++
		return formatJID(now.Add(time.Duration(next-2000) * time.Millisecond))
	}
	add := func(id, jid string, fun any, illegal bool) {
		h := hostile{stored: stored{jid: jid, minion: id, fun: funName(fun), published: now}, raw: fun, illegal: illegal}
		h.body = request("id", id, "jid", jid, "fun", fun, "return", len(all))
		all = append(all, h)
	}
	for i, list := range [][]string{legalIDs, illegalIDs} {
		for _, id := range list {
			add(id, fresh(), "test.ping", i == 1)
		}
	}
	for i, list := range [][]string{legalJIDs, illegalJIDs} {
		for n, jid := range list {
			add(fmt.Sprintf("jid%d-%d", i, n), jid, "test.ping", i == 1)
		}
	}
	for i, list := range [][]any{legalFuns, illegalFuns} {
		for n, fun := range list {
			add(fmt.Sprintf("fun%d-%d", i, n), fresh(), fun, i == 1)
		}
	}
	return all
}

// funName is Python's repr of a list of names, for the names of these tests.
func funName(fun any) string {
	list, ok := fun.([]string)
	if !ok {
		return fmt.Sprint(fun)
	}
	var b strings.Builder
	for i, name := range list {
		quote := "'"
		if strings.Contains(name, "'") {
			quote = `"`
		}
		fmt.Fprintf(&b, "%s%s%s%s", map[bool]string{true: ", "}[i > 0], quote, strings.ReplaceAll(name, `\`, `\\`), quote)
	}
	return "[" + b.String() + "]"
}

// TestHostileIdentities: each legal odd name has its own keys, which queries
// find; each illegal one ends as a dead letter; nothing else is in Redis.
func TestHostileIdentities(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.start(t)
	now := time.Now()
	want := keyspace{}
	var dead []letter
	all := hostiles(now)
	for _, h := range all {
		subject := returnSubject(h.jid, h.minion)
		if h.jid == "" || h.minion == "" { // no subject says so
			subject = fmt.Sprintf("salt.job.x%d.ret.y", len(dead))
		}
		r.publish(t, subject, []byte(h.body), nil)
		if h.illegal {
			dead = append(dead, letter{Subject: subject, Reason: "identity", Body: h.body})
		} else {
			want.keep(h.stored)
		}
	}
	r.settle(t)
	if diff := cmp.Diff(want, dump(t, r.db(t, 0)), nearly); diff != "" {
		t.Errorf("kept (-want +got):\n%s", diff)
	}
	checkLetters(t, dead, r.letters(t))
	for _, h := range all {
		if !h.illegal {
			checkFound(t, r, h)
		}
	}
}

func checkFound(t *testing.T, r *rig, h hostile) {
	t.Helper()
	member := []byte(`"` + h.quoted() + `": ` + h.body)
	if got := r.ask(t, "get_jid", request("jid", h.jid)); !bytes.Contains(got.body, member) {
		t.Errorf("get_jid %q gives %.300q %s, want %q in it", h.jid, got.body, got.sentence, member)
	}
	first, _, _ := strings.Cut(h.minion, ":")
	pointed := first != "ret" && first != "load"
	if got := r.ask(t, "get_fun", request("fun", h.raw)); bytes.Contains(got.body, member) != pointed {
		t.Errorf("get_fun %q gives %q: %v, want %v (%s)", h.raw, h.minion, !pointed, pointed, got.sentence)
	}
}

// TestSubjectsThatAreNotTheirs: what a subject says and what the body says
// must be the same, in the one spelling that permissions are written in.
func TestSubjectsThatAreNotTheirs(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.start(t)
	jid := formatJID(time.Now())
	body := request("id", "web1.example.com", "jid", jid, "fun", "test.ping", "return", true)
	dotted := request("id", ".a", "jid", jid, "fun", "test.ping", "return", true)
	load := request("jid", jid, "fun", "test.ping")
	var dead []letter
	for subject, body := range map[string]string{
		"salt.job." + jid + ".ret.web2":                    body,
		"salt.job." + jid + ".ret.WEB1.example.com":        body,
		"salt.job." + jid + ".ret.web1.example":            body,
		"salt.job." + jid + ".ret.web1%2Eexample%2Ecom":    body,
		"salt.job." + jid + ".ret.%77eb1.example.com":      body,
		"salt.job." + jid + "1.ret.web1.example.com":       body,
		"salt.job." + jid + ".ret.%":                       body,
		"salt.job." + jid + ".ret.%2ea":                    dotted,
		"salt.job.%32" + jid[1:] + ".ret.web1.example.com": body,
		"salt.job.other.new":                               load,
		"salt.job.%6F.new":                                 load,
	} {
		r.publish(t, subject, []byte(body), nil)
		dead = append(dead, letter{Subject: subject, Reason: "subject", Body: body})
	}
	r.settle(t)
	checkLetters(t, dead, r.letters(t))
	if got := dump(t, r.db(t, 0)); len(got) > 0 {
		t.Errorf("kept %v, want nothing", got)
	}
}
