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
// once: what "ready" means is the test's business (Eventually, /readyz).
//
// As with env(1), arguments of the form NAME=value that stand before the
// others are added to its environment. The rest of that is the test's, but
// for the RETURND_ variables: the worker would obey those of the shell that
// runs the tests, or refuse to start over an unknown one.
//
// It sweeps only if the test gives it a cleanup.interval: what others look for
// in Redis is what came of their returns.
func Worker(t testing.TB, args ...string) *Process {
	t.Helper()
	return workerFrom(t, WorkerBinary(t), args...)
}

func workerFrom(t testing.TB, binary string, args ...string) *Process {
	t.Helper()
	p := newProcess(t, "worker", binary)
	p.env, p.args = environment(os.Environ(), args)
	p.env = append([]string{"RETURND_CLEANUP__INTERVAL=0s"}, p.env...) // the last of a name counts
	if err := p.launch(); err != nil {
		t.Fatalf("start worker %v: %v", args, err)
	}
	return p
}

// environment splits leading NAME=value arguments from the others and adds
// them to what is inherited.
func environment(inherited, args []string) (env, rest []string) {
	for _, variable := range inherited {
		if !strings.HasPrefix(variable, "RETURND_") {
			env = append(env, variable)
		}
	}
	for i, arg := range args {
		name, _, assigned := strings.Cut(arg, "=")
		if !assigned || strings.HasPrefix(name, "-") {
			return env, args[i:]
		}
		env = append(env, arg)
	}
	return env, nil
}

// Run runs `worker <args>` to its end in the test's working directory, without
// standard input. Arguments and environment are as in Worker.
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
	env, rest := environment(os.Environ(), args)
	cmd := exec.CommandContext(ctx, WorkerBinary(t), rest...)
	cmd.Env = env
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, &out, &errs
	cmd.WaitDelay = time.Second
	err := cmd.Run()
	var exit *exec.ExitError
	if ctx.Err() != nil || (err != nil && !errors.As(err, &exit)) {
		t.Fatalf("worker %v: %v", args, errors.Join(fmt.Errorf("limit %v: %w", runLimit, err), ctx.Err()))
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}
