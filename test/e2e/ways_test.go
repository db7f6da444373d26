package e2e

import (
	"net"
	"net/url"
	"strconv"
	"strings"

	"returnd/test/servers"
)

// wayToRedis is one way to say where Redis is and as whom.
type wayToRedis struct {
	name string
	env  []string // what a command line must not show
	args []string
	db   int
	says string // of a way that is refused: the key with the remedy
}

// ways are those of the form, and what has no meaning on it: that is refused
// at the start, with the reason.
func (s *store) ways(file string) (possible, refused []wayToRedis) {
	switch s.form {
	case sentinel:
		return s.waysToSentinel(file)
	case cluster:
		return s.waysToCluster(file)
	}
	return s.waysToOne(file), nil
}

// encodedPassword is what stands before the host in a URL: ":…".
func encodedPassword() string { return url.UserPassword("", password).String() }

func (s *store) waysToOne(file string) []wayToRedis {
	redis := s.nodes[0]
	host, port, _ := net.SplitHostPort(redis.Addr)
	// redis-py decodes an option of the URL twice, and so do we.
	encoded, secret := encodedPassword(), url.QueryEscape(url.PathEscape(password))
	all := []wayToRedis{
		{name: "host, port and password file", args: []string{"--redis.host", host, "--redis.port", port, "--redis.password_file", file}},
		{name: "password of the environment, database", env: []string{"RETURND_REDIS__PASSWORD=" + password}, args: []string{"--redis.port", port, "--redis.db", "1"}},
		{name: "unix socket", args: []string{"--redis.unix_socket_path", redis.Socket, "--redis.db", "2", "--redis.password_file", file}},
		{name: "URL", env: []string{"RETURND_REDIS__URL=redis://" + encoded + "@" + redis.Addr + "/3"}},
		{name: "URL of a socket", env: []string{"RETURND_REDIS__URL=unix://" + encoded + "@" + redis.Socket + "?db=4"}},
		{name: "URL, database as option before the path", env: []string{"RETURND_REDIS__URL=redis://" + redis.Addr + "/9?db=5&password=" + secret}},
		{name: "user", env: []string{"RETURND_REDIS__PASSWORD=other"}, args: []string{"--redis.port", port, "--redis.username", "worker", "--redis.db", "6"}},
		{name: "URL with user, database beside it", env: []string{"RETURND_REDIS__URL=redis://worker:other@" + redis.Addr}, args: []string{"--redis.db", "7"}},
		{name: "URL without password, the file beside it", args: []string{"--redis.url", "redis://" + redis.Addr + "/8", "--redis.password_file", file}},
	}
	for i := range all {
		all[i].db = i
	}
	return all
}

func (s *store) waysToSentinel(file string) (possible, refused []wayToRedis) {
	name := []string{"--redis.sentinel.master", s.sentinels.MasterName}
	first := []string{"--redis.sentinel.addresses", s.sentinels.Sentinels[0].Addr}
	all := []string{"--redis.sentinel.addresses", strings.Join(servers.Addrs(s.sentinels.Sentinels), ",")}
	with := func(parts ...[]string) []string {
		args := name
		for _, p := range parts {
			args = append(args[:len(args):len(args)], p...)
		}
		return args
	}
	possible = []wayToRedis{
		{name: "Sentinels and password file", args: with(all, []string{"--redis.password_file", file})},
		{name: "one Sentinel, password of the environment, database", env: []string{"RETURND_REDIS__PASSWORD=" + password}, args: with(first, []string{"--redis.db", "1"}), db: 1},
		{name: "mode said, user", env: []string{"RETURND_REDIS__PASSWORD=other"}, args: with(all, []string{"--redis.mode", "sentinel", "--redis.username", "worker", "--redis.db", "2"}), db: 2},
	}
	refused = []wayToRedis{
		{name: "a URL: the Sentinels say where Redis is", args: with(all, []string{"--redis.url", "redis://127.0.0.1:6379"}), says: "redis.url"},
		{name: "a unix socket: the Sentinels say where Redis is", args: with(all, []string{"--redis.unix_socket_path", s.nodes[0].Socket}), says: "redis.unix_socket_path"},
		{name: "a name and no Sentinel", args: name, says: "redis.sentinel.addresses"},
	}
	return possible, refused
}

func (s *store) waysToCluster(file string) (possible, refused []wayToRedis) {
	// The last node is a replica: any node tells of all.
	last := s.nodes[len(s.nodes)-1]
	_, port, _ := net.SplitHostPort(last.Addr)
	nobody := servers.Loopback(1)
	mode := []string{"--redis.cluster_mode"}
	secret := "RETURND_REDIS__PASSWORD=" + password
	possible = []wayToRedis{
		{name: "host and port of a replica, password file", args: []string{"--redis.port", port, "--redis.password_file", file}},
		{name: "start nodes, one of them gone", env: []string{secret}, args: []string{"--redis.cluster.startup_nodes", nobody + "," + s.nodes[0].Addr}},
		{name: "Salt's cluster_mode and a URL", env: []string{"RETURND_REDIS__URL=redis://" + encodedPassword() + "@" + last.Addr}, args: mode},
		{name: "mode said, user", env: []string{"RETURND_REDIS__PASSWORD=other"}, args: []string{"--redis.mode", "cluster", "--redis.port", port, "--redis.username", "worker"}},
	}
	for _, db := range []int{1, 15} {
		refused = append(refused, wayToRedis{
			name: "database " + strconv.Itoa(db) + ": a cluster has only one", args: []string{"--redis.cluster_mode", "--redis.port", port, "--redis.db", strconv.Itoa(db)},
			says: "redis.db",
		})
	}
	refused = append(refused,
		wayToRedis{name: "a database in the URL", env: []string{"RETURND_REDIS__URL=redis://" + last.Addr + "/3"}, args: mode, says: "redis.db"},
		wayToRedis{name: "a unix socket: it leads to one node of several", args: []string{"--redis.cluster_mode", "--redis.unix_socket_path", last.Socket}, says: "redis.unix_socket_path"},
	)
	return possible, refused
}
