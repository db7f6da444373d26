package servers

import (
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// readyLimit bounds the wait for a server's first answer. Servers answer
// within tens of milliseconds; the rest is for a machine busy with -race
// builds, and for a store being read back after a kill.
const readyLimit = 30 * time.Second

// Process is one server or worker process under test. Its methods may be
// called from any goroutine, but lifecycle calls from one at a time.
type Process struct {
	Addr   string // host:port on the loopback; "" for a worker
	URL    string // redis://, rediss:// or nats:// form of Addr
	Dir    string // the process's own directory, kept over restarts
	Socket string // redis: path of its unix socket, short enough for any system

	name    string
	path    string
	args    []string
	env     []string            // nil: the test's own
	login   login               // what Do shows a Redis server
	stopped atomic.Bool         // frozen by Stop
	answers func(*Process) bool // nil: ready once started
	t       testing.TB
	stdout  buffer
	stderr  buffer

	mu  sync.Mutex
	run *run
}

// run is one life of a Process.
type run struct {
	cmd  *exec.Cmd
	done chan struct{} // closed once the process was reaped
}

// newProcess prepares a process with a directory of its own and sees to its
// end. The directory is not t.TempDir: a long test name would push a unix
// socket's path over the system's limit of about 100 bytes.
func newProcess(t testing.TB, name, path string) *Process {
	t.Helper()
	dir, err := os.MkdirTemp("", "returnd-"+name+"-")
	if err != nil {
		t.Fatalf("make a directory for %s: %v", name, err)
	}
	p := &Process{name: name, path: path, Dir: dir, t: t}
	t.Cleanup(p.end)
	return p
}

// end kills the process and whatever it started, and removes its directory.
func (p *Process) end() {
	if r := p.life(); r != nil {
		// The whole group, first: a child must not outlive its parent here
		// even if the parent was killed by the test.
		_ = syscall.Kill(-r.cmd.Process.Pid, syscall.SIGKILL)
		<-r.done
	}
	if p.t.Failed() {
		p.t.Logf("%s %s\nlast output:\n%s", p.name, strings.Join(p.args, " "), tail(p.Output()))
	}
	if err := os.RemoveAll(p.Dir); err != nil {
		p.t.Logf("remove the directory of %s: %v", p.name, err)
	}
}

// launch starts the process under a goroutine of its own, which reaps it. It
// does not wait for an answer.
func (p *Process) launch() error {
	cmd := exec.Command(p.path, p.args...)
	cmd.Dir, cmd.Env = p.Dir, p.env
	cmd.Stdout, cmd.Stderr = &p.stdout, &p.stderr
	cmd.WaitDelay = time.Second // a grandchild may hold the output open
	r := &run{cmd: cmd, done: make(chan struct{})}
	started := make(chan error, 1)
	go supervise(r, started)
	if err := <-started; err != nil {
		return err
	}
	p.mu.Lock()
	p.run = r
	p.mu.Unlock()
	p.stopped.Store(false)
	return nil
}

// await polls until the process answers. It tells a process that ended (a
// lost port, a refused option) from one that is merely slow.
func (p *Process) await() error {
	if p.answers == nil {
		return nil
	}
	deadline := time.Now().Add(readyLimit)
	for !p.answers(p) {
		select {
		case <-p.Exited():
			return errors.New("ended before it answered")
		case <-time.After(5 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			return errors.New("did not answer within " + readyLimit.String())
		}
	}
	return nil
}

// Restart starts the process again on the same port and directory, killing it
// first if it still runs, and waits until it answers.
func (p *Process) Restart() {
	p.t.Helper()
	p.Kill()
	if err := errors.Join(p.launch(), p.await()); err != nil {
		p.t.Fatalf("restart %s: %v\n%s", p.name, err, tail(p.Output()))
	}
}

// PID is the process's id in its present life.
func (p *Process) PID() int { return p.life().cmd.Process.Pid }

// Exited is closed once the present life has ended, however it ended.
func (p *Process) Exited() <-chan struct{} { return p.life().done }

// Running tells whether the process has not ended yet; a stopped one runs.
func (p *Process) Running() bool {
	select {
	case <-p.Exited():
		return false
	default:
		return true
	}
}

// serving tells whether answers can be expected: it runs and is not stopped.
func (p *Process) serving() bool { return p.Running() && !p.stopped.Load() }

// ExitCode is what the ended process answered, -1 when a signal ended it. It
// waits for the end.
func (p *Process) ExitCode() int {
	r := p.life()
	<-r.done
	return r.cmd.ProcessState.ExitCode()
}

func (p *Process) life() *run {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.run
}

// Stdout is what the process wrote to its standard output in all its lives.
func (p *Process) Stdout() string { return p.stdout.String() }

// Stderr is what the process wrote to its standard error in all its lives.
func (p *Process) Stderr() string { return p.stderr.String() }

// Output is Stdout followed by Stderr.
func (p *Process) Output() string { return p.Stdout() + p.Stderr() }

// file names a path inside the process's directory.
func (p *Process) file(name string) string { return filepath.Join(p.Dir, name) }

// dial opens a connection that no server, not even a stopped one, can hold up
// for more than a second.
func dial(network, address string) (net.Conn, error) {
	conn, err := net.DialTimeout(network, address, time.Second)
	if err != nil {
		return nil, err
	}
	return conn, conn.SetDeadline(time.Now().Add(time.Second))
}
