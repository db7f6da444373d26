package job

import (
	"testing"
)

func TestString(t *testing.T) {
	tests := []struct {
		name, value, want string
		ok                bool
	}{
		{"plain", `"web1"`, "web1", true},
		{"empty", `""`, "", true},
		{"short escapes", `"\"\\\/\b\f\n\r\t"`, "\"\\/\b\f\n\r\t", true},
		{"unicode escapes", `"a\u00e9\u20AC\u0000z"`, "aé€\x00z", true},
		{"surrogate pair", `"\ud83d\ude00!"`, "😀!", true},
		{"UTF-8", `"Jürgen 😀"`, "Jürgen 😀", true},
		{"number", `1`, "", false},
		{"null", `null`, "", false},
		{"nothing", ``, "", false},
		{"quote alone", `"`, "", false},
		{"open", `"abc`, "", false},
		{"more behind", `"a" `, "", false},
		{"two", `"a""b"`, "", false},
		{"lone surrogate", `"\ud800"`, "", false},
		{"invalid UTF-8", "\"\xff\"", "", false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, ok := String([]byte(test.value))
			if got != test.want || ok != test.ok {
				t.Errorf("got %q, %v; want %q, %v", got, ok, test.want, test.ok)
			}
		})
	}
}

func TestAppendString(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"plain", "web1", `"web1"`},
		{"quotes and backslashes", `a"b\c/d`, `"a\"b\\c/d"`},
		{"named controls", "\b\f\n\r\t", `"\b\f\n\r\t"`},
		{"other controls", "\x00\x1b\x1f", `"\u0000\u001b\u001f"`},
		{"DEL, C1 and separators stay", "\x7f\u0085\u2028", "\"\x7f\u0085\u2028\""},
		{"HTML stays", "<a>&", `"<a>&"`},
		{"UTF-8 stays", "Jürgen 😀", `"Jürgen 😀"`},
		{"invalid UTF-8", "a\xffb", `"a` + "\ufffd" + `b"`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := string(AppendString([]byte("x"), test.text)); got != "x"+test.want {
				t.Errorf("got %s, want x%s", got, test.want)
			}
		})
	}
}

func TestStrict(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"all three", `[NaN, Infinity, -Infinity]`, `[null, null, null]`},
		{"at the ends", `NaN`, `null`},
		{"negative at the ends", `-Infinity`, `null`},
		{"in members", `{"a":NaN,"b":{"c":-Infinity}}`, `{"a":null,"b":{"c":null}}`},
		{"not in strings", `{"NaN": "Infinity \" -Infinity", "a": NaN}`, `{"NaN": "Infinity \" -Infinity", "a": null}`},
		{"in strings alone", `["NaN", "-Infinity"]`, `["NaN", "-Infinity"]`},
		{"numbers stay", `[-1, -0.5e-7, 1e400, NaN]`, `[-1, -0.5e-7, 1e400, null]`},
		{"none", `{"a": 1}`, `{"a": 1}`},
		{"malformed stays", `[NaN, "abc`, `[null, "abc`},
		{"malformed word", `[NaNny, Infinit, -]`, `[nullny, Infinit, -]`},
		{"nothing", ``, ``},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			data := []byte(test.text)
			got := Strict(data)
			if string(got) != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
			if test.want == test.text && len(data) > 0 && &got[0] != &data[0] {
				t.Error("got a copy, want the same slice")
			}
			if string(data) != test.text {
				t.Error("the input was changed")
			}
		})
	}
}

func TestFunName(t *testing.T) {
	tests := []struct {
		name  string
		names []string
		list  bool
		want  string
	}{
		{"plain", []string{"test.ping"}, false, "test.ping"},
		{"plain with quotes stays", []string{"it's"}, false, "it's"},
		{"list", []string{"test.ping", "cmd.run"}, true, "['test.ping', 'cmd.run']"},
		{"list of one", []string{"test.ping"}, true, "['test.ping']"},
		{"empty list", nil, true, "[]"},
		{"single quote", []string{"it's"}, true, `["it's"]`},
		{"double quote", []string{`say "x"`}, true, `['say "x"']`},
		{"both quotes", []string{`it's "x"`}, true, `['it\'s "x"']`},
		{"quotes are chosen for each", []string{"a'", `b"`}, true, `["a'", 'b"']`},
		{"backslash", []string{`a\b`}, true, `['a\\b']`},
		{"white space", []string{"a b\t\n\r"}, true, `['a b\t\n\r']`},
		{"controls", []string{"\x00\x1f\x7f\u0085"}, true, `['\x00\x1f\x7f\x85']`},
		{"no-break space and soft hyphen", []string{"\u00a0\u00ad"}, true, `['\xa0\xad']`},
		{"printable stays", []string{"é日😀¡"}, true, `['é日😀¡']`},
		{"joiner and separators", []string{"\u200d\u2028\u3000\ufeff"}, true, `['\u200d\u2028\u3000\ufeff']`},
		{"private use", []string{"\ue000\U0010ffff"}, true, `['\ue000\U0010ffff']`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := FunName(test.names, test.list); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}
