package servers

import (
	"io"
	"os/exec"
	"strconv"
	"strings"
	"testing"
)

// Redis starts a redis-server that keeps nothing on disk; extra arguments
// come last and win ("--maxmemory", "2mb", "--appendonly", "yes"). It also
// listens on Process.Socket; "--port", "0" leaves that alone.
func Redis(t testing.TB, extra ...string) *Process {
	t.Helper()
	path, err := exec.LookPath("redis-server")
	if err != nil {
		missing(t, "redis-server is not in PATH: `make test` installs it")
	}
	p := newProcess(t, "redis", path)
	p.Socket = p.file("redis.sock")
	p.answers = redisAnswers
	p.startOnFreePort("redis", func(port int) []string {
		return append([]string{
			"--bind", "127.0.0.1", "--port", strconv.Itoa(port),
			"--unixsocket", p.Socket, "--dir", p.Dir,
			"--save", "", "--appendonly", "no", "--daemonize", "no",
		}, extra...)
	})
	return p
}

// redisAnswers asks through the socket in the server's own directory, so that
// the answer cannot be another server's on a port lost to it. The socket is
// opened after the port. Any answer but LOADING will do: a server with a
// password answers NOAUTH and is ready.
func redisAnswers(p *Process) bool {
	conn, err := dial("unix", p.Socket)
	if err != nil {
		return false
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "PING\r\n"); err != nil {
		return false
	}
	reply := make([]byte, len("-LOADING"))
	n, err := io.ReadAtLeast(conn, reply, len("+PONG"))
	return err == nil && !strings.HasPrefix(string(reply[:n]), "-LOAD")
}
