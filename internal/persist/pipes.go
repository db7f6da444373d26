package persist

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/errgroup"
)

// pipes is one pipeline for each server that a batch touches. Every command is on one key, so every command has one
// server; each gets its own answer.
type pipes struct {
	store *Store
	conn  *connection
	nodes []*nodePipe // in the order of their first command
}

// nodePipe is a pipeline that goes down one connection.
type nodePipe struct {
	server       *redis.Client
	cmds         []redis.Cmder
	transactions []*transaction
	wait         *redis.IntCmd
}

func (s *Store) pipes(c *connection) *pipes { return &pipes{store: s, conn: c} }

// add queues a command on a key.
func (p *pipes) add(ctx context.Context, key string, cmd redis.Cmder) {
	server, err := p.conn.primary(ctx, key)
	if err != nil {
		cmd.SetErr(err)
		return
	}
	n := p.node(server)
	n.cmds = append(n.cmds, cmd)
}

func (p *pipes) node(server *redis.Client) *nodePipe {
	for _, n := range p.nodes {
		if n.server == server {
			return n
		}
	}
	n := &nodePipe{server: server}
	p.nodes = append(p.nodes, n)
	return n
}

// exec sends everything, all servers at once, and follows what has moved meanwhile.
func (p *pipes) exec(ctx context.Context) {
	if len(p.nodes) == 1 {
		p.send(ctx, p.nodes[0])
	} else {
		var all errgroup.Group
		for _, n := range p.nodes {
			all.Go(func() error { p.send(ctx, n); return nil })
		}
		_ = all.Wait()
	}
	if p.conn.cluster != nil {
		p.follow(ctx)
	}
	p.nodes = nil
}

// send runs one server's pipeline, and has its writes confirmed by replicas where that is asked for.
func (p *pipes) send(ctx context.Context, n *nodePipe) {
	g := p.conn.guard(n.server)
	if reason := g.down(); reason != nil {
		n.fail(reason)
		return
	}
	began := time.Now()
	own, span := n.follow(ctx)
	pipe := n.server.Pipeline()
	_ = pipe.BatchProcess(ctx, n.cmds...)
	if p.conn.minReplicas > 0 {
		n.wait = redis.NewIntCmd(ctx, "wait", p.conn.minReplicas, p.conn.waitTimeout.Milliseconds())
		_ = pipe.Process(ctx, n.wait)
	}
	_, _ = pipe.Exec(own) // each command has its own error
	p.done(ctx, n, began, span)
	for _, t := range n.transactions {
		t.settle()
	}
	if err := n.cmds[0].Err(); err != nil && !isReply(err) && ctx.Err() == nil && g.trip(err) {
		p.store.background(func(ctx context.Context) { g.ask(ctx, n.server) })
	}
	if n.wait != nil {
		n.confirm(p.conn.minReplicas)
	}
}

// confirm takes back what too few replicas have. WAIT went down the connection that wrote.
func (n *nodePipe) confirm(want int) {
	have, err := n.wait.Result()
	if err == nil && have >= int64(want) {
		return
	}
	if err == nil {
		err = fmt.Errorf("%d of %d replicas confirmed within redis.write.wait_timeout: see to the replicas, or lower redis.write.min_replicas", have, want)
	}
	n.fail(unavailable(err))
}

// fail gives every command that has no error an error.
func (n *nodePipe) fail(err error) {
	for _, cmd := range n.cmds {
		if cmd.Err() == nil || errors.Is(cmd.Err(), redis.Nil) {
			cmd.SetErr(err)
		}
	}
	for _, t := range n.transactions {
		t.fail(err)
	}
}

// follow asks anew, where the slots of a cluster have moved: the commands that were sent astray go where the servers
// say. Where replicas must confirm, they are left to the next attempt.
func (p *pipes) follow(ctx context.Context) {
	var astray []redis.Cmder
	changed := false
	for _, n := range p.nodes {
		for _, cmd := range n.cmds {
			switch err := cmd.Err(); {
			case err == nil || errors.Is(err, redis.Nil):
			case moved(err):
				astray, changed = append(astray, cmd), true
			case !isReply(err) || strings.HasPrefix(err.Error(), "READONLY") || strings.HasPrefix(err.Error(), "CLUSTERDOWN"):
				changed = true
			}
		}
	}
	if changed {
		p.conn.cluster.ReloadState(ctx)
	}
	if len(astray) == 0 || p.conn.minReplicas > 0 {
		return
	}
	pipe := p.conn.cluster.Pipeline()
	for _, cmd := range astray {
		cmd.SetErr(nil)
	}
	_ = pipe.BatchProcess(ctx, astray...)
	_, _ = pipe.Exec(ctx)
}

func moved(err error) bool {
	return strings.HasPrefix(err.Error(), "MOVED ") || strings.HasPrefix(err.Error(), "ASK ")
}
