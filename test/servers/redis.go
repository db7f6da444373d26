package servers

import (
	"io"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// Redis starts a redis-server that keeps nothing on disk; extra arguments
// come last and win ("--maxmemory", "2mb", "--appendonly", "yes"). It also
// listens on Process.Socket; "--port", "0" leaves that alone.
func Redis(t testing.TB, extra ...string) *Process {
	t.Helper()
	p := newRedis(t, "redis", extra)
	p.startOnFreePort("redis", func(port int) []string {
		return p.redisArgs("--port", port, extra)
	})
	return p
}

// newRedis prepares a redis-server that is asked through its socket. A
// password among the extra arguments is also what Do shows.
func newRedis(t testing.TB, name string, extra []string) *Process {
	t.Helper()
	path, err := exec.LookPath("redis-server")
	if err != nil {
		missing(t, "redis-server is not in PATH: `make test` installs it")
	}
	p := newProcess(t, name, path)
	p.Socket = p.file("redis.sock")
	p.login.password = option(extra, "--requirepass")
	p.answers = redisAnswers
	return p
}

// redisArgs are the arguments of a server that keeps nothing on disk and
// listens on the port (portOption: "--port" or "--tls-port") and its socket.
func (p *Process) redisArgs(portOption string, port int, more ...[]string) []string {
	return append([]string{
		"--bind", "127.0.0.1", portOption, strconv.Itoa(port),
		"--unixsocket", p.Socket, "--dir", p.Dir,
		"--save", "", "--appendonly", "no", "--daemonize", "no",
	}, slices.Concat(more...)...)
}

// replicating are the arguments of nodes that replicate each other: a full
// synchronisation starts at once (five seconds later by default, for more
// replicas to join in), and their password is the one they ask for.
func replicating(extra []string) []string {
	args := []string{"--repl-diskless-sync-delay", "0"}
	if password := option(extra, "--requirepass"); password != "" {
		args = append(args, "--masterauth", password)
	}
	return slices.Concat(args, extra)
}

// option is the value that the last mention of an option gives it.
func option(args []string, name string) string {
	value := ""
	for i, arg := range args[:max(len(args)-1, 0)] {
		if arg == name {
			value = args[i+1]
		}
	}
	return value
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
