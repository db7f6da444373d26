package job

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func TestReasons(t *testing.T) {
	want := []Reason{"malformed", "identity", "subject", "too_large", "wrong_type", "ret_kwargs", "jid_req", "max_deliver"}
	if diff := cmp.Diff(want, Reasons()); diff != "" {
		t.Error(diff)
	}
}

func TestReject(t *testing.T) {
	tests := []struct {
		name, format string
		args         []any
		want         string
	}{
		{"usual", "offset %d", []any{7}, "identity: offset 7"},
		{"controls become blanks", "a\r\nb\x00\u0085c", nil, "identity: a  b  c"},
		{"invalid UTF-8", "a\xffb", nil, "identity: a?b"},
		{"long", "%s", []any{strings.Repeat("x", 300)}, "identity: " + strings.Repeat("x", 256)},
		{"long with a rune at the limit", "%s", []any{strings.Repeat("x", 255) + "ü"}, "identity: " + strings.Repeat("x", 255)},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := Reject(ReasonIdentity, test.format, test.args...).Error()
			if got != test.want || !utf8.ValidString(got) {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

// TestFaultsSayWhatToDo keeps a new fault from going without its sentence.
func TestFaultsSayWhatToDo(t *testing.T) {
	for f := faultEnd; f <= faultArray; f++ {
		if got := f.String(); got == "fine" {
			t.Errorf("fault %d has no text", f)
		}
	}
	if err := fine.at(1); err != nil {
		t.Errorf("got %v, want none", err)
	}
}
