package job

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

const testJID = "20261120080000000001"

func TestParseLoadCuts(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"none", `{"a": 1}`, `{"a": 1}`},
		{"first", `{"key": "x", "a": 1}`, `{"a": 1}`},
		{"in between", `{"a": 1, "key": "x", "b": 2}`, `{"a": 1, "b": 2}`},
		{"last", `{"a": 1, "key": "x"}`, `{"a": 1}`},
		{"only one", `{"key": "x"}`, `{}`},
		{"only both", `{"key": "x", "token": "y"}`, `{}`},
		{"two in a row", `{"a": 1, "key": "x", "token": "y", "b": 2}`, `{"a": 1, "b": 2}`},
		{"two first", `{"key": "x", "token": "y", "b": 2}`, `{"b": 2}`},
		{"two last", `{"a": 1, "key": "x", "token": "y"}`, `{"a": 1}`},
		{"apart", `{"key": 1, "a": 2, "token": 3, "b": 4, "key": 5}`, `{"a": 2, "b": 4}`},
		{"every occurrence", `{"key": 1, "key": 2, "a": 3, "key": 4}`, `{"a": 3}`},
		{"escaped spellings", `{"k\u0065y": 1, "\u0074oken": 2, "a": 3, "\u006b\u0065\u0079": 4}`, `{"a": 3}`},
		{"other case stays", `{"Key": 1, "TOKEN": 2}`, `{"Key": 1, "TOKEN": 2}`},
		{"similar names stay", `{"keys": 1, "token ": 2, "": 3}`, `{"keys": 1, "token ": 2, "": 3}`},
		{"nested ones stay", `{"kwargs": {"key": 1}, "arg": [{"token": 2}], "key": 3}`, `{"kwargs": {"key": 1}, "arg": [{"token": 2}]}`},
		{"any type", `{"key": {"a": ["}", ","]}, "token": null, "b": 1}`, `{"b": 1}`},
		{"without white space", `{"a":1,"key":2,"b":3}`, `{"a":1,"b":3}`},
		{"odd white space", "{ \"a\" : 1 ,\t\"key\" : 2 \n, \"b\" : 3 } ", "{ \"a\" : 1 ,\t\"b\" : 3 } "},
		{"odd white space, last", "{ \"a\" : 1 , \"key\" : 2 \n} ", "{ \"a\" : 1 \n} "},
		{"pretty, first", "{\n \"key\": 1,\n \"a\": 2\n}\n", "{\n \"a\": 2\n}\n"},
		{"pretty, in between", "{\n \"a\": 1,\n \"key\": 2,\n \"b\": 3\n}\n", "{\n \"a\": 1,\n \"b\": 3\n}\n"},
		{"pretty, last", "{\n \"a\": 1,\n \"key\": 2\n}\n", "{\n \"a\": 1\n}\n"},
		{"pretty, only", "{\n \"key\": 2\n}\n", "{\n \n}\n"},
		{"literals stay", `{"a": 1.50e+07, "key": 0, "b": 12345678901234567890, "c": "\u00e9"}`, `{"a": 1.50e+07, "b": 12345678901234567890, "c": "\u00e9"}`},
		{"specials stay", `{"a": NaN, "key": 0}`, `{"a": NaN}`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			body := []byte(test.text)
			got, err := ParseLoad(testJID, body)
			checkReason(t, err, "")
			if string(got.Body) != test.want {
				t.Errorf("got  %s\nwant %s", got.Body, test.want)
			}
			if string(body) != test.text {
				t.Error("the published bytes were changed")
			}
			if err := Validate(got.Body); err != nil {
				t.Errorf("the body is no longer JSON: %v", err)
			}
		})
	}
}

