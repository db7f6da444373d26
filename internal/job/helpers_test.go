package job

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// checkReason holds an error to a rejection with this reason; "" wants none.
func checkReason(t *testing.T, err error, want Reason) {
	t.Helper()
	if want == "" {
		if err != nil {
			t.Fatalf("got error %v, want none", err)
		}
		return
	}
	rejection, ok := errors.AsType[*Rejection](err)
	if !ok {
		t.Fatalf("got error %v, want a rejection %s", err, want)
	}
	if rejection.Reason != want {
		t.Fatalf("got %v, want the reason %s", err, want)
	}
	if rejection.Detail == "" || len(rejection.Detail) > maxDetail {
		t.Errorf("got a detail of %d bytes, want 1 to %d", len(rejection.Detail), maxDetail)
	}
}

// sample reads one golden document, such as "odd/05_jid_int".
func sample(t *testing.T, name string) []byte {
	t.Helper()
	body, err := os.ReadFile(filepath.Join("testdata", "samples", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	return body
}

// sampleNames lists the golden documents of a folder.
func sampleNames(t testing.TB, folder string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", "samples", folder, "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("got %d samples in %s, error %v", len(files), folder, err)
	}
	var names []string
	for _, file := range files {
		names = append(names, folder+"/"+strings.TrimSuffix(filepath.Base(file), ".json"))
	}
	return names
}

// seed adds every golden document but the largest, which would slow the fuzzer down.
func seed(f *testing.F) {
	f.Helper()
	for _, folder := range []string{"returns", "loads", "odd"} {
		for _, name := range sampleNames(f, folder) {
			body, err := os.ReadFile(filepath.Join("testdata", "samples", name+".json"))
			if err != nil {
				f.Fatal(err)
			}
			if len(body) < 32<<10 {
				f.Add(body)
			}
		}
	}
}
