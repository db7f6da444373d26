package servers

import (
	"net"
	"os/exec"
	"strconv"
	"testing"
)

func TestStartTakesAnotherPortWhenItsPortIsLost(t *testing.T) {
	path, err := exec.LookPath("redis-server")
	if err != nil {
		missing(t, "redis-server is not in PATH: `make test` installs it")
	}
	taken, err := net.Listen("tcp", Loopback(0))
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	p := newProcess(t, "redis", path)
	p.Socket, p.answers = p.file("redis.sock"), redisAnswers
	tries := 0
	p.startOnFreePort("redis", func(port int) []string {
		if tries++; tries == 1 {
			port = taken.Addr().(*net.TCPAddr).Port
		}
		return []string{"--port", strconv.Itoa(port), "--unixsocket", p.Socket, "--dir", p.Dir}
	})
	if tries != 2 {
		t.Errorf("started after %d tries, want 2", tries)
	}
}