func TestParseLoadJID(t *testing.T) {
	tests := []struct {
		name, jid, text string
		want            Reason
		wantJID         string
	}{
		{"the subject's alone", testJID, `{}`, "", testJID},
		{"both", testJID, `{"jid": "` + testJID + `"}`, "", testJID},
		{"an int", testJID, `{"jid": ` + testJID + `}`, "", testJID},
		{"by escapes", testJID, `{"j\u0069d": "\u0032` + testJID[1:] + `"}`, "", testJID},
		{"twice the same", testJID, `{"jid": ` + testJID + `, "jid": "` + testJID + `"}`, "", testJID},
		{"the body's alone", "", `{"jid": "custom: x"}`, "", "custom: x"},
		{"the body's alone, an int", "", `{"jid": 17}`, "", "17"},
		{"the body's alone, twice", "", `{"jid": 17, "jid": "17"}`, "", "17"},
		{"nocache", "nocache", `{"jid": "nocache"}`, "", "nocache"},
		{"nested ones do not count", testJID, `{"kwargs": {"jid": "other"}}`, "", testJID},

		{"another", testJID, `{"jid": "other"}`, ReasonSubject, ""},
		{"another, by escapes", testJID, `{"j\u0069d": "other"}`, ReasonSubject, ""},
		{"one of two is another", testJID, `{"jid": "other", "jid": "` + testJID + `"}`, ReasonSubject, ""},
		{"the second is another", testJID, `{"jid": "` + testJID + `", "jid": "other"}`, ReasonSubject, ""},
		{"null", testJID, `{"jid": null}`, ReasonSubject, ""},
		{"a float", testJID, `{"jid": 1.0}`, ReasonSubject, ""},
		{"empty", testJID, `{"jid": ""}`, ReasonSubject, ""},
		{"two without a subject", "", `{"jid": "1", "jid": "2"}`, ReasonSubject, ""},
		{"none at all", "", `{}`, ReasonMalformed, ""},
		{"null without a subject", "", `{"jid": null}`, ReasonIdentity, ""},
		{"empty without a subject", "", `{"jid": ""}`, ReasonIdentity, ""},
		{"control character in the subject's", "a\nb", `{}`, ReasonIdentity, ""},
		{"control character in the body's", "", `{"jid": "a\nb"}`, ReasonIdentity, ""},
		{"invalid UTF-8 in the subject's", "\xff", `{}`, ReasonIdentity, ""},
		{"req", "req", `{"jid": "req"}`, ReasonJIDReq, ""},
		{"req without a subject", "", `{"jid": "req"}`, ReasonJIDReq, ""},

		{"list", testJID, `[]`, ReasonMalformed, ""},
		{"nothing", testJID, ``, ReasonMalformed, ""},
		{"cut off", testJID, `{"a": 1`, ReasonMalformed, ""},
		{"malformed comes before the subject", testJID, `{"jid": "other", "x": tru}`, ReasonMalformed, ""},
		{"invalid UTF-8", testJID, "{\"a\": \"\xff\"}", ReasonMalformed, ""},
		{"lone surrogate", testJID, `{"a": "\udc00"}`, ReasonMalformed, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := ParseLoad(test.jid, []byte(test.text))
			checkReason(t, err, test.want)
			if got.JID != test.wantJID {
				t.Errorf("got jid %q, want %q", got.JID, test.wantJID)
			}
		})
	}
}

func TestParseLoadReal(t *testing.T) {
	for text, want := range map[string]bool{
		`{}`:                                      true,
		`{"cmd": "publish"}`:                      true,
		`{"cmd": "_return"}`:                      false,
		`{"cmd": "\u005freturn"}`:                 false,
		`{"c\u006dd": "_return"}`:                 false,
		`{"cmd": "_return", "cmd": "publish"}`:    true,
		`{"cmd": "publish", "cmd": "_return"}`:    false,
		`{"cmd": null}`:                           true,
		`{"return": null}`:                        false,
		`{"r\u0065turn": 1, "cmd": "publish"}`:    false,
		`{"kwargs": {"return": 1}, "returns": 1}`: true,
	} {
		got, err := ParseLoad(testJID, []byte(text))
		checkReason(t, err, "")
		if got.Real != want {
			t.Errorf("%s: got real %v, want %v", text, got.Real, want)
		}
	}
}

