package servers

import (
	"strings"
	"testing"
	"time"
)

func TestRunGivesOutputAndExitCode(t *testing.T) {
	for _, tt := range []struct {
		name           string
		args           []string
		code           int
		stdout, stderr bool
	}{
		{"a command that succeeds", []string{"version"}, 0, true, false},
		{"wrong usage", []string{"version", "--no-such-flag"}, 2, false, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			stdout, stderr, code := Run(t, tt.args...)
			if code != tt.code || (stdout != "") != tt.stdout || (stderr != "") != tt.stderr {
				t.Errorf("got exit code %d, output %q, errors %q", code, stdout, stderr)
			}
		})
	}
}

func TestWorkerRunsUntilTerminated(t *testing.T) {
	p := Worker(t, "run", "--embedded", "--data", t.TempDir(), "--http.addr", "", "--nats.url", "nats://"+Loopback(FreePort(t)))
	Eventually(t, readyLimit, "a word from the worker", func() bool {
		return strings.TrimSpace(p.Output()) != "" || !p.Running()
	})
	if code, took := p.Terminate(); code != 0 || took > 10*time.Second {
		t.Errorf("ended with exit code %d after %v\n%s", code, took, p.Output())
	}
}
