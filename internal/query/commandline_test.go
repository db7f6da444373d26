package query

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"testing"
)

func TestSplitCommand(t *testing.T) {
	t.Parallel()
	tests := []struct {
		line string
		want []string
		err  error
	}{
		{"", nil, nil},
		{" \t\r\n", nil, nil},
		{"set a b", []string{"set", "a", "b"}, nil},
		{"  set\ta\n b  ", []string{"set", "a", "b"}, nil},
		{`set "a b" 'c d'`, []string{"set", "a b", "c d"}, nil},
		{`set "" ''`, []string{"set", "", ""}, nil},
		{`"\n\r\t\b\a\"\\\q\x41\xfF\xg"`, []string{"\n\r\t\b\a\"\\qA\xffxg"}, nil},
		{`'\n\'"'`, []string{`\n'"`}, nil},
		{`a"b c"`, []string{"ab c"}, nil},
		{`a\b`, []string{`a\b`}, nil},
		{"müller grün", []string{"müller", "grün"}, nil},
		{"\"\\x1\x11\"", []string{"x1\x11"}, nil},
		{`set "a`, nil, errUnclosed},
		{`set 'a\'`, nil, errUnclosed},
		{`"\`, nil, errUnclosed},
		{`"a"b`, nil, errGlued},
		{`'a''b'`, nil, errGlued},
	}
	for _, tt := range tests {
		if got, err := splitCommand(tt.line); !slices.Equal(got, tt.want) || !errors.Is(err, tt.err) {
			t.Errorf("%s gave %q, %v, want %q, %v", tt.line, got, err, tt.want, tt.err)
		}
	}
}

// Whatever the line, it is split or refused; and what was split can be written so that it is split the same.
func FuzzSplitCommand(f *testing.F) {
	for _, seed := range []string{`set a "b\x00c" 'd\'e'`, `"`, `'`, `\`, `a"b"c`, `"\x`, "\xff \xfe"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, line string) {
		words, err := splitCommand(line)
		if err != nil {
			if words != nil {
				t.Fatalf("%q gave words and %v", line, err)
			}
			return
		}
		again, err := splitCommand(quoted(words))
		if err != nil || !slices.Equal(again, words) {
			t.Fatalf("%q gave %q, which as %s gave %q, %v", line, words, quoted(words), again, err)
		}
	})
}

func quoted(words []string) string {
	var b strings.Builder
	for _, word := range words {
		b.WriteByte('"')
		for i := range len(word) {
			b.WriteString(`\x` + strconv.FormatInt(int64(word[i])+0x100, 16)[1:])
		}
		b.WriteString(`" `)
	}
	return b.String()
}
