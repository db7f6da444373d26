package servers

import (
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"testing"
)

// Ports are taken below the range from which systems give ports to outgoing
// connections (Linux: 32768 up). A server that is killed and restarted on its
// port would otherwise now and then find it in use by a client, or the client
// reconnecting to the dead port connected to itself.
const (
	firstPort = 15000
	lastPort  = 32000
	portTries = 100
	// startTries covers losing the port to another test package between the
	// look and the server's own bind; twice in a row is rare already.
	startTries = 5
)

// FreePort finds a loopback TCP port that nobody listens on. Somebody may
// take it before the caller does: expect that and try again.
func FreePort(t testing.TB) int {
	t.Helper()
	for range portTries {
		port := firstPort + rand.IntN(lastPort-firstPort)
		l, err := net.Listen("tcp", Loopback(port))
		if err != nil {
			continue
		}
		_ = l.Close()
		return port
	}
	t.Fatalf("no free port between %d and %d in %d tries", firstPort, lastPort, portTries)
	return 0
}

// Loopback is the address of a port on this machine.
func Loopback(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

// startOnFreePort gives the process a port and starts it, on another port if
// the first one was lost in between.
func (p *Process) startOnFreePort(scheme string, args func(port int) []string) {
	p.t.Helper()
	var err error
	for range startTries {
		port := FreePort(p.t)
		p.Addr, p.args = Loopback(port), args(port)
		p.URL = fmt.Sprintf("%s://%s", scheme, p.Addr)
		if err = p.launch(); err != nil {
			break
		}
		if err = p.await(); err == nil {
			return
		}
		p.Kill()
	}
	p.t.Fatalf("start %s: %v\n%s", p.name, err, tail(p.Output()))
}
