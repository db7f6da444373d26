package servers

import (
	"context"
	"net"
	"time"

	"github.com/redis/go-redis/v9"
)

// commandLimit bounds one command: a stopped server is noticed soon, and a
// MIGRATE of many keys still has time.
const commandLimit = 5 * time.Second

// login is how a Redis server is asked for its state.
type login struct{ user, password string }

// Do asks a Redis or Sentinel process one thing, over its unix socket and a
// connection of its own: neither TLS nor the connections that a test counts
// or kills come into it. It is logged in as whoever may do everything.
func (p *Process) Do(args ...any) *redis.Cmd {
	c := p.client()
	defer c.Close()
	return c.Do(context.Background(), args...)
}

// client opens what Do and the moving of slots talk over. The caller closes it.
func (p *Process) client() *redis.Client {
	return redis.NewClient(&redis.Options{
		Network: "unix", Addr: p.Socket, Username: p.login.user, Password: p.login.password,
		MaxRetries: -1, PoolSize: 1, DisableIdentity: true, Protocol: 2,
		DialTimeout: time.Second, ReadTimeout: commandLimit, WriteTimeout: commandLimit,
	})
}

// must is Do for commands that the test cannot go on without.
func (p *Process) must(args ...any) *redis.Cmd {
	p.t.Helper()
	reply := p.Do(args...)
	if err := reply.Err(); err != nil {
		p.t.Fatalf("%s at %s: %v: %v", p.name, p.Addr, args, err)
	}
	return reply
}

// role is what the server says it is, "master" or "slave", and of a replica
// its primary's address and whether the link to it is up. All are empty when
// it does not answer.
func (p *Process) role() (kind, primary string, linked bool) {
	reply, err := p.Do("ROLE").Slice()
	if err != nil || len(reply) < 3 {
		return "", "", false
	}
	kind, _ = reply[0].(string)
	if kind != "slave" || len(reply) < 4 {
		return kind, "", false
	}
	port, _ := reply[2].(int64)
	return kind, Loopback(int(port)), reply[3] == "connected"
}

// Addrs lists the addresses of processes, as clients take them.
func Addrs(processes []*Process) []string {
	addrs := make([]string, len(processes))
	for i, p := range processes {
		addrs[i] = p.Addr
	}
	return addrs
}

// hostPort is the address as commands take it.
func (p *Process) hostPort() (host, port string) {
	host, port, _ = net.SplitHostPort(p.Addr)
	return host, port
}

// at finds the process that listens on an address, nil if none does.
func at(processes []*Process, addr string) *Process {
	for _, p := range processes {
		if p.Addr == addr {
			return p
		}
	}
	return nil
}

// fields reads a reply of names and values in turn; one that is something
// else has no fields.
func fields(reply any, err error) map[string]string {
	list, _ := reply.([]any)
	if err != nil {
		return nil
	}
	found := make(map[string]string, len(list)/2)
	for i := 0; i+1 < len(list); i += 2 {
		name, _ := list[i].(string)
		found[name], _ = list[i+1].(string)
	}
	return found
}
