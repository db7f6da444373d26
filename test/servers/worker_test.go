package servers

import (
	"slices"
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

func TestEnvironmentIsTheTestsOwn(t *testing.T) {
	inherited := []string{"PATH=/bin", "RETURND_NATS__URL=nats://shell", "RETURND_UNKNOWN=1", "HOME=/root"}
	for _, tt := range []struct {
		name            string
		args, env, rest []string
	}{
		{"nothing added", []string{"run", "A=1"}, nil, []string{"run", "A=1"}},
		{"added", []string{"RETURND_REDIS__DB=2", "A=", "run"}, []string{"RETURND_REDIS__DB=2", "A="}, []string{"run"}},
		{"a flag is no variable", []string{"--log.level=debug", "run"}, nil, []string{"--log.level=debug", "run"}},
		{"variables alone", []string{"A=1"}, []string{"A=1"}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			env, rest := environment(inherited, tt.args)
			if want := append([]string{"PATH=/bin", "HOME=/root"}, tt.env...); !slices.Equal(env, want) {
				t.Errorf("environment: got %q, want %q", env, want)
			}
			if !slices.Equal(rest, tt.rest) {
				t.Errorf("arguments: got %q, want %q", rest, tt.rest)
			}
		})
	}
}

func TestWorkerSeesNoVariableOfTheShell(t *testing.T) {
	t.Setenv("RETURND_NO__SUCH__KEY", "1")
	if _, stderr, code := Run(t, "config", "print"); code != 0 {
		t.Errorf("got exit code %d, %s", code, stderr)
	}
	if _, stderr, code := Run(t, "RETURND_NO__SUCH__KEY=1", "config", "print"); code != 2 || !strings.Contains(stderr, "RETURND_NO__SUCH__KEY") {
		t.Errorf("a variable of the test: got exit code %d, %s", code, stderr)
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