func TestParseLoadMinions(t *testing.T) {
	tests := []struct {
		name, text string
		want       []string
	}{
		{"none", `{}`, nil},
		{"Minions", `{"Minions": ["b", "a"]}`, []string{"a", "b"}},
		{"minions", `{"minions": ["b", "a"]}`, []string{"a", "b"}},
		{"both are merged", `{"Minions": ["c", "a"], "minions": ["b", "a"]}`, []string{"a", "b", "c"}},
		{"the last of each counts", `{"Minions": ["a"], "Minions": ["b"], "minions": ["c"], "minions": null}`, []string{"b"}},
		{"name and ids by escapes", `{"\u004dinions": ["\u0061"]}`, []string{"a"}},
		{"bytewise", `{"minions": ["é", "z", "B", "a"]}`, []string{"B", "a", "z", "é"}},
		{"no ids", `{"minions": [1, null, "", "a/b", "..", ["x"], {"y": 1}, "ok"]}`, []string{"ok"}},
		{"no list", `{"Minions": "a", "minions": {"b": 1}}`, nil},
		{"missing ones were not targeted", `{"missing": ["a"]}`, nil},
		{"nested ones do not count", `{"kwargs": {"minions": ["a"]}}`, nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := ParseLoad(testJID, []byte(test.text))
			checkReason(t, err, "")
			if diff := cmp.Diff(test.want, got.Minions); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestSetMinions(t *testing.T) {
	tests := []struct {
		name, text string
		minions    []string
		want       string
	}{
		{"appended", `{"a": 1}`, []string{"b", "a"}, `{"a": 1, "Minions": ["a", "b"]}`},
		{"appended to an empty object", ` { } `, []string{"a"}, ` {"Minions": ["a"] } `},
		{"appended to a pretty one", "{\n \"a\": 1\n}\n", []string{"a"}, "{\n \"a\": 1, \"Minions\": [\"a\"]\n}\n"},
		{"in place", `{"Minions": ["x", 1], "a": 1}`, []string{"a"}, `{"Minions": ["a"], "a": 1}`},
		{"in place of no list", `{"Minions": null}`, []string{"a"}, `{"Minions": ["a"]}`},
		{"the last one", `{"Minions": ["x"], "Minions": ["y"]}`, []string{"a"}, `{"Minions": ["x"], "Minions": ["a"]}`},
		{"by escapes", `{"\u004dinions" : []}`, []string{"a"}, `{"\u004dinions" : ["a"]}`},
		{"unsorted there", `{"Minions": ["b", "a"]}`, []string{"a", "b"}, `{"Minions": ["a", "b"]}`},
		{"repeats there", `{"Minions": ["a", "a"]}`, []string{"a"}, `{"Minions": ["a"]}`},
		{"more there", `{"Minions": ["a", "b"]}`, []string{"a"}, `{"Minions": ["a"]}`},
		{"less there", `{"Minions": ["a"]}`, []string{"a", "b"}, `{"Minions": ["a", "b"]}`},
		{"repeats asked for", `{}`, []string{"a", "b", "a"}, `{"Minions": ["a", "b"]}`},
		{"lower case is another member", `{"minions": ["a"]}`, []string{"a"}, `{"minions": ["a"], "Minions": ["a"]}`},
		{"ids to escape", `{}`, []string{`sp "d" \`}, `{"Minions": ["sp \"d\" \\"]}`},
		{"UTF-8", `{}`, []string{"Jürgen"}, `{"Minions": ["Jürgen"]}`},

		{"says so already", `{"Minions":  [ "a","b" ]}`, []string{"b", "a"}, `{"Minions":  [ "a","b" ]}`},
		{"says so by escapes", `{"Minions": ["\u0061"]}`, []string{"a"}, `{"Minions": ["\u0061"]}`},
		{"no ids", `{"Minions": ["x"]}`, nil, `{"Minions": ["x"]}`},
		{"no object", `["Minions"]`, []string{"a"}, `["Minions"]`},
		{"malformed", `{"Minions": ["a"]`, []string{"b"}, `{"Minions": ["a"]`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			body, minions := []byte(test.text), append([]string(nil), test.minions...)
			got := SetMinions(body, minions)
			if string(got) != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
			if again := SetMinions(got, minions); &again[0] != &got[0] {
				t.Errorf("the second time gave a copy: %s", again)
			}
			if diff := cmp.Diff(test.minions, minions); diff != "" || string(body) != test.text {
				t.Errorf("the arguments were changed: %s", diff)
			}
		})
	}
}
