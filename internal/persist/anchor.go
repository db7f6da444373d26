package persist

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"syscall"
	"time"

	"github.com/redis/go-redis/v9"

	"returnd/internal/job"
)

// server is one server, or one connection to it.
type server interface {
	redis.Cmdable
	Process(ctx context.Context, cmd redis.Cmder) error
}

// anchor is the one server that a reading by cursor keeps to. Such cursors mean something to a single process only: each
// has a hash seed of its own, and to any other one, a restarted server included, the same cursor is another place, so that
// entries would be missed without a sign.
type anchor struct {
	server  server
	asking  bool // the slot is still on its way to the server
	release func()
}

// first does a reading's first step. Most readings have no other, so that it asks for nothing else; only where there is
// more to come, the process is asked who it is, down the same connection. run is empty where the step covered everything.
func (a *anchor) first(ctx context.Context, scan *redis.ScanCmd) (run string, err error) {
	conn := a.server
	if client, ok := conn.(*redis.Client); ok {
		alone := client.Conn()
		defer func() { _ = alone.Close() }()
		conn = alone
	}
	if err := a.process(ctx, conn, scan); err != nil {
		return "", err
	}
	if _, next := scan.Val(); next == 0 {
		return "", nil
	}
	info, err := conn.Info(ctx, "server").Result()
	return runID(info), err
}

func (a *anchor) process(ctx context.Context, conn server, scan *redis.ScanCmd) error {
	if !a.asking {
		return conn.Process(ctx, scan)
	}
	pipe := conn.Pipeline()
	a.queue(ctx, pipe, scan)
	_, err := pipe.Exec(ctx)
	return err
}

// more does one of the other steps. A pipeline goes down one connection, so that run is the process that has done the
// step. there tells that the key still is.
func (a *anchor) more(ctx context.Context, key string, scan *redis.ScanCmd) (run string, there bool, err error) {
	pipe := a.server.Pipeline()
	a.queue(ctx, pipe, scan)
	info := pipe.Info(ctx, "server")
	exists := redis.NewIntCmd(ctx, "exists", key)
	a.queue(ctx, pipe, exists)
	if _, err := pipe.Exec(ctx); err != nil {
		return "", false, err
	}
	return runID(info.Val()), exists.Val() == 1, nil
}

func (a *anchor) queue(ctx context.Context, pipe redis.Pipeliner, cmd redis.Cmder) {
	if a.asking {
		_ = pipe.Process(ctx, redis.NewStatusCmd(ctx, "asking"))
	}
	_ = pipe.Process(ctx, cmd)
}

// runID finds the name that a process has given itself in its answer to INFO.
func runID(info string) string {
	_, rest, _ := strings.Cut(info, "run_id:")
	run, _, _ := strings.Cut(rest, "\r\n")
	return run
}

var (
	// errChanged ends a reading that cannot be carried on where it stands.
	errChanged = fmt.Errorf("%w: Redis changed while it was read: try again", job.ErrUnavailable)
	// errGone ends the reading of a key that has expired or was deleted under it: what came so far is only a part.
	errGone = fmt.Errorf("%w: the key went while it was read: try again", job.ErrUnavailable)
)

// cutOff tells a connection that has died under a command.
func cutOff(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

// anchorTries is how many servers are looked at for the one that a cursor is of, where reads go to replicas: the client
// library picks among them at random.
const anchorTries = 8

// firstAttempts bounds how often a step is tried that nothing of its reading depends on yet, or that changes nothing.
const firstAttempts = 5

// pause waits a little for a cluster to agree on who has a slot, and has its map read anew. It is false once ctx has ended.
func (c *connection) pause(ctx context.Context, attempt int) bool {
	if cluster, ok := c.reader.(*redis.ClusterClient); ok {
		cluster.ReloadState(ctx)
	}
	t := time.NewTimer(time.Duration(attempt) * 20 * time.Millisecond)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

func (c *connection) inCluster() bool { return c.cluster != nil }

// drop gives up the present server, be there one.
func (a *anchor) drop() {
	if a.release != nil {
		a.release()
	}
	*a = anchor{}
}

// anchorFor finds a server that has the key.
func (c *connection) anchorFor(ctx context.Context, key string) (anchor, error) {
	server, release, err := c.target.redis.pinned(ctx, c.reader, key)
	return anchor{server: server, release: release}, err
}

// anchorOf finds the server whose process a cursor is of. Where there is only one to be had it is not asked: the step
// itself will tell.
func (c *connection) anchorOf(ctx context.Context, key string, process uint64) (anchor, error) {
	if !c.target.redis.ReadFromReplicas {
		return c.anchorFor(ctx, key)
	}
	var others []anchor // let go at the end only: the next try is to have another connection
	defer func() {
		for _, a := range others {
			a.release()
		}
	}()
	for range anchorTries {
		a, err := c.anchorFor(ctx, key)
		if err != nil {
			return anchor{}, err
		}
		info, err := a.server.Info(ctx, "server").Result()
		if err == nil && processOf(runID(info)) == process {
			return a, nil
		}
		if others = append(others, a); err != nil {
			return anchor{}, err
		}
	}
	return anchor{}, errWorthlessCursor()
}

// redirected is the server that a node of a cluster has named as the one to ask instead.
func (c *connection) redirected(ctx context.Context, told error) (anchor, bool) {
	cluster, ok := c.reader.(*redis.ClusterClient)
	words := strings.Fields(told.Error()) // MOVED or ASK, slot, address
	if !ok || len(words) != 3 {
		return anchor{}, false
	}
	found := make(chan *redis.Client, 1)
	_ = cluster.ForEachMaster(ctx, func(_ context.Context, node *redis.Client) error { // which also has the map of slots read anew
		if node.Options().Addr == words[2] {
			found <- node
		}
		return nil
	})
	select {
	case node := <-found:
		return anchor{server: node, asking: words[0] == "ASK", release: func() {}}, true
	default:
		return anchor{}, false
	}
}
