package containers

import (
	"archive/tar"
	"bytes"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats-server/v2/server"
)

// TestPackIsRepeatable: an image is made anew only when its files change.
func TestPackIsRepeatable(t *testing.T) {
	dir := t.TempDir()
	r := recipe{files: map[string]string{}, lines: []string{"USER 1:1"}}
	for _, name := range []string{"one", "two"} {
		r.files["/bin/"+name] = filepath.Join(dir, name)
		if err := os.WriteFile(r.files["/bin/"+name], []byte(name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	first, second := packed(t, r), packed(t, r)
	if !bytes.Equal(first, second) {
		t.Error("the same files gave different archives")
	}
	want := map[string]string{
		"Dockerfile":   "FROM scratch\nCOPY root/ /\nUSER 1:1\n",
		"root/bin/one": "one", "root/bin/two": "two",
	}
	if diff := cmp.Diff(want, unpacked(t, first)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if err := os.WriteFile(r.files["/bin/two"], []byte("2"), 0o600); err != nil {
		t.Fatal(err)
	}
	if bytes.Equal(first, packed(t, r)) {
		t.Error("a changed file gave the same archive")
	}
}

func packed(t *testing.T, r recipe) []byte {
	t.Helper()
	archive, err := r.pack()
	if err != nil {
		t.Fatal(err)
	}
	return archive
}

func unpacked(t *testing.T, archive []byte) map[string]string {
	t.Helper()
	files := map[string]string{}
	for r := tar.NewReader(bytes.NewReader(archive)); ; {
		head, err := r.Next()
		if err == io.EOF {
			return files
		}
		content, read := io.ReadAll(r)
		if err != nil || read != nil {
			t.Fatal(err, read)
		}
		files[head.Name] = string(content)
	}
}

func TestPackNamesTheMissingFile(t *testing.T) {
	r := recipe{files: map[string]string{"/bin/none": filepath.Join(t.TempDir(), "none")}}
	if _, err := r.pack(); err == nil {
		t.Error("a missing file was packed")
	}
}

// TestOfficialNATSIsTheModules: the tests speak of one nats-server, wherever
// it comes from.
func TestOfficialNATSIsTheModules(t *testing.T) {
	if want := "nats:" + server.VERSION + "-scratch"; officialNATS != want {
		t.Errorf("the official image is %s, want %s", officialNATS, want)
	}
}

func TestVariableNamesTheImage(t *testing.T) {
	t.Setenv(workerVariable, "example.com/worker:1")
	if got, err := find(workerSource()); got != "example.com/worker:1" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
}
