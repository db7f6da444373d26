package containers

import (
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/moby/moby/client"

	"returnd/test/servers"
)

// victimVariable turns a run of this test binary into the victim below.
const victimVariable = "RETURND_CONTAINERS_VICTIM"

// TestVictim is the body of the test binary that is killed: it starts a
// server, says its session and waits to be killed.
func TestVictim(t *testing.T) {
	if os.Getenv(victimVariable) == "" {
		t.Skip("run by TestNothingOutlivesTheTestBinary alone")
	}
	n := NewNetwork(t)
	RedisSocket(t, n)
	os.Stdout.WriteString("session " + session() + "\n")
	_, _ = io.Copy(io.Discard, os.Stdin)
}

func TestNothingOutlivesTheTestBinary(t *testing.T) {
	t.Parallel()
	imageOf(t, redisImage)
	victim := exec.Command(os.Args[0], "-test.run=^TestVictim$")
	victim.Env = append(os.Environ(), victimVariable+"=1", "TMPDIR="+t.TempDir())
	victim.WaitDelay = time.Second
	stdin, err := victim.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer stdin.Close()
	stdout, err := victim.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := victim.Start(); err != nil {
		t.Fatal(err)
	}
	id := sessionIn(t, stdout)
	if got := left(t, id); got != 3 {
		t.Errorf("the victim has %d things, want a container, a network and a volume", got)
	}
	_ = victim.Process.Kill()
	_ = victim.Wait()
	servers.Eventually(t, limit, "the end of all that the victim made", func() bool { return left(t, id) == 0 })
}

func sessionIn(t *testing.T, out io.Reader) string {
	t.Helper()
	var text bytes.Buffer
	for chunk := make([]byte, 1<<10); ; {
		n, err := out.Read(chunk)
		text.Write(chunk[:n])
		if _, after, found := strings.Cut(text.String(), "session "); found {
			if id, _, whole := strings.Cut(after, "\n"); whole {
				return id
			}
		}
		if err != nil {
			t.Fatalf("the victim said %q: %v", text.String(), err)
		}
	}
}

// left counts what carries a session's label.
func left(t *testing.T, session string) int {
	t.Helper()
	count := 0
	call(t, "list", func(ctx context.Context) error {
		marked := client.Filters{}.Add("label", sessionLabel+"="+session)
		containers, err := need(t).ContainerList(ctx, client.ContainerListOptions{All: true, Filters: marked})
		if err != nil {
			return err
		}
		networks, err := need(t).NetworkList(ctx, client.NetworkListOptions{Filters: marked})
		if err != nil {
			return err
		}
		volumes, err := need(t).VolumeList(ctx, client.VolumeListOptions{Filters: marked})
		count = len(containers.Items) + len(networks.Items) + len(volumes.Items)
		return err
	})
	return count
}

func TestAbandoned(t *testing.T) {
	host, _, _ := strings.Cut(owner(), "/")
	for _, tt := range []struct {
		name, owner string
		want        bool
	}{
		{"this process", owner(), false},
		{"a pid that no process has", host + "/999999999", true},
		{"another machine's", "elsewhere.invalid/999999999", false},
		{"no owner", "", false},
	} {
		if got := abandoned(tt.owner); got != tt.want {
			t.Errorf("%s: got %v", tt.name, got)
		}
	}
}
