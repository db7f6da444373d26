package containers

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

const redisPort = 6379

// Server is a Redis or Sentinel container that the test can ask.
type Server struct {
	*Container
	options redis.Options // how to ask it, but for the address
}

// Redis starts a redis-server that keeps nothing on disk; extra arguments come
// last and win ("--appendonly", "yes"). A --requirepass among them is also
// what Do shows.
func Redis(t testing.TB, n *Network, extra ...string) *Server {
	t.Helper()
	return startServers(t, redis.Options{Password: password(extra)}, redisSpec(t, n, "redis", extra))[0]
}

// redisSpec is a node on the usual port, open to its network.
func redisSpec(t testing.TB, n *Network, kind string, more ...[]string) spec {
	t.Helper()
	return spec{
		image: imageOf(t, redisImage), networks: []*Network{n}, kind: kind, port: redisPort, program: "redis-server",
		args: func(string) []string {
			return slices.Concat([]string{
				"--bind", "0.0.0.0", "--protected-mode", "no", "--dir", "/data",
				"--save", "", "--appendonly", "no",
			}, slices.Concat(more...))
		},
	}
}

// startServers starts servers that are all asked alike.
func startServers(t testing.TB, o redis.Options, specs ...spec) []*Server {
	t.Helper()
	for i := range specs {
		specs[i].answers = func(c *Container) error { return (&Server{c, o}).answer() }
	}
	all := make([]*Server, len(specs))
	for i, c := range start(t, specs...) {
		all[i] = &Server{c, o}
	}
	return all
}

// answer: what is mapped to a port accepts connections before the server
// behind it does, so that nothing less than a reply tells.
func (s *Server) answer() error { return s.Do("PING").Err() }

// Client opens a client from the test to the server; the caller closes it.
func (s *Server) Client() *redis.Client {
	o := s.options
	o.Addr = s.Addr
	o.MaxRetries, o.PoolSize, o.DisableIdentity, o.Protocol = -1, 1, true, 2
	o.DialerRetries = 1
	o.DialTimeout, o.ReadTimeout, o.WriteTimeout = time.Second, 2*time.Second, time.Second
	return redis.NewClient(&o)
}

// Do asks the server one thing over a connection of its own.
func (s *Server) Do(args ...any) *redis.Cmd {
	c := s.Client()
	defer c.Close()
	return c.Do(context.Background(), args...)
}

// must is Do for commands that the test cannot go on without.
func (s *Server) must(args ...any) *redis.Cmd {
	s.t.Helper()
	reply := s.Do(args...)
	if err := reply.Err(); err != nil {
		s.t.Fatalf("%v at %s: %v\n%s", args, s.Name, err, s.Logs())
	}
	return reply
}

// CLI runs redis-cli inside the container, and so inside the network.
func (s *Server) CLI(args ...string) string {
	s.t.Helper()
	return strings.TrimSpace(s.Exec("redis-cli", args...))
}

// password is what the last --requirepass among the arguments asks for.
func password(args []string) string {
	value := ""
	for i, arg := range args[:max(len(args)-1, 0)] {
		if arg == "--requirepass" {
			value = args[i+1]
		}
	}
	return value
}
