package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestFindInputs(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, name := range []string{"b.json", "a/c.ndjson", "a/d.jsonl", "notes.txt", "empty/README.md"} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("{}\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	in := func(name string) string { return filepath.Join(dir, name) }
	tests := []struct {
		name  string
		args  []string
		files []string
		size  int64
		fault string
	}{
		{"a folder", []string{dir}, []string{in("a/c.ndjson"), in("a/d.jsonl"), in("b.json")}, 9, ""},
		{"a file of any name", []string{in("notes.txt")}, []string{in("notes.txt")}, 3, ""},
		{"standard input beside a file", []string{in("b.json"), "-"}, []string{in("b.json"), "-"}, -1, ""},
		{"standard input before a file", []string{"-", in("b.json")}, []string{"-", in("b.json")}, -1, ""},
		{"missing", []string{in("nowhere")}, nil, 0, "nowhere"},
		{"a folder without documents", []string{in("empty")}, nil, 0, "holds no file"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			files, size, err := findInputs(tt.args)
			if tt.fault != "" {
				if err == nil || !strings.Contains(err.Error(), tt.fault) {
					t.Errorf("got %v, want %q in it", err, tt.fault)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.files, files); diff != "" || size != tt.size {
				t.Errorf("size %d, want %d; files (-want +got):\n%s", size, tt.size, diff)
			}
		})
	}
}
