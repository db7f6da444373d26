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
	// busOffset is how far above its port a Redis Cluster node talks to the
	// others. Cluster nodes get ports from the lower part, so that their bus
	// stays below the outgoing range as well.
	busOffset = 10000
	portTries = 100
	// startTries covers losing the port to another test package between the
	// look and the server's own bind; twice in a row is rare already.
	startTries = 5
)

// FreePort finds a loopback TCP port that nobody listens on. Somebody may
// take it before the caller does: expect that and try again.
func FreePort(t testing.TB) int {
	t.Helper()
	return freePort(t, lastPort, free)
}

// freeBusPort finds a port for a Cluster node, whose bus port is free too.
func freeBusPort(t testing.TB) int {
	t.Helper()
	return freePort(t, lastPort-busOffset, func(port int) bool { return free(port) && free(port+busOffset) })
}

func freePort(t testing.TB, last int, fits func(port int) bool) int {
	t.Helper()
	for range portTries {
		if port := firstPort + rand.IntN(last-firstPort); fits(port) {
			return port
		}
	}
	t.Fatalf("no free port between %d and %d in %d tries", firstPort, last, portTries)
	return 0
}

func free(port int) bool {
	l, err := net.Listen("tcp", Loopback(port))
	if err != nil {
		return false
	}
	return l.Close() == nil
}

// Loopback is the address of a port on this machine.
func Loopback(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

// startOnFreePort gives the process a port and starts it, on another port if
// the first one was lost in between.
func (p *Process) startOnFreePort(scheme string, args func(port int) []string) {
	p.t.Helper()
	p.startOn(FreePort, scheme, args)
}

func (p *Process) startOn(find func(testing.TB) int, scheme string, args func(port int) []string) {
	p.t.Helper()
	var err error
	for range startTries {
		port := find(p.t)
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
