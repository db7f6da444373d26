package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const returnsReply = `{"web2": {"id": "web2", "jid": "20261120080102123456", "fun": "f", "return": "boom\nat line 2\n", "retcode": 2}, ` +
	`"db-日本": {"id": "db", "jid": "77", "fun": "f", "return": {"a": [1.50, null]}, "success": false}, ` +
	`"\u001b[2Jx": {"id": "x", "jid": "77", "fun": "f", "return": "\u001b]0;hi\u0007 \u202e", "retcode": 0}, ` +
	`"web1": {"id": "web1", "jid": "77", "fun": "f", "return": true, "retcode": {"a": 1}}, "odd": 7}`

func TestTables(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, endpoint, body string
		screen               screen
		want                 string
	}{
		{"returns", "get_jid", returnsReply, screen{}, `
MINION      RESULT    RETURN
\u001b[2Jx  ok        \u001b]0;hi\u0007 \u202e
db-日本     failed    {"a":[1.50,null]}
odd         unclear
web1        failed    true
web2        failed 2  boom ⏎ at line 2
5 minions: 1 ok, 3 failed, 1 unclear
`},
		{"last returns, in colour", "get_fun", `{"m": {"id": "m", "jid": "77", "fun": "f", "return": 1}}`, screen{colour: true}, `
~fMINION~p  ~fJID~p  ~fRESULT~p  ~fRETURN~p
m       77   ~gok~p      1
~f1 minion: 1 ok, 0 failed~p
`},
		{"jobs, newest first", "get_jids", `{"2": {"Function": ["a", "b"], "Arguments": [1.50], "Target": "*", "Target-type": "glob", "User": "root", "StartTime": ""}, ` +
			`"1": {"Function": "f", "Arguments": [], "Target": ["x"], "Target-type": "list", "User": "sudo_a", "StartTime": "2026, Nov 20 08:01:02.123456"}}`, screen{}, `
JID  START                         USER    TARGET  FUNCTION   ARGUMENTS
2                                  root    *       ["a","b"]  [1.50]
1    2026, Nov 20 08:01:02.123456  sudo_a  ["x"]   f          []
2 jobs
`},
		{"a narrow screen", "get_load", `{"fun": "test.ping", "arg": "0123456789012345678901234567890"}`, screen{width: 30}, `
NAME  VALUE
fun   test.ping
arg   0123456789012345678901…
`},
		{"how long it took", "get_jid", `{"a": {"id": "a", "jid": "20261120080000000000", "fun": "f", "return": 1, "_stamp": "2026-11-20T08:00:02.5"}, ` +
			`"b": {"id": "b", "jid": "20261120080000000000", "fun": "f", "return": 1}}`, screen{}, `
MINION  RESULT  TOOK  RETURN
a       ok      2.5s  1
b       ok            1
2 minions: 2 ok, 0 failed
`},
		{"jobs as a list", "get_jids_filter", `[{"JID": "1", "Function": "f", "Arguments": [], "Target": "*", "Target-type": "glob", "User": "root", "StartTime": ""}]`, screen{}, `
JID  START  USER  TARGET  FUNCTION  ARGUMENTS
1           root  *       f         []
1 job
`},
		{"a history", "get_history", `[{"jid": "20261120080102123456", "fun": "f"}, {"jid": "my job", "fun": "g"}]`, screen{}, `
JID                   START                         FUNCTION
20261120080102123456  2026, Nov 20 08:01:02.123456  f
my job                                              g
2 jobs
`},
		{"progress", "get_progress", `{"missing": ["b", "a"], "expected": 4, "returned": 2, "failed": 1, "complete": false}`, screen{colour: true}, `
~fRETURNED~p  ~fFAILED~p  ~fMISSING~p    ~fCOMPLETE~p
2 of 4    ~r1~p       2 minions  no
~fmissing: a, b~p
`},
		{"progress of a complete job", "get_progress", `{"missing": [], "expected": 2, "returned": 2, "failed": 0, "complete": true}`, screen{}, `
RETURNED  FAILED  MISSING    COMPLETE
2 of 2    0       0 minions  yes
`},
		{"progress of nobody knows whom", "get_progress", `{"returned": 2, "failed": 0}`, screen{}, `
RETURNED  FAILED  MISSING  COMPLETE
2         0       ?        ?
nobody has said whom the job is meant for
`},
		{"minions", "get_minions", `["b", "a\n"]`, screen{}, "\na\nb\n2 minions\n"},
		{"nothing", "get_jid", `{}`, screen{}, "\nnothing found\n"},
		{"no minions", "get_minions", `[]`, screen{}, "\nnothing found\n"},
		{"a write", "returner", `null`, screen{}, "\ndone\n"},
		{"a jid", "prep_jid", `"20261120080102123456"`, screen{}, "\n20261120080102123456\n"},
		{"a load that is a list", "get_load", `[1, 2]`, screen{}, "\n[1,2]\n"},
	}
	paint := strings.NewReplacer("~f", faint, "~g", green, "~r", red, "~p", plain)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var out bytes.Buffer
			showAll(t, newPrinter(&out, tt.screen, outputTable, tt.endpoint), tt.body)
			if diff := cmp.Diff(paint.Replace(tt.want[1:]), out.String()); diff != "" {
				t.Errorf("shown (-want +got):\n%s", diff)
			}
		})
	}
}

func TestLongValuesAreCut(t *testing.T) {
	t.Parallel()
	for _, raw := range []string{`"` + strings.Repeat("é", 5000) + `"`, `[` + strings.Repeat("1,", 5000) + `1]`} {
		if got := oneLine([]byte(raw)); len(got) > longestLine+3 || !strings.HasSuffix(got, "…") {
			t.Errorf("%d bytes shown", len(got))
		}
	}
}
