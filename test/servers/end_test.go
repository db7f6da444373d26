package servers

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// helperVariable turns a run of this test binary into the victim below.
const helperVariable = "RETURND_SERVERS_HELPER"

// TestVictim is the body of the test binary that is killed: it starts a
// server, says its pid and waits to be killed.
func TestVictim(t *testing.T) {
	if os.Getenv(helperVariable) == "" {
		t.Skip("run by TestServerDiesWithTheTestBinary alone")
	}
	p := Redis(t)
	os.Stdout.WriteString("pid " + strconv.Itoa(p.PID()) + "\n")
	_, _ = io.Copy(io.Discard, os.Stdin)
}

func TestServerDiesWithTheTestBinary(t *testing.T) {
	var out buffer
	victim := exec.Command(os.Args[0], "-test.run=^TestVictim$")
	victim.Env = append(os.Environ(), helperVariable+"=1", "TMPDIR="+t.TempDir())
	victim.Stdout = &out
	victim.WaitDelay = time.Second
	stdin, err := victim.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer stdin.Close()
	if err := victim.Start(); err != nil {
		t.Fatal(err)
	}
	pid := 0
	Eventually(t, readyLimit, "the victim's server", func() bool {
		_, after, found := strings.Cut(out.String(), "pid ")
		line, _, whole := strings.Cut(after, "\n")
		pid, _ = strconv.Atoi(line)
		return found && whole
	})
	_ = victim.Process.Kill()
	_ = victim.Wait()
	Eventually(t, 5*time.Second, "the end of the victim's server", func() bool { return gone(pid) })
}

// gone tells whether a process has ended. An orphan may stay a zombie where
// the first process of a container reaps nobody; it has ended all the same.
func gone(pid int) bool {
	if errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
		return true
	}
	status, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	return err == nil && bytes.Contains(status, []byte("State:\tZ"))
}

func TestCleanupEndsServerAndRemovesItsDirectory(t *testing.T) {
	var p *Process
	t.Run("a test", func(t *testing.T) { p = Redis(t) })
	if p == nil {
		t.Skip("redis-server is missing: see the test above")
	}
	if p.Running() || !gone(p.PID()) {
		t.Error("the server outlived its test")
	}
	if _, err := os.Stat(p.Dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the directory outlived its test: %v", err)
	}
}
