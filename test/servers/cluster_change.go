package servers

import (
	"context"
	"math"
	"slices"
	"testing"

	"github.com/redis/go-redis/v9"
)

const (
	// migrateKeys is how many keys leave in one MIGRATE, which holds up the
	// source for as long as it takes.
	migrateKeys = 100
	// moveChunk is how many slots MoveSlots has under way at a time: each
	// change of owner costs both nodes an fsync, which a chunk shares.
	moveChunk = 16
)

// Failover makes a replica take its primary's place, waits until it has done
// so and the cluster has settled. Options are those of CLUSTER FAILOVER:
// "FORCE" (the primary is down), "TAKEOVER" (so is the majority).
func (g *ClusterGroup) Failover(t testing.TB, replica *Process, options ...string) {
	t.Helper()
	args := []any{"CLUSTER", "FAILOVER"}
	for _, o := range options {
		args = append(args, o)
	}
	replica.must(args...)
	Eventually(t, settleLimit, "the promotion of "+replica.Addr, func() bool {
		kind, _, _ := replica.role()
		return kind == "master"
	})
	g.Settle(t)
}

// MoveSlots moves slots with all their keys from one primary to another, as
// `redis-cli --cluster reshard` does: clients see MOVED, ASK and TRYAGAIN.
func (g *ClusterGroup) MoveSlots(t testing.TB, from, to *Process, slots ...int) {
	t.Helper()
	for some := range slices.Chunk(slots, moveChunk) {
		g.BeginMove(t, from, to, some...).Finish()
	}
}

// Move is a move of slots under way: keys that `from` has are served by it,
// all others by `to` after an ASK. Half of a key's neighbours moved gives
// TRYAGAIN. Its methods belong to the test's own goroutine.
type Move struct {
	t        testing.TB
	g        *ClusterGroup
	from, to *Process
	slots    []int
}

// BeginMove declares slots as moving and moves no key yet.
func (g *ClusterGroup) BeginMove(t testing.TB, from, to *Process, slots ...int) *Move {
	t.Helper()
	m := &Move{t: t, g: g, from: from, to: to, slots: slots}
	// In this order: an ASK must not lead to a node that does not expect it.
	m.set(to, "IMPORTING", from.nodeID())
	m.set(from, "MIGRATING", to.nodeID())
	return m
}

// Keys moves up to so many keys and returns how many it was.
func (m *Move) Keys(limit int) int {
	m.t.Helper()
	c := m.from.client()
	defer c.Close()
	moved := 0
	for _, slot := range m.slots {
		for moved < limit {
			keys, err := c.ClusterGetKeysInSlot(context.Background(), slot, min(migrateKeys, limit-moved)).Result()
			m.check(err)
			if len(keys) == 0 {
				break
			}
			m.check(c.Do(context.Background(), m.migrate(keys)...).Err())
			moved += len(keys)
		}
	}
	return moved
}

// Finish moves the keys that are left and gives the slots to the new owner.
// It tells the new owner first: were the former one to forget the slots
// before that, nobody would have them.
func (m *Move) Finish() {
	m.t.Helper()
	m.Keys(math.MaxInt)
	owner := m.to.nodeID()
	m.set(m.to, "NODE", owner)
	m.set(m.from, "NODE", owner)
	for _, p := range m.g.Nodes {
		// The others hear of it anyway; telling them saves clients a detour.
		if kind, _, _ := p.role(); kind == "master" && p != m.to && p != m.from && p.serving() {
			m.set(p, "NODE", owner)
		}
	}
}

// set sends one CLUSTER SETSLOT a slot, all in one pipeline.
func (m *Move) set(p *Process, state, id string) {
	m.t.Helper()
	c := p.client()
	defer c.Close()
	_, err := c.Pipelined(context.Background(), func(pipe redis.Pipeliner) error {
		for _, slot := range m.slots {
			pipe.Do(context.Background(), "CLUSTER", "SETSLOT", slot, state, id)
		}
		return nil
	})
	m.check(err)
}

func (m *Move) migrate(keys []string) []any {
	host, port := m.to.hostPort()
	args := []any{"MIGRATE", host, port, "", 0, commandLimit.Milliseconds()}
	if m.to.login.password != "" {
		args = append(args, "AUTH", m.to.login.password)
	}
	args = append(args, "KEYS")
	for _, key := range keys {
		args = append(args, key)
	}
	return args
}

func (m *Move) check(err error) {
	m.t.Helper()
	if err != nil {
		m.t.Fatalf("move slots %d… from %s to %s: %v", slices.Min(m.slots), m.from.Addr, m.to.Addr, err)
	}
}
