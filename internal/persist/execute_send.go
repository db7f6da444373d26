package persist

import (
	"cmp"
	"context"
	"net"
	"slices"
	"strings"

	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/errgroup"
)

// part is what one server does of a command.
type part struct {
	server *redis.Client
	args   []string
	// ahead goes down the same connection first: ASKING or READONLY.
	ahead string
	// chosen tells that this server is meant and no other.
	chosen bool
	// places are those of the part's keys among the command's.
	places []int

	reply any
	err   error
}

// ask gives one command on one key to its server, and gives its reply.
func (x *commander) ask(ctx context.Context, key string, args []string) (any, error) {
	server, err := x.primary(ctx, key)
	if err != nil {
		return nil, err
	}
	p := &part{server: server, args: args}
	x.run(ctx, []*part{p})
	return p.reply, faultOf(p.err, strings.ToLower(args[0]), false)
}

// run sends all parts, each once, all servers at once, and follows what a cluster has moved.
func (x *commander) run(ctx context.Context, parts []*part) {
	sendParts(ctx, parts)
	if x.cluster == nil {
		return
	}
	for range writeRedirects {
		astray := slices.DeleteFunc(slices.Clone(parts), func(p *part) bool {
			return p.chosen || p.err == nil || !moved(p.err)
		})
		if len(astray) == 0 || !x.redirect(ctx, astray) {
			return
		}
		sendParts(ctx, astray)
	}
}

// redirect sends parts on to where their servers say that the slot is, or is on its way to: nothing was done yet.
func (x *commander) redirect(ctx context.Context, parts []*part) bool {
	servers, err := x.nodes(ctx, x.cluster.ForEachShard)
	if err != nil {
		return false
	}
	for _, p := range parts {
		words := strings.Fields(p.err.Error()) // MOVED slot host:port
		at := slices.IndexFunc(servers, func(s *redis.Client) bool {
			return s.Options().Addr == directed(words[len(words)-1], p.server.Options().Addr)
		})
		if at < 0 {
			return false
		}
		p.server, p.ahead = servers[at], ""
		if words[0] == "ASK" {
			p.ahead = "asking"
		}
	}
	return true
}

// directed completes the address of a redirect: one without a host means that of the server that gave it.
func directed(addr, from string) string {
	if port, ok := strings.CutPrefix(addr, ":"); ok {
		if host, _, err := net.SplitHostPort(from); err == nil {
			return net.JoinHostPort(host, port)
		}
	}
	return addr
}

func sendParts(ctx context.Context, parts []*part) {
	byServer := map[*redis.Client][]*part{}
	for _, p := range parts {
		byServer[p.server] = append(byServer[p.server], p)
	}
	var all errgroup.Group
	for server, of := range byServer {
		all.Go(func() error { sendTo(ctx, server, of); return nil })
	}
	_ = all.Wait()
}

// sendTo sends down one connection, which is what ASKING and READONLY need.
func sendTo(ctx context.Context, server *redis.Client, parts []*part) {
	pipe := server.Pipeline()
	cmds := make([]*redis.Cmd, len(parts))
	for i, p := range parts {
		if p.ahead != "" {
			pipe.Do(ctx, p.ahead)
		}
		args := make([]any, len(p.args))
		for j, arg := range p.args {
			args[j] = arg
		}
		cmds[i] = pipe.Do(ctx, args...)
	}
	_, _ = pipe.Exec(ctx) // each command has its own error
	for i, p := range parts {
		p.reply, p.err = cmds[i].Result()
	}
}

// primary is the server that takes writes to a key.
func (x *commander) primary(ctx context.Context, key string) (*redis.Client, error) {
	if x.cluster == nil {
		return x.client, nil
	}
	server, err := x.cluster.MasterForKey(ctx, key)
	return server, hold(classify(err, ""))
}

// nodes are servers of the cluster, by address.
func (x *commander) nodes(ctx context.Context, each func(context.Context, func(context.Context, *redis.Client) error) error) ([]*redis.Client, error) {
	found := make(chan *redis.Client)
	var err error
	go func() {
		defer close(found)
		err = each(ctx, func(_ context.Context, server *redis.Client) error { found <- server; return nil })
	}()
	var servers []*redis.Client
	for server := range found {
		servers = append(servers, server)
	}
	slices.SortFunc(servers, func(a, b *redis.Client) int { return cmp.Compare(a.Options().Addr, b.Options().Addr) })
	return servers, hold(classify(err, ""))
}
