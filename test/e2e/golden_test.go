package e2e

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

const samplesDir = "../../internal/job/testdata/samples"

// sample is one document, and what Salt's own returner left of it and read
// back from it, each on an empty Redis.
type sample struct {
	name   string // returns/01_test_ping_true.json
	raw    []byte // as it lies in the file
	oldJID string // the jid in the file, "" where there is none
	golden golden
	// What it is published as.
	body         []byte
	jid, subject string
}

type golden struct {
	Sample string
	Keys   map[string]struct {
		Type  string
		TTL   int
		Value json.RawMessage
	}
	Reads map[string]struct{ OK json.RawMessage }
}

// ownJID finds the jid of a document: pretty-printed ones have their own
// members behind one blank, the others begin with their own.
var ownJID = regexp.MustCompile(`(?m)^(?: |\{[^\[]*?)"jid": "?([^",\n]*)`)

func (s *sample) path() string { return filepath.Join(samplesDir, s.name) }

func (s *sample) isLoad() bool { return strings.HasPrefix(s.name, "loads/") }

// redate moves the document's own jid, and sets the subject by it.
func (s *sample) redate(shift time.Duration) {
	s.body, s.jid = redate(s.raw, shift)
	if s.isLoad() {
		s.subject = loadSubject(s.jid)
	} else {
		s.subject = returnSubject(s.jid, s.minion())
	}
}

func redate(raw []byte, shift time.Duration) (body []byte, jid string) {
	found := ownJID.FindSubmatchIndex(raw)
	if found == nil {
		return raw, ""
	}
	jid = string(raw[found[2]:found[3]])
	old, timed := jidTime(jid)
	if !timed {
		return raw, jid
	}
	jid = formatJID(old.Add(shift)) + jid[20:]
	return bytes.Join([][]byte{raw[:found[2]], []byte(jid), raw[found[3]:]}, nil), jid
}

// minion and fun are told by the keys that Salt's returner wrote.
func (s *sample) minion() string {
	var fields map[string]string
	_ = json.Unmarshal(s.golden.Keys["ret:"+s.oldJID].Value, &fields) // checked by load
	for id := range fields {
		return id
	}
	return ""
}

func (s *sample) fun() string {
	for key := range s.golden.Keys {
		if fun, ok := strings.CutPrefix(key, s.minion()+":"); ok {
			return fun
		}
	}
	return ""
}

// readSamples lists the documents of a folder in the order of their names.
func readSamples(t *testing.T, folder string) []*sample {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(samplesDir, folder, "*.json"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("found %d documents in %s: %v", len(paths), folder, err)
	}
	known := readGolden(t)
	var all []*sample
	for _, path := range paths {
		raw, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		s := &sample{name: folder + "/" + filepath.Base(path), raw: bytes.TrimSpace(raw)}
		s.golden = known[s.name]
		_, s.oldJID = redate(s.raw, 0)
		all = append(all, s)
	}
	return all
}

func readGolden(t *testing.T) map[string]golden {
	t.Helper()
	file, err := os.Open(filepath.Join(samplesDir, "golden.ndjson"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	all := map[string]golden{}
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var g golden
		if err := json.Unmarshal(lines.Bytes(), &g); err != nil {
			t.Fatal(err)
		}
		all[g.Sample] = g
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

// checkGolden proves that the expectations rest on what Salt left: each
// document's golden keys are of the known kinds and none is unaccounted for.
func checkGolden(t *testing.T, s *sample) {
	t.Helper()
	want := map[string]string{"load:" + s.oldJID: "string 86400"}
	if !s.isLoad() {
		want = map[string]string{
			"ret:" + s.oldJID: "hash 86400", "minions": "set -1", s.minion() + ":" + s.fun(): "string -1",
		}
	}
	for key, k := range s.golden.Keys {
		if got := k.Type + " " + jsonText(k.TTL); got != want[key] {
			t.Errorf("%s: Salt left %s as %s, want %q", s.name, key, got, want[key])
		}
	}
	if len(s.golden.Keys) != len(want) {
		t.Errorf("%s: Salt left %d keys, want %d", s.name, len(s.golden.Keys), len(want))
	}
}

func jsonText(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(text)
}
