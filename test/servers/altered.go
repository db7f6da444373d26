package servers

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Change is a piece of source that reads otherwise in an altered worker.
type Change struct {
	File     string // from the module's root; below "std/" it is the standard library's
	Old, New string // Old stands there once
}

// Altered builds a worker from changed sources: with a rule taken out, so that a test can show that it would notice, or
// with a clock that is wrong. The sources themselves stay as they are, and production code needs no hooks. A piece that
// is not there any more fails the test: else its teeth would be gone unnoticed.
func Altered(t testing.TB, changes ...Change) (binary string) {
	t.Helper()
	dir := t.TempDir()
	overlay := struct{ Replace map[string]string }{map[string]string{}}
	for _, c := range changes {
		path := c.path(t)
		if overlay.Replace[path] == "" {
			overlay.Replace[path] = filepath.Join(dir, strings.ReplaceAll(c.File, "/", "_"))
			copyFile(t, path, overlay.Replace[path])
		}
		c.apply(t, overlay.Replace[path])
	}
	text, err := json.Marshal(overlay)
	if err != nil {
		t.Fatal(err)
	}
	table := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(table, text, 0o600); err != nil {
		t.Fatal(err)
	}
	binary = filepath.Join(dir, "worker")
	// -s -w: a worker that is built anew for each test is linked faster without.
	cmd := exec.Command("go", "build", "-race=false", "-ldflags", "-s -w", "-overlay", table, "-o", binary, "returnd/cmd/worker")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build an altered worker: %v\n%s", err, out)
	}
	return binary
}

// AlteredWorker is Worker from a binary that Altered has built.
func AlteredWorker(t testing.TB, binary string, args ...string) *Process {
	t.Helper()
	return workerFrom(t, binary, args...)
}

func (c Change) path(t testing.TB) string {
	t.Helper()
	name, std := strings.CutPrefix(c.File, "std/")
	question := []string{"list", "-m", "-f", "{{.Dir}}", "returnd"}
	if std {
		question, name = []string{"env", "GOROOT"}, "src/"+name
	}
	root, err := exec.Command("go", question...).Output()
	if err != nil {
		t.Fatalf("go %v: %v", question, err)
	}
	return filepath.Join(strings.TrimSpace(string(root)), name)
}

func (c Change) apply(t testing.TB, path string) {
	t.Helper()
	source, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(source), c.Old); n != 1 {
		t.Fatalf("%s holds %q %d times, want it once: the change has to follow the source", c.File, c.Old, n)
	}
	altered := strings.Replace(string(source), c.Old, c.New, 1)
	if err := os.WriteFile(path, []byte(altered), 0o600); err != nil {
		t.Fatal(err)
	}
}

func copyFile(t testing.TB, from, to string) {
	t.Helper()
	data, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// ClockSkew is the variable by which a worker with WrongClock is off, in seconds.
const ClockSkew = "TEST_CLOCK_SKEW"

// WrongClock has a worker's wall clock be off, as libfaketime does for programs that ask the C library. Its monotonic
// clock stays right, and so does the clock of the servers.
func WrongClock() []Change {
	const now, sources = "func Now() Time {\n\tsec, nsec, mono := runtimeNow()\n", "var platformZoneSources "
	const skew = `var skew = func() (n int64) {
	text, _ := syscall.Getenv("` + ClockSkew + `")
	for _, digit := range []byte(text) {
		if digit != '-' {
			n = 10*n + int64(digit-'0')
		}
	}
	if text != "" && text[0] == '-' {
		return -n
	}
	return n
}()

`
	return []Change{
		{"std/time/time.go", now, now + "\tsec += skew\n"},
		{"std/time/zoneinfo_unix.go", sources, skew + sources},
	}
}
