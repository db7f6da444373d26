package persist

import (
	"context"
	"fmt"
	"sync/atomic"

	"github.com/redis/go-redis/v9"

	"returnd/internal/job"
)

// targetKey names a database: of a profile ("" is the default), and job.NoDB where it is the configured one.
type targetKey struct {
	profile string
	db      int
}

// target is one database of one configured Redis. It is connected when it is first needed.
type target struct {
	store *Store
	key   targetKey
	redis Redis
	turn  chan struct{} // holds one token: whoever has it connects
	conn  atomic.Pointer[connection]
}

// target finds or makes a target. An unknown profile means the default.
func (s *Store) target(profile string, db int) *target {
	key := targetKey{"", db}
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.targets[key]
	if t == nil {
		t = &target{store: s, key: key, redis: s.cfg.Redis, turn: make(chan struct{}, 1)}
		t.turn <- struct{}{}
		s.targets[key] = t
	}
	return t
}

// connect finds out what the target is, and makes its clients.
func (t *target) connect(ctx context.Context) (*connection, error) {
	if c := t.conn.Load(); c != nil {
		return c, nil
	}
	select {
	case <-t.turn:
		defer func() { t.turn <- struct{}{} }()
	case <-ctx.Done():
		return nil, fmt.Errorf("%w: connecting to Redis takes too long", job.ErrUnavailable)
	}
	if c := t.conn.Load(); c != nil {
		return c, nil
	}
	c, err := t.open(ctx)
	if err != nil {
		return nil, err
	}
	t.conn.Store(c)
	return c, nil
}

func (t *target) open(context.Context) (*connection, error) {
	writer, reader, err := dial(t.redis, t.key.db)
	if err != nil {
		return nil, hold(err)
	}
	c := &connection{writer: writer, reader: reader, guards: map[string]*guard{}}
	c.cluster, _ = writer.(*redis.ClusterClient)
	return c, nil
}

func (t *target) close() error {
	if c := t.conn.Swap(nil); c != nil {
		return c.close()
	}
	return nil
}
