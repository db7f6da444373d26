package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestQueryRequest(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	for name, content := range map[string]string{"load": "{\"x\": NaN,\n \"f\": 1.50}\n", "jid": "my job\n", "binary": "\xff", "pretty": "\n[1]\n"} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	tests := []struct {
		name  string
		args  []string
		stdin string
		want  string
		fault string
	}{
		{"nothing", nil, "", `{}`, ""},
		{"digits are text", []string{"jid=20261120080102123456"}, "", `{"jid": "20261120080102123456"}`, ""},
		{"order and quoting", []string{`fun=a"b`, "jid="}, "", `{"fun": "a\"b", "jid": ""}`, ""},
		{
			"JSON",
			[]string{"load={\"a\": 1.50}", "minions=[\"a\"]", "nocache=true", "a=false", "b=null"},
			"",
			`{"load": {"a": 1.50}, "minions": ["a"], "nocache": true, "a": false, "b": null}`, "",
		},
		{
			"almost JSON is text",
			[]string{"jid={job}", "a=[1", `b="x"`, "c=TRUE", "d=1.5"},
			"",
			`{"jid": "{job}", "a": "[1", "b": "\"x\"", "c": "TRUE", "d": "1.5"}`, "",
		},
		{"equals signs", []string{"a=b=c"}, "", `{"a": "b=c"}`, ""},
		{
			"files",
			[]string{"load=@" + folder + "/load", "jid=@" + folder + "/jid", "l=@" + folder + "/pretty"},
			"",
			"{\"load\": {\"x\": NaN,\n \"f\": 1.50}, \"jid\": \"my job\", \"l\": [1]}", "",
		},
		{"standard input", []string{"ret=@-"}, "{\"a\": 1}\n", `{"ret": {"a": 1}}`, ""},
		{"no value", []string{"jid"}, "", "", `"jid" is no argument`},
		{"no name", []string{"=x"}, "", "", "NAME=VALUE"},
		{"twice", []string{"a=1", "a=2"}, "", "", "a is given twice"},
		{"no file named", []string{"a=@"}, "", "", "no file is named"},
		{"no such file", []string{"a=@" + folder + "/none"}, "", "", "read a: open "},
		{"not UTF-8", []string{"a=@" + folder + "/binary"}, "", "", "a is not UTF-8"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := queryRequest(tt.args, strings.NewReader(tt.stdin))
			switch {
			case tt.fault != "" && (err == nil || !strings.Contains(err.Error(), tt.fault)):
				t.Errorf("got %v, want %q", err, tt.fault)
			case tt.fault == "" && err != nil:
				t.Error(err)
			case string(got) != tt.want:
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}
