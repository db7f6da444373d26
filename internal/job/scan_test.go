package job

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func nested(depth int) string {
	return strings.Repeat("[", depth) + strings.Repeat("]", depth)
}

func TestValidateAccepts(t *testing.T) {
	tests := map[string]string{
		"true":                         `true`,
		"false":                        `false`,
		"null":                         `null`,
		"zero":                         `0`,
		"negative zero":                `-0`,
		"fraction":                     `-0.50`,
		"exponent":                     `1e5`,
		"signed exponent":              `1.5E-07`,
		"integer beyond 64 bits":       `123456789012345678901234567890`,
		"NaN":                          `NaN`,
		"Infinity":                     `Infinity`,
		"negative infinity":            `-Infinity`,
		"specials in a list":           `[NaN, Infinity, -Infinity]`,
		"white space all around":       " \t\r\n{ \"a\" : [ 1 , 2 ] } \t\r\n",
		"empty string":                 `""`,
		"string of eight bytes":        `"12345678"`,
		"all short escapes":            `"\" \\ \/ \b \f \n \r \t"`,
		"unicode escape":               `"\u00e9 \u00E9 \u0000"`,
		"surrogate pair":               `"\ud83d\ude00"`,
		"surrogate pair in upper case": `"\uD83D\uDE00"`,
		"DEL and C1 in a string":       "\"\x7f\u0080\"",
		"line separators in a string":  "\"\u2028\u2029\"",
		"noncharacter":                 "\"\uffff\"",
		"byte order mark in a string":  "\"\ufeff\"",
		"non-ASCII longer than a word": `"日本語のテキスト日本語のテキスト"`,
		"empty name and repeated name": `{"": 1, "a": 2, "a": 3}`,
		"empty object and list":        `{"a": {}, "b": [], "c": { }, "d": [ ]}`,
		"depth 500":                    nested(500),
		"depth 500 with an object":     `{"a": ` + nested(499) + `}`,
		"many at depth 500":            `[` + nested(499) + `,` + nested(499) + `]`,
	}
	for name, text := range tests {
		t.Run(name, func(t *testing.T) {
			if err := Validate([]byte(text)); err != nil {
				t.Errorf("got %v, want none", err)
			}
		})
	}
}

