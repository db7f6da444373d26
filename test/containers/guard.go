package containers

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

const (
	// sessionLabel stands on everything that one test binary made, ownerLabel
	// says who that is.
	sessionLabel = "returnd.test.session"
	ownerLabel   = "returnd.test.owner"
	// guardVariable turns a run of the test binary into the guard of another.
	guardVariable = "RETURND_CONTAINERS_GUARD"
	// farewell is what the guard hears from a test binary that ends by itself.
	farewell = "done\n"
	// A container that was being made when its test binary died is there a
	// moment later: the guard looks so many times, so far apart.
	guardLooks = 3
	guardPause = time.Second
)

// session names this test binary's life.
var session = sync.OnceValue(rand.Text)

// labels mark what this test binary makes.
func labels() map[string]string {
	return map[string]string{sessionLabel: session(), ownerLabel: owner()}
}

// owner is this process: a name of the machine and a pid in it. Engines are
// shared between machines, and between containers on one.
func owner() string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return host + "/" + strconv.Itoa(os.Getpid())
}

// abandoned tells whether an owner was a process of this machine that has
// ended.
func abandoned(by string) bool {
	host, pid, _ := strings.Cut(by, "/")
	own, _, _ := strings.Cut(owner(), "/")
	id, err := strconv.Atoi(pid)
	return err == nil && host == own && errors.Is(syscall.Kill(id, 0), syscall.ESRCH)
}

// Main is the TestMain of packages that use containers. It runs the tests and
// looks for leaked goroutines, under a guard: a second process of the test
// binary that waits for the end of the first, and removes what that left.
func Main(m *testing.M) {
	if dead := os.Getenv(guardVariable); dead != "" {
		guard(dead, os.Stdin)
		os.Exit(0)
	}
	watched, err := startGuard()
	if err != nil {
		fmt.Fprintln(os.Stderr, "start the guard of the containers:", err)
		os.Exit(1)
	}
	code := m.Run()
	if provider, err := engine(); err == nil {
		_ = provider.Close()
	}
	if err := goleak.Find(); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	watched()
	os.Exit(code)
}

// startGuard starts the guard; the function it gives sends it home. The guard
// has no part in the test's output, which would keep `go test` waiting, and
// stands in a process group of its own, which Ctrl-C does not reach.
func startGuard() (end func(), err error) {
	cmd := exec.Command(os.Args[0], "-test.run=^$")
	cmd.Env = append(os.Environ(), guardVariable+"="+session())
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	line, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return func() {
		_, _ = io.WriteString(line, farewell)
		_ = line.Close()
		_ = cmd.Wait()
	}, nil
}

// guard waits until the line to the test binary is cut. The kernel cuts it
// whatever the test binary dies of.
func guard(dead string, line io.Reader) {
	if last, _ := io.ReadAll(line); string(last) == farewell {
		return
	}
	provider, err := engine()
	if err != nil {
		return
	}
	for look := range guardLooks {
		if look > 0 {
			time.Sleep(guardPause)
		}
		ctx, cancel := context.WithTimeout(context.Background(), callLimit)
		_ = sweep(ctx, provider.Client(), func(labels map[string]string) bool { return labels[sessionLabel] == dead })
		cancel()
	}
}
