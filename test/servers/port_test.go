package servers

import (
	"net"
	"testing"
)

func TestStartTakesAnotherPortWhenItsPortIsLost(t *testing.T) {
	taken, err := net.Listen("tcp", Loopback(0))
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	p := newRedis(t, "redis", nil)
	tries := 0
	p.startOnFreePort("redis", func(port int) []string {
		if tries++; tries == 1 {
			port = taken.Addr().(*net.TCPAddr).Port
		}
		return p.redisArgs("--port", port)
	})
	if tries != 2 {
		t.Errorf("started after %d tries, want 2", tries)
	}
}
