package servers

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// runLimit bounds a one-shot command; a worker command that takes longer
// than this has left its caller waiting.
const runLimit = 2 * time.Minute

// workerBinary builds cmd/worker once for the life of the test binary. It is
// a variable of the package because Go offers no other place whose life is
// that of the test binary.
var workerBinary = sync.OnceValues(func() (string, error) {
	sweepBinaries()
	dir, err := os.MkdirTemp("", binaryPrefix+strconv.Itoa(os.Getpid())+"-")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "worker")
	return path, build(path, "returnd/cmd/worker")
})

const binaryPrefix = "returnd-build-"

// sweepBinaries removes the binaries of test binaries that have ended: the
// end of a test binary runs nothing, so its successor cleans up after it.
func sweepBinaries() {
	dirs, err := filepath.Glob(filepath.Join(os.TempDir(), binaryPrefix+"*"))
	if err != nil {
		return
	}
	for _, dir := range dirs {
		owner, _, _ := strings.Cut(strings.TrimPrefix(filepath.Base(dir), binaryPrefix), "-")
		pid, err := strconv.Atoi(owner)
		if err == nil && errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
			_ = os.RemoveAll(dir)
		}
	}
}

// WorkerBinary is the path of the worker, built for this test binary.
func WorkerBinary(t testing.TB) string {
	t.Helper()
	path, err := workerBinary()
	if err != nil {
		t.Fatalf("build the worker: %v", err)
	}
	return path
}

// Worker starts `worker <args>` in a directory of its own and returns at
// once: what "ready" means is the test's business (Eventually, /readyz). The
// environment is the test's (t.Setenv).
func Worker(t testing.TB, args ...string) *Process {
	t.Helper()
	p := newProcess(t, "worker", WorkerBinary(t))
	p.args = args
	if err := p.launch(); err != nil {
		t.Fatalf("start worker %v: %v", args, err)
	}
	return p
}

// Run runs `worker <args>` to its end in the test's working directory, without
// standard input.
func Run(t testing.TB, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	return RunInput(t, nil, args...)
}

// RunInput is Run with a standard input.
func RunInput(t testing.TB, stdin io.Reader, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), runLimit)
	defer cancel()
	var out, errs bytes.Buffer
	cmd := exec.CommandContext(ctx, WorkerBinary(t), args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, &out, &errs
	cmd.WaitDelay = time.Second
	err := cmd.Run()
	var exit *exec.ExitError
	if ctx.Err() != nil || (err != nil && !errors.As(err, &exit)) {
		t.Fatalf("worker %v: %v", args, errors.Join(fmt.Errorf("limit %v: %w", runLimit, err), ctx.Err()))
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}
