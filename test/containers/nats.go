package containers

import (
	"bufio"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"
)

const natsPort = 4222

// NATSServer is a nats-server container.
type NATSServer struct{ *Container }

// NATS starts a nats-server with JetStream on disk; extra arguments come last
// and win.
func NATS(t testing.TB, n *Network, extra ...string) *NATSServer {
	t.Helper()
	return &NATSServer{start(t, spec{
		image: imageOf(t, natsImage), networks: []*Network{n}, kind: "nats", port: natsPort, program: "/nats-server",
		args: func(name string) []string {
			return append([]string{"-a", "0.0.0.0", "-p", "4222", "-n", name, "-js", "-sd", "/data/jetstream"}, extra...)
		},
		answers: greets,
	})[0]}
}

// URL is where the test connects.
func (s *NATSServer) URL() string { return "nats://" + s.Addr }

// InsideURL is where others in its network connect.
func (s *NATSServer) InsideURL() string { return "nats://" + s.Inside }

// greets reads the greeting, which comes after JetStream has recovered its
// streams.
func greets(c *Container) error {
	conn, err := net.DialTimeout("tcp", c.Addr, time.Second)
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(time.Second)); err != nil {
		return err
	}
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err == nil && !strings.HasPrefix(line, "INFO ") {
		err = fmt.Errorf("a greeting that is none: %q", line)
	}
	return err
}
