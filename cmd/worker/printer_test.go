package main

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"
)

// showAll gives a printer its parts.
func showAll(t *testing.T, p printer, bodies ...string) {
	t.Helper()
	for _, body := range bodies {
		if err := p.part([]byte(body)); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.end(); err != nil {
		t.Fatal(err)
	}
}

// answers are the parts of one answer an endpoint.
var answers = map[string][]string{
	"get_jid": {
		`{"web2": {"id": "web2", "jid": "20261120080000000000", "fun": "cmd.run", "return": "=1+1\nx, \"y\"", "retcode": 2, "_stamp": "2026-11-20T08:00:01.5"}}`,
		`{"web1": {"id": "web1", "jid": "20261120080000000000", "fun": ["a", "b"], "return": {"n": 1.50, "big": 123456789012345678901234567890},` + "\n" + ` "retcode": 0}, "\u001b[2J": -7}`,
	},
	"get_jids": {
		`{"20261120080102123456": {"Function": ["a", "b"], "Arguments": [1.50], "Target": "@web", "Target-type": "nodegroup", "User": "root", "Metadata": {"x": null}, "StartTime": "2026, Nov 20 08:01:02.123456"}}`,
		`{"1": {}}`,
	},
	"get_minions":  {`["b", "true"]`, `["- a", "1.0", "line\nline"]`},
	"get_load":     {`{"fun": "test.ping", "arg": [], "null": null, "yes": "no", "deep": {"a": [{"b": 1e3}]}}`},
	"prep_jid":     {`"20261120080102123456"`},
	"get_progress": {`{"missing": ["a", "b"], "expected": 4, "returned": 2, "failed": 0, "complete": false}`},
	"get_history":  {`[{"jid": "2", "fun": "f"}]`},
	"get_fun":      {`{}`},
	"none":         {`[]`},
}

func TestFormats(t *testing.T) {
	t.Parallel()
	tests := []struct{ output, endpoint, want string }{
		{outputNDJSON, "get_jid", `{"minion": "web2", "ret": {"id": "web2", "jid": "20261120080000000000", "fun": "cmd.run", "return": "=1+1\nx, \"y\"", "retcode": 2, "_stamp": "2026-11-20T08:00:01.5"}}
{"minion": "web1", "ret": {"id": "web1", "jid": "20261120080000000000", "fun": ["a", "b"], "return": {"n": 1.50, "big": 123456789012345678901234567890},  "retcode": 0}}
{"minion": "\u001b[2J", "ret": -7}
`},
		{outputNDJSON, "get_jids", `{"JID": "20261120080102123456", "Function": ["a", "b"], "Arguments": [1.50], "Target": "@web", "Target-type": "nodegroup", "User": "root", "Metadata": {"x": null}, "StartTime": "2026, Nov 20 08:01:02.123456"}
{"JID": "1"}
`},
		{outputNDJSON, "get_minions", `"b"
"true"
"- a"
"1.0"
"line\nline"
`},
		{outputNDJSON, "get_history", `{"jid": "2", "fun": "f"}
`},
		{outputNDJSON, "get_load", answers["get_load"][0] + "\n"},
		{outputNDJSON, "prep_jid", answers["prep_jid"][0] + "\n"},
		{outputNDJSON, "get_fun", ""},
		{outputCSV, "get_jid", `minion,jid,fun,result,retcode,seconds,return
web2,20261120080000000000,cmd.run,failed,2,1.5,"'=1+1
x, ""y"""
web1,20261120080000000000,"[""a"", ""b""]",ok,0,,"{""n"": 1.50, ""big"": 123456789012345678901234567890}"
` + "\x1b[2J,,,unclear,,,\n"},
		{outputCSV, "get_jids", `jid,start,user,target,target_type,function,arguments,metadata
20261120080102123456,"2026, Nov 20 08:01:02.123456",root,'@web,nodegroup,"[""a"", ""b""]",[1.50],"{""x"": null}"
1,,,,,,,
`},
		{outputCSV, "get_minions", `minion
b
true
'- a
1.0
"line
line"
`},
		{outputCSV, "get_load", `name,value
fun,test.ping
arg,[]
null,
yes,no
deep,"{""a"": [{""b"": 1e3}]}"
`},
		{outputCSV, "prep_jid", "value\n20261120080102123456\n"},
		{outputCSV, "get_progress", "expected,returned,failed,missing,complete\n4,2,0,\"[\"\"a\"\", \"\"b\"\"]\",false\n"},
		{outputCSV, "get_history", "jid,function\n2,f\n"},
		{outputCSV, "get_fun", "minion,jid,fun,result,retcode,seconds,return\n"},
		{outputYAML, "get_jid", `web2:
  id: web2
  jid: "20261120080000000000"
  fun: cmd.run
  return: |-
    =1+1
    x, "y"
  retcode: 2
  _stamp: "2026-11-20T08:00:01.5"
web1:
  id: web1
  jid: "20261120080000000000"
  fun:
    - a
    - b
  return:
    "n": 1.50
    big: 123456789012345678901234567890
  retcode: 0
"\e[2J": -7
`},
		{outputYAML, "get_minions", `- b
- "true"
- "- a"
- "1.0"
- |-
  line
  line
`},
		{outputYAML, "get_load", `fun: test.ping
arg: []
"null": null
"yes": "no"
deep:
  a:
    - b: 1e3
`},
		{outputYAML, "prep_jid", "\"20261120080102123456\"\n"},
		{outputYAML, "get_fun", "{}\n"},
		{outputYAML, "none", "[]\n"},
		{outputJSON, "get_minions", `["b", "true", "- a", "1.0", "line\nline"]` + "\n"},
		{outputJSON, "get_fun", "{}\n"},
		{outputJSON, "prep_jid", answers["prep_jid"][0] + "\n"},
	}
	for _, tt := range tests {
		t.Run(tt.output+" "+tt.endpoint, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			showAll(t, newPrinter(&out, screen{}, tt.output, tt.endpoint), answers[tt.endpoint]...)
			if diff := cmp.Diff(tt.want, out.String()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// Whatever is in an answer, a terminal gets no character that may command it, and each format still reads as what was meant.
func TestFormatsOnATerminal(t *testing.T) {
	t.Parallel()
	const body = `{"b\u001b": 1.50, "a": ["` + "\u0085\u202e" + `", "x\ny"], "c": {}}`
	want := map[string]any{"b\u001b": 1.5, "a": []any{"\u0085\u202e", "x\ny"}, "c": map[string]any{}}
	readers := map[string]func([]byte, any) error{outputJSON: json.Unmarshal, outputNDJSON: json.Unmarshal, outputYAML: yaml.Unmarshal}
	for _, output := range outputs {
		t.Run(output, func(t *testing.T) {
			var out bytes.Buffer
			showAll(t, newPrinter(&out, screen{terminal: true}, output, "get_load"), body)
			for _, r := range out.String() {
				if r != '\n' && commands(r) {
					t.Errorf("%q is in %q", r, out.String())
				}
			}
			read := readers[output]
			if read == nil {
				return
			}
			var got map[string]any
			if err := read(out.Bytes(), &got); err != nil {
				t.Fatalf("%v in %s", err, out.String())
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestJSONOnATerminal(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		bodies []string
		want   string
	}{
		{"object", []string{`{"b": 1.50, "a": ["` + "\u0085\u202e" + `"]}`}, "{\n  \"b\": 1.50,\n  \"a\": [\n    \"\\u0085\\u202e\"\n  ]\n}\n"},
		{"parts", []string{`{"a": 1}`, `{}`, `{"b": {"c": 2}}`}, "{\n  \"a\": 1,\n  \"b\": {\n    \"c\": 2\n  }\n}\n"},
		{"list", []string{`[1, []]`, `[2]`}, "[\n  1,\n  [],\n  2\n]\n"},
		{"nothing", []string{`{}`, `{}`}, "{}\n"},
		{"text", []string{`"a"`}, "\"a\"\n"},
		{"null", []string{`null`}, "null\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var out bytes.Buffer
			showAll(t, newPrinter(&out, screen{terminal: true}, outputJSON, "get_load"), tt.bodies...)
			if diff := cmp.Diff(tt.want, out.String()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestHarmless(t *testing.T) {
	t.Parallel()
	for cell, want := range map[string]string{
		"": "", "a=b": "a=b", "=cmd|' /C calc'!A0": "'=cmd|' /C calc'!A0", "@SUM(1)": "'@SUM(1)", "+1": "'+1", "\t=1": "'\t=1", "\r=1": "'\r=1",
		"-1.5e3": "-1.5e3", "-1+1": "'-1+1", "-": "'-", "1": "1",
	} {
		if got := harmless(cell); got != want {
			t.Errorf("%q became %q, want %q", cell, got, want)
		}
	}
}
