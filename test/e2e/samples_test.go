package e2e

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"returnd/test/servers"
)

// Ways in which we want to leave something else than Salt's returner does.
const (
	inDatabase1 = "database 1" // kept, in the database that it asks for
	notKept     = "not kept"
	beaten      = "beaten" // another load of the job stands
	// Anything else is the reason of a dead letter.
)

// differences are the documents that end otherwise than in golden.ndjson.
// What differs for all of them is in saltKeys.
var differences = []struct{ sample, outcome, why string }{
	{
		"returns/44_schedule_req.json", "jid_req",
		"`req` asks the master for a jid: Salt's returner keeps it under ret:req, where each such return overwrites the last one",
	},
	{
		"returns/45_schedule_real_jid_metadata.json", inDatabase1,
		"ret_kwargs asks for database 1, for this return alone; the recording was made without a second database",
	},
	{
		"returns/46_schedule_nocache.json", notKept,
		"`nocache` asks not to be kept; Salt's returner keeps it under ret:nocache",
	},
	{
		"returns/48_ret_config_kwargs.json", "ret_kwargs",
		"a message never chooses the host that the worker connects to",
	},
	{
		"loads/13_overwritten_by_return.json", beaten,
		"a return never replaces a load (salt#58612): the real load of this job, 02, stands whichever comes first",
	},
	{
		"loads/18_jid_mismatch.json", "subject",
		"it is published as another job's load than its body says",
	},
}

// ungolden are documents too large to be recorded. What Salt leaves of them
// follows from the others.
var ungolden = map[string]string{
	"returns/36_large_300k.json": `{"Keys": {
		"ret:20261120080000285084": {"Type": "hash", "TTL": 86400, "Value": {"ID": ""}},
		"ID:FUN": {"Type": "string", "TTL": -1}, "minions": {"Type": "set", "TTL": -1}}}`,
}

// way publishes the samples, and notes in them as what.
type way struct {
	name    string
	publish func(t *testing.T, r *rig, all []*sample)
}

func TestSamplesEndAsInSalt(t *testing.T) {
	ways := []way{
		{"worker publish", publishByCommand()},
		{"worker publish, packed", publishByCommand("--compress", "zstd")},
		{"plain client, last first", publishBackwards},
	}
	servers.WorkerBinary(t) // once, before all want it
	for _, w := range ways {
		t.Run(w.name, func(t *testing.T) {
			t.Parallel()
			all := slices.Concat(readSamples(t, "returns"), readSamples(t, "loads"))
			for _, s := range all {
				s.complete(t)
			}
			r := newRig(t)
			p := r.start(t)
			published := time.Now()
			w.publish(t, r, all)
			r.settle(t)
			checkKept(t, r, all, published)
			checkReads(t, r, all)
			if strings.Contains(p.Output(), "8f7sJ+K2mEo5") || strings.Contains(p.Output(), "c0ffeec0ffee") {
				t.Error("the log shows the key or the token of a load")
			}
		})
	}
}

// complete adds what the recording does not have.
func (s *sample) complete(t *testing.T) {
	t.Helper()
	if text, ok := ungolden[s.name]; ok {
		var own struct{ ID, Fun string }
		if err := json.Unmarshal(s.raw, &own); err != nil {
			t.Fatal(err)
		}
		text = strings.NewReplacer("FUN", own.Fun, "ID", own.ID).Replace(text)
		if err := json.Unmarshal([]byte(text), &s.golden); err != nil {
			t.Fatal(err)
		}
	}
	checkGolden(t, s)
}

// outcomeOf tells what becomes of a sample. A cluster has only one database:
// there, a return that asks for another one cannot be kept where it wants, and
// is a dead letter with the reason.
func outcomeOf(t *testing.T, s *sample) string {
	t.Helper()
	for _, d := range differences {
		switch {
		case d.sample != s.name:
		case d.outcome == inDatabase1 && form(t) == cluster:
			return "ret_kwargs"
		default:
			return d.outcome
		}
	}
	return ""
}

// secrets are the members that a load is kept without, wherever they stand in
// a pretty-printed one.
var (
	secretWithin = regexp.MustCompile(`(?m)^ "(?:key|token)": "[^"]*",\n`)
	secretLast   = regexp.MustCompile(`,\n "(?:key|token)": "[^"]*"\n\}$`)
)

func withoutSecrets(load string) string {
	return secretLast.ReplaceAllString(secretWithin.ReplaceAllString(load, ""), "\n}")
}

// keepSample adds Salt's keys of a document, the jids moved and the values
// those published, with the differences that we want for all of them:
//
//   - a pointer expires with its job (salt#69038), and of several returns the greatest jid counts, not the last write
//   - of a load, key and token are left out: the master's secret, readable by everybody with the Redis password
//   - `Minions` is kept in returnd/job:<jid> too, so that save_minions and syndics can add to it; in the load it
//     stays as it is where it is sorted already, as in these samples
//   - our own keys: returnd/history:<minion>, returnd/seen, returnd/jobs, returnd/databases
func (k keyspace) keepSample(s *sample, published time.Time) {
	if !s.isLoad() {
		k.keep(stored{s.jid, s.minion(), s.fun(), string(s.body), published})
		return
	}
	var load struct{ Minions []string }
	_ = json.Unmarshal(s.body, &load) // the samples are JSON
	k.keepLoad(s.jid, withoutSecrets(string(s.body)), load.Minions, published)
}

func checkKept(t *testing.T, r *rig, all []*sample, published time.Time) {
	t.Helper()
	want := map[int]keyspace{0: {}}
	if r.redis.databases() {
		want[1] = keyspace{}
	}
	var dead []letter
	for _, s := range all {
		switch outcome := outcomeOf(t, s); outcome {
		case "":
			want[0].keepSample(s, published)
		case inDatabase1:
			want[1].keepSample(s, published)
			want[0].add("returnd/databases", "set", "1") // so that the sweep finds it
		case notKept, beaten:
		default:
			dead = append(dead, letter{Subject: s.subject, Reason: outcome, Body: string(s.body)})
		}
	}
	for n, k := range want {
		if diff := cmp.Diff(k, dump(t, r.db(t, n)), nearly); diff != "" {
			t.Errorf("database %d (-want +got):\n%s", n, diff)
		}
	}
	if got := r.redis.usedDatabases(t); got != len(want) {
		t.Errorf("%d databases are in use, want %d", got, len(want))
	}
	checkLetters(t, dead, r.letters(t))
}