func TestValidateRefuses(t *testing.T) {
	tests := []struct {
		name, text, want string
	}{
		{"nothing", ``, "offset 0: the text ends early"},
		{"white space alone", "  \n", "offset 3: the text ends early"},
		{"byte order mark", "\ufeff{}", "offset 0: no JSON value"},
		{"something behind", `{} {}`, "offset 3: something behind"},
		{"NUL behind", "1\x00", "offset 1: something behind"},
		{"vertical tab as white space", "[\v1]", "offset 1: no JSON value"},
		{"no-break space", "[\u00a01]", "offset 1: no JSON value"},
		{"misspelt true", `tru`, "offset 0: no JSON value"},
		{"Python's True", `True`, "offset 0: no JSON value"},
		{"word with a tail", `truex`, "offset 4: something behind"},
		{"lower-case nan", `nan`, "offset 0: no JSON value"},
		{"negative NaN", `-NaN`, "offset 1: no JSON number"},
		{"plus Infinity", `+Infinity`, "offset 0: no JSON value"},
		{"cut Infinity", `-Infinit`, "offset 1: no JSON value"},
		{"NaN as a name", `{NaN: 1}`, "offset 1: no member name"},
		{"minus alone", `-`, "offset 1: no JSON number"},
		{"plus sign", `+1`, "offset 0: no JSON value"},
		{"leading zero", `01`, "offset 0: no JSON number"},
		{"negative leading zero", `-01`, "offset 1: no JSON number"},
		{"dot without digits", `1.`, "offset 2: no JSON number"},
		{"dot first", `.5`, "offset 0: no JSON value"},
		{"exponent without digits", `1e`, "offset 2: no JSON number"},
		{"exponent with a sign alone", `1e+`, "offset 3: no JSON number"},
		{"hex number", `0x1`, "offset 1: something behind"},
		{"open object", `{`, "offset 1: the text ends early"},
		{"open list", `[1`, "offset 2: the text ends early"},
		{"open behind a comma", `[1,`, "offset 3: the text ends early"},
		{"comma behind the last element", `[1,]`, "offset 3: no JSON value"},
		{"comma behind the last member", `{"a": 1,}`, "offset 8: no member name"},
		{"comma first", `[,1]`, "offset 1: no JSON value"},
		{"no comma", `[1 2]`, "offset 3: neither a comma"},
		{"wrong bracket", `[1}`, "offset 2: neither a comma"},
		{"wrong brace", `{"a": 1]`, "offset 7: neither a comma"},
		{"no colon", `{"a" 1}`, "offset 5: no colon"},
		{"no value", `{"a":}`, "offset 5: no JSON value"},
		{"number as a name", `{1: 2}`, "offset 1: no member name"},
		{"single quotes", `{'a': 1}`, "offset 1: no member name"},
		{"open string", `"abc`, "offset 4: a string without its closing quote"},
		{"open string of a word", `"12345678`, "offset 9: a string without its closing quote"},
		{"string that ends in a backslash", `"abc\`, "offset 4: a string without its closing quote"},
		{"raw newline", "\"a\nb\"", "offset 2: a raw control character"},
		{"raw NUL within a word", "\"12\x00345678\"", "offset 3: a raw control character"},
		{"raw unit separator behind a word", "\"12345678\x1f\"", "offset 9: a raw control character"},
		{"unknown escape", `"\x41"`, "offset 1: an escape"},
		{"single quote escape", `"\'"`, "offset 1: an escape"},
		{"upper-case u", `"\U0041"`, "offset 1: an escape"},
		{"short unicode escape", `"\u12"`, "offset 1: an escape"},
		{"bad hex", `"\u12g4"`, "offset 1: an escape"},
		{"lone high surrogate", `"\ud800"`, "offset 1: a lone surrogate"},
		{"lone low surrogate", `"\udc00"`, "offset 1: a lone surrogate"},
		{"high surrogate and text", `"\ud800abcdef"`, "offset 1: a lone surrogate"},
		{"high surrogate and another escape", `"\ud800\n12345"`, "offset 1: a lone surrogate"},
		{"two high surrogates", `"\ud83d\ud83d\ude00"`, "offset 1: a lone surrogate"},
		{"pair the wrong way round", `"\ude00\ud83d"`, "offset 1: a lone surrogate"},
		{"lone surrogate in a name", `{"\udfff": 1}`, "offset 2: a lone surrogate"},
		{"invalid UTF-8", "\"ab\xff\"", "offset 3: not UTF-8"},
		{"cut UTF-8", "\"ab\xe2\x82\"", "offset 3: not UTF-8"},
		{"overlong UTF-8", "\"\xc0\xaf\"", "offset 1: not UTF-8"},
		{"surrogate in UTF-8", "\"\xed\xa0\x80\"", "offset 1: not UTF-8"},
		{"beyond U+10FFFF", "\"\xf4\x90\x80\x80\"", "offset 1: not UTF-8"},
		{"invalid UTF-8 behind long valid text", "\"日本語のテキスト\x80\"", "offset 25: not UTF-8"},
		{"invalid UTF-8 outside strings", "[\xff]", "offset 1: no JSON value"},
		{"depth 501", nested(501), "offset 500: nested deeper"},
		{"depth 501 with an object", `{"a": ` + nested(500) + `}`, "offset 505: nested deeper"},
		{"depth 100000, open", strings.Repeat(`{"a":`, 100000), "offset 2500: nested deeper"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			err := Validate([]byte(test.text))
			checkReason(t, err, ReasonMalformed)
			if got := err.Error(); !strings.HasPrefix(got, "malformed: "+test.want) {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

// TestScanStringEverywhere puts each kind of byte at every place of a word, where eight bytes at a time could miss it.
func TestScanStringEverywhere(t *testing.T) {
	kinds := map[string]bool{`\"`: true, `\\`: true, "ü": true, "\x7f": true, "\x1f": false, "\x00": false, "\xfc": false, `\x`: false}
	for length := range 24 {
		for at := range length + 1 {
			for kind, want := range kinds {
				text := `["` + strings.Repeat("x", at) + kind + strings.Repeat("x", length-at) + `"]`
				if got := Validate([]byte(text)) == nil; got != want {
					t.Errorf("%q: got accepted %v, want %v", text, got, want)
				}
			}
		}
	}
}

type pair struct{ Name, Value string }

func TestMembers(t *testing.T) {
	tests := []struct {
		name, text string
		want       []pair
	}{
		{"empty", ` { } `, nil},
		{"in order, repeats too", `{"b": 1, "a" : [1, {"c": 2}] , "b":null}`, []pair{{"b", "1"}, {"a", `[1, {"c": 2}]`}, {"b", "null"}}},
		{"escaped name", `{"\u0069d\n": "x"}`, []pair{{"id\n", `"x"`}}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var got []pair
			err := Members([]byte(test.text), func(name string, value []byte) error {
				got = append(got, pair{name, string(value)})
				return nil
			})
			checkReason(t, err, "")
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestMembersRefuses(t *testing.T) {
	for name, text := range map[string]string{
		"nothing":              ``,
		"list":                 `[1]`,
		"text":                 `"{}"`,
		"open":                 `{"a": 1`,
		"fault behind members": `{"a": 1, "b": tru}`,
		"something behind":     `{"a": 1} x`,
		"empty and more":       `{} x`,
	} {
		t.Run(name, func(t *testing.T) {
			err := Members([]byte(text), func(string, []byte) error {
				t.Error("handed over a member of a malformed document")
				return nil
			})
			checkReason(t, err, ReasonMalformed)
		})
	}
}

func TestElements(t *testing.T) {
	tests := []struct {
		name, text string
		want       []string
	}{
		{"empty", ` [ ] `, nil},
		{"in order", `[1 , "a,]" ,[2, 3],{"b": []}]`, []string{"1", `"a,]"`, "[2, 3]", `{"b": []}`}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var got []string
			err := Elements([]byte(test.text), func(value []byte) error {
				got = append(got, string(value))
				return nil
			})
			checkReason(t, err, "")
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
	for name, text := range map[string]string{"object": `{"a": 1}`, "number": `1`, "open": `[1`, "nothing": ``, "fault": `[1, x]`} {
		t.Run("refuses "+name, func(t *testing.T) {
			err := Elements([]byte(text), func([]byte) error {
				t.Error("handed over an element of a malformed document")
				return nil
			})
			checkReason(t, err, ReasonMalformed)
		})
	}
}

func TestYieldErrorEndsTheWalk(t *testing.T) {
	stop, calls := errors.New("stop"), 0
	if got := Members([]byte(`{"a": 1, "b": 2}`), func(string, []byte) error { calls++; return stop }); got != stop {
		t.Errorf("Members: got %v, want the error of yield", got)
	}
	if got := Elements([]byte(`[1, 2]`), func([]byte) error { calls++; return stop }); got != stop {
		t.Errorf("Elements: got %v, want the error of yield", got)
	}
	if calls != 2 {
		t.Errorf("got %d calls, want one each", calls)
	}
}
