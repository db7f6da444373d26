package main

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
)

const samples = "../../internal/job/testdata/samples"

// found is a document in a form that is easy to write down: its line and its text.
type found struct {
	Line int
	Text string
}

func splitAll(t *testing.T, s *splitter) []found {
	t.Helper()
	var all []found
	for {
		d, err := s.next()
		switch {
		case errors.Is(err, io.EOF):
			return all
		case errors.Is(err, errTooLong):
			all = append(all, found{d.line, "too long"})
		case err != nil:
			t.Fatal(err)
		default:
			all = append(all, found{d.line, string(d.body)})
		}
	}
}

func TestSplitter(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, text string
		want       []found
	}{
		{"nothing", "", nil},
		{"blanks alone", " \n\r\n\t", nil},
		{"one without a line end", `{"a": 1}`, []found{{1, `{"a": 1}`}}},
		{"white space around it", "\n\n \t{\"a\":1}  \r\n\n", []found{{3, `{"a":1}`}}},
		{"pretty-printed", "{\n \"a\": [\n  1\n ]\n}\n", []found{{1, "{\n \"a\": [\n  1\n ]\n}"}}},
		{"indented by nothing", "{\n\"a\": [\n{\n\"b\": 1\n},\n{}\n]\n}\n", []found{{1, "{\n\"a\": [\n{\n\"b\": 1\n},\n{}\n]\n}"}}},
		{"an object on the line behind its name", "{\"a\":\n{}}", []found{{1, "{\"a\":\n{}}"}}},
		{"one a line", "{\"a\":1}\n{\"a\":2}\n", []found{{1, `{"a":1}`}, {2, `{"a":2}`}}},
		{"one a line, Windows", "{\"a\":1}\r\n{\"a\":2}\r\n", []found{{1, `{"a":1}`}, {2, `{"a":2}`}}},
		{"several pretty-printed", "{\n \"a\": 1\n}\n{\n \"a\": 2\n}\n", []found{{1, "{\n \"a\": 1\n}"}, {4, "{\n \"a\": 2\n}"}}},
		{"several on one line", `{"a":1}{"a":2} {"a":3}`, []found{{1, `{"a":1}`}, {1, `{"a":2}`}, {1, `{"a":3}`}}},
		{"brackets and quotes inside strings", `{"a":"}{\"]\\"}` + "\n{}", []found{{1, `{"a":"}{\"]\\"}`}, {2, "{}"}}},
		{"a list", "[1, {}]\n", []found{{1, "[1, {}]"}}},
		{"broken off inside a string", "{\"a\": \"x\n{\"a\": 2}\n", []found{{1, `{"a": "x`}, {2, `{"a": 2}`}}},
		{"broken off behind a comma", "{\"a\": 1,\n{\"a\": 2}\n", []found{{1, `{"a": 1,`}, {2, `{"a": 2}`}}},
		{"broken off behind a value", "{\"a\": 1\n{\"a\": 2}\n", []found{{1, `{"a": 1`}, {2, `{"a": 2}`}}},
		{"broken off in a pretty-printed one", "{\n \"a\": [\n  1\n{\n \"a\": 2\n}\n", []found{{1, "{\n \"a\": [\n  1"}, {4, "{\n \"a\": 2\n}"}}},
		{"a line end inside a string", "{\n \"a\": \"x\n y\",\n \"b\": 1\n}\n{}\n", []found{{1, "{\n \"a\": \"x\n y\",\n \"b\": 1\n}"}, {6, "{}"}}},
		{"broken off at the end", "{}\n{\"a\": [", []found{{1, "{}"}, {2, `{"a": [`}}},
		{"no JSON", "hello\nworld\n{}\n", []found{{1, "hello\nworld"}, {3, "{}"}}},
		{"closed too often", "{}}\n{}", []found{{1, "{}"}, {1, "}"}, {2, "{}"}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, splitAll(t, newSplitter("x", strings.NewReader(tt.text)))); diff != "" {
				t.Errorf("at once (-want +got):\n%s", diff)
			}
			drop := newSplitter("x", iotest.OneByteReader(strings.NewReader(tt.text)))
			if diff := cmp.Diff(tt.want, splitAll(t, drop)); diff != "" {
				t.Errorf("byte by byte (-want +got):\n%s", diff)
			}
		})
	}
}

func TestSplitterLeavesOutWhatIsTooLong(t *testing.T) {
	t.Parallel()
	s := newSplitter("x", strings.NewReader("{\"a\":\""+strings.Repeat("x", 200_000)+"\"}\n{\"a\":2}"))
	s.max = 100_000
	if diff := cmp.Diff([]found{{1, "too long"}, {2, `{"a":2}`}}, splitAll(t, s)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestSplitterReportsAReadError(t *testing.T) {
	t.Parallel()
	s := newSplitter("x", io.MultiReader(strings.NewReader(`{"a":`), iotest.ErrReader(errors.New("the disk is gone"))))
	if _, err := s.next(); err == nil || errors.Is(err, io.EOF) {
		t.Errorf("got %v, want the reader's error", err)
	}
}

// Every sample lies alone in its file, the broken ones too: each comes out as it is, but for the line end behind it.
func TestSamplesAreReadByteForByte(t *testing.T) {
	t.Parallel()
	for _, folder := range []string{"returns", "loads", "odd"} {
		files, _, err := findInputs([]string{filepath.Join(samples, folder)})
		if err != nil {
			t.Fatal(err)
		}
		i := 0
		for d, err := range documents(files, nil) {
			if err != nil {
				t.Fatal(err)
			}
			if d.name != files[i] || d.line != 1 {
				t.Fatalf("got %s, want %s:1", d.where(), files[i])
			}
			want, err := os.ReadFile(d.name)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(d.body, bytes.Trim(want, blanks)) {
				t.Errorf("%s has changed on its way", d.name)
			}
			i++
		}
		if i != len(files) || i == 0 {
			t.Errorf("%s: %d documents of %d files", folder, i, len(files))
		}
	}
}
