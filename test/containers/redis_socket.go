package containers

import (
	"testing"

	"github.com/redis/go-redis/v9"
)

// Socket is a Redis container that also listens on a unix socket in a volume.
type Socket struct {
	*Server
	Volume string // to be mounted at Folder by whoever wants to use the socket
}

// The socket's place, for all who mount the volume.
const (
	SocketFolder = "/socket"
	SocketPath   = SocketFolder + "/redis.sock"
)

// RedisSocket starts a redis-server whose socket any user of another container
// may open.
func RedisSocket(t testing.TB, n *Network, extra ...string) *Socket {
	t.Helper()
	s := redisSpec(t, n, "redis-socket", []string{"--unixsocket", SocketPath, "--unixsocketperm", "777"}, extra)
	volume := Volume(t)
	s.volumes = map[string]string{SocketFolder: volume}
	o := redis.Options{Password: password(extra)}
	return &Socket{startServers(t, o, s)[0], volume}
}
