package persist

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/redis/go-redis/v9"

	"returnd/internal/job"
)

// primaries are the servers that take writes, in the order of their addresses.
func (c *connection) primaries(ctx context.Context) ([]*redis.Client, error) {
	var mu sync.Mutex
	var servers []*redis.Client
	err := c.eachPrimary(ctx, func(_ context.Context, server *redis.Client) error {
		mu.Lock()
		defer mu.Unlock()
		servers = append(servers, server)
		return nil
	})
	slices.SortFunc(servers, func(a, b *redis.Client) int { return strings.Compare(a.Options().Addr, b.Options().Addr) })
	return servers, hold(classify(err, ""))
}

// keys scans every server. One that is down does not keep the others from being swept.
func (w *sweep) keys(ctx context.Context) error {
	servers, err := w.conn.primaries(ctx)
	if err != nil {
		return err
	}
	var errs []error
	for _, server := range servers {
		err := w.walk(ctx, server, func(cursor uint64, count int) *redis.ScanCmd {
			return redis.NewScanCmd(ctx, nil, "scan", cursor, "count", count)
		}, w.takeKeys)
		switch {
		case errors.Is(err, errTold) || ctx.Err() != nil:
			return err
		case err != nil:
			errs = append(errs, fmt.Errorf("%s: %w", server.Options().Addr, err))
		}
	}
	if len(errs) > 0 {
		return errors.Join(errs...)
	}
	return w.markIndexed(ctx)
}

// walk goes through what a SCAN or SSCAN of one server brings, from where the sweep stands. It keeps to one connection:
// as long as that holds, the server has not been restarted under the cursor.
func (w *sweep) walk(ctx context.Context, server *redis.Client, ask func(cursor uint64, count int) *redis.ScanCmd, take func(context.Context, []string) error) error {
	conn := server.Conn()
	defer func() { _ = conn.Close() }()
	life := lifeOf(ctx, conn)
	if life != "" && slices.Contains(w.at.Done, life) {
		return nil
	}
	if w.at.Server != life || life == "" {
		w.at.Server, w.at.Cursor = life, 0
	}
	for {
		found, next, err := w.page(ctx, conn, ask)
		if err != nil {
			return err
		}
		if err := take(ctx, found); err != nil {
			return err
		}
		if w.at.Cursor = next; next == 0 {
			w.at.Server, w.at.Done = "", append(w.at.Done, life)
		}
		if err := w.stepped(ctx, len(found)); err != nil || next == 0 {
			return err
		}
	}
}

// page is one step of a scan, and the server's time before it.
func (w *sweep) page(ctx context.Context, conn *redis.Conn, ask func(cursor uint64, count int) *redis.ScanCmd) (found []string, next uint64, err error) {
	clock, scan := redis.NewTimeCmd(ctx, "time"), ask(w.at.Cursor, w.stepSize())
	pipe := conn.Pipeline()
	_ = pipe.BatchProcess(ctx, clock, scan)
	_, _ = pipe.Exec(ctx)
	for _, cmd := range []redis.Cmder{clock, scan} {
		if err := shared(classify(cmd.Err(), w.keyOfScan(scan))); err != nil {
			return nil, 0, hold(err)
		}
	}
	w.now = clock.Val()
	found, next = scan.Val()
	return found, next, nil
}

// keyOfScan is the key of an SSCAN, for the message that it holds another type.
func (w *sweep) keyOfScan(scan *redis.ScanCmd) string {
	if scan.Args()[0] == "sscan" {
		return keyOf(scan)
	}
	return ""
}

// below goes through the entries of a sorted set whose score is not above a limit, in steps from where the sweep stands.
// take tells which ones went; those that stay are passed by.
func (w *sweep) below(ctx context.Context, key string, limit func() int64, take func(ctx context.Context, members []string) (gone map[string]bool, err error)) error {
	if w.at.Score == "" {
		w.at.Score = "-inf"
	}
	for {
		if err := w.tick(ctx, key); err != nil {
			return err
		}
		size := min(w.stepSize(), sweepPage)
		list := redis.NewZSliceCmd(ctx, "zrange", key, w.at.Score, limit(), "byscore", "limit", w.at.Skip, size, "withscores")
		if err := w.do(ctx, list); err != nil {
			return err
		}
		if err := shared(classify(list.Err(), key)); err != nil {
			return err
		}
		entries := list.Val()
		if len(entries) == 0 {
			return nil
		}
		members := make([]string, len(entries))
		for i := range entries {
			members[i], _ = entries[i].Member.(string)
		}
		gone, err := take(ctx, members)
		if err != nil {
			return err
		}
		w.pass(entries, gone)
		if err := w.stepped(ctx, len(members)); err != nil || len(members) < size {
			return err
		}
	}
}

// pass moves the place behind the entries that stay.
func (w *sweep) pass(entries []redis.Z, gone map[string]bool) {
	for _, e := range entries {
		score := strconv.FormatFloat(e.Score, 'f', -1, 64)
		if score != w.at.Score {
			w.at.Score, w.at.Skip = score, 0
		}
		if member, _ := e.Member.(string); !gone[member] {
			w.at.Skip++
		}
	}
}

// haul is what a step of a scan has brought, by kind.
type haul struct{ returns, loads, jobs, histories, pointers []string }

// sorted leaves out what is not to be swept, and all of our own keys that need nothing.
func (w *sweep) sorted(keys []string) haul {
	var h haul
	add := func(list *[]string, wanted bool, key string) {
		if wanted {
			*list = append(*list, key)
		}
	}
	for _, key := range keys {
		switch {
		case strings.HasPrefix(key, retPrefix):
			add(&h.returns, w.rules.Returns, key)
		case strings.HasPrefix(key, loadPrefix):
			add(&h.loads, w.rules.Loads || w.rules.Index, key)
		case strings.HasPrefix(key, jobPrefix):
			add(&h.jobs, w.rules.Loads, key)
		case strings.HasPrefix(key, histPrefix):
			add(&h.histories, w.rules.Histories, key)
		case strings.HasPrefix(key, ownPrefix):
		case strings.Contains(key, ":"):
			add(&h.pointers, w.rules.Pointers || w.rules.Minions, key)
		}
	}
	return h
}

// takeKeys sweeps what one step of a scan has brought.
func (w *sweep) takeKeys(ctx context.Context, keys []string) error {
	w.report.Keys += int64(len(keys))
	h := w.sorted(keys)
	if err := w.sweepReturns(ctx, h.returns); err != nil {
		return err
	}
	if err := w.sweepLoads(ctx, h.loads); err != nil {
		return err
	}
	if err := w.mendJobs(ctx, h.jobs); err != nil {
		return err
	}
	if err := w.sweepHistories(ctx, h.histories); err != nil {
		return err
	}
	return w.sweepPointers(ctx, h.pointers)
}

// known leaves out the keys whose rest is no jid, and counts them as a stranger's.
func (w *sweep) known(kind job.SweepKind, keys []string, prefix string) (jids []string) {
	for _, key := range keys {
		if jid := key[len(prefix):]; job.CheckJID(jid) == nil {
			jids = append(jids, jid)
		} else {
			w.count(kind, isForeign, "")
		}
	}
	return jids
}
