package torture

import (
	"net"
	"testing"

	"returnd/test/servers"
)

// worker starts a worker process on a stream.
func worker(t testing.TB, nats, redis *servers.Process, prefix string, extra ...string) *servers.Process {
	t.Helper()
	host, port, err := net.SplitHostPort(redis.Addr)
	if err != nil {
		t.Fatal(err)
	}
	args := []string{
		"run", "--nats.url", nats.URL, "--redis.host", host, "--redis.port", port,
		"--subjects.prefix", prefix, "--stream.name", streamOf(prefix).Name, "--consume.durable", durable,
		"--http.addr", "", "--log.level", "warn",
	}
	return servers.Worker(t, append(args, extra...)...)
}
