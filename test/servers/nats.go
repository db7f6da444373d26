package servers

import (
	"bufio"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/nats-io/nats-server/v2/server"
)

// NATS starts a nats-server process with JetStream on disk; extra arguments
// come last and win. The binary is built once from the module in go.mod;
// TEST_NATS_SERVER names another.
func NATS(t testing.TB, extra ...string) *Process {
	t.Helper()
	p := newProcess(t, "nats", natsBinary(t))
	p.answers = natsAnswers
	p.startOnFreePort("nats", func(port int) []string {
		return append([]string{
			"-a", "127.0.0.1", "-p", strconv.Itoa(port),
			"-n", filepath.Base(p.Dir), "-js", "-sd", p.file("jetstream"),
		}, extra...)
	})
	return p
}

// natsAnswers reads the greeting: it comes after JetStream has recovered its
// streams, and holds the server's name, which tells it from another server on
// a port lost to it.
func natsAnswers(p *Process) bool {
	conn, err := dial("tcp", p.Addr)
	if err != nil {
		return false
	}
	defer conn.Close()
	info, err := bufio.NewReader(conn).ReadString('\n')
	return err == nil && strings.HasPrefix(info, "INFO ") && strings.Contains(info, filepath.Base(p.Dir))
}

// EmbeddedNATS runs a NATS server with JetStream inside the test process, on
// a port of its own choice (ClientURL) and a directory that goes with the
// test. It cannot be killed; NATS can.
func EmbeddedNATS(t testing.TB, change ...func(*server.Options)) *server.Server {
	t.Helper()
	opts := &server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT, JetStream: true, StoreDir: t.TempDir(),
		NoLog: true, NoSigs: true,
	}
	for _, f := range change {
		f(opts)
	}
	s, err := server.NewServer(opts)
	if err != nil {
		t.Fatalf("make the NATS server: %v", err)
	}
	s.Start()
	t.Cleanup(func() {
		s.Shutdown()
		s.WaitForShutdown()
	})
	if !s.ReadyForConnections(readyLimit) {
		t.Fatalf("the NATS server did not answer within %v", readyLimit)
	}
	return s
}
