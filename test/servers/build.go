package servers

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/nats-io/nats-server/v2/server"
)

// natsBinary finds or builds the nats-server of the module's version. It is
// kept in the user's cache folder, since linking it takes many seconds.
func natsBinary(t testing.TB) string {
	t.Helper()
	if path := os.Getenv("TEST_NATS_SERVER"); path != "" {
		return path
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	path := filepath.Join(cache, "returnd", "nats-server-"+server.VERSION)
	if err := buildOnce(path, "github.com/nats-io/nats-server/v2"); err != nil {
		t.Fatalf("build nats-server: %v", err)
	}
	return path
}

// buildOnce builds a package to a path unless it is there. Test packages run
// as processes side by side: a file lock lets one build, and the rename lets
// nobody see half a binary.
func buildOnce(path, pkg string) error {
	if _, err := os.Stat(path); err == nil {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	unlock, err := lock(path + ".lock")
	if err != nil {
		return err
	}
	defer unlock()
	if _, err := os.Stat(path); err == nil {
		return nil
	}
	fresh := fmt.Sprintf("%s.%d", path, os.Getpid())
	return errors.Join(build(fresh, pkg), os.Rename(fresh, path))
}

// build compiles without the race detector even where GOFLAGS asks for it:
// the process under test is to run at its own speed.
func build(path, pkg string) error {
	cmd := exec.Command("go", "build", "-race=false", "-o", path, pkg)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%v: %w\n%s", cmd.Args, err, out)
	}
	return nil
}

// lock waits for an exclusive lock on a file. The lock goes with the process,
// so one that is killed leaves none behind.
func lock(path string) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		return nil, errors.Join(fmt.Errorf("lock %s: %w", path, err), f.Close())
	}
	return func() { _ = f.Close() }, nil
}
