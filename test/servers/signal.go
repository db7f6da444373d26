package servers

import (
	"errors"
	"os"
	"syscall"
	"testing"
	"time"
)

// terminateLimit is far above the ten seconds a worker may take to stop, so
// that a slow stop is reported with its duration and not as a lost process.
const terminateLimit = time.Minute

// stopLimit is far above the moment in which a signal arrives.
const stopLimit = 10 * time.Second

// Kill ends the process with SIGKILL, as a crash would, and waits until it is
// gone. On an ended process it does nothing.
func (p *Process) Kill() {
	p.t.Helper()
	p.Signal(syscall.SIGKILL)
	<-p.Exited()
}

// Stop freezes the process with SIGSTOP: connections stay open, nothing
// answers. It returns once the last of its threads stands still. Kill ends a
// stopped process too.
func (p *Process) Stop() {
	p.t.Helper()
	p.stopped.Store(true)
	p.Signal(syscall.SIGSTOP)
	Eventually(p.t, stopLimit, p.name+" standing still", func() bool { return frozen(p.PID()) })
}

// Cont lets a stopped process go on.
func (p *Process) Cont() {
	p.t.Helper()
	p.Signal(syscall.SIGCONT)
	p.stopped.Store(false)
}

// Terminate asks the process to end with SIGTERM and waits for it. It returns
// the exit code (-1: ended by a signal) and how long the end took.
func (p *Process) Terminate() (code int, took time.Duration) {
	p.t.Helper()
	begin := time.Now()
	p.Signal(syscall.SIGTERM)
	if !p.Wait(terminateLimit) {
		p.t.Fatalf("%s did not end within %v of SIGTERM\n%s", p.name, terminateLimit, tail(p.Output()))
	}
	return p.ExitCode(), time.Since(begin)
}

// Signal sends any signal; a process that has ended is not an error, since
// every caller races with that end.
func (p *Process) Signal(s os.Signal) {
	p.t.Helper()
	if err := p.life().cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		p.t.Errorf("send %v to %s: %v", s, p.name, err)
	}
}

// Wait waits for the process to end and tells whether it did so in time.
func (p *Process) Wait(limit time.Duration) bool {
	select {
	case <-p.Exited():
		return true
	case <-time.After(limit):
		return false
	}
}

// Eventually polls until the condition holds, and fails the test if it does
// not within the limit. It is how tests wait for what a process does.
func Eventually(t testing.TB, limit time.Duration, what string, holds func() bool) {
	t.Helper()
	deadline := time.Now().Add(limit)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %s", limit, what)
		}
		<-tick.C
	}
}
