package persist

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

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
	// recorded is when the database was last noted as one that is written to.
	recorded atomic.Pointer[time.Time]
	// warned holds the addresses of the servers whose shortcomings were told.
	warned sync.Map
}

// configured is the profile's options. An unknown profile means the default, as in Salt.
func (s *Store) configured(profile string) (r Redis, known bool) {
	if r, known = s.cfg.Profiles[profile]; known {
		return r, true
	}
	return s.cfg.Redis, profile == ""
}

// target finds or makes a target.
func (s *Store) target(profile string, db int) *target {
	r, known := s.configured(profile)
	if !known {
		profile = ""
	}
	key := targetKey{profile, db}
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.targets[key]
	if t == nil {
		t = &target{store: s, key: key, redis: r, turn: make(chan struct{}, 1)}
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
		return nil, t.named(err)
	}
	t.conn.Store(c)
	return c, nil
}

// named tells whose redis.* an error speaks of.
func (t *target) named(err error) error {
	if t.key.profile == "" {
		return err
	}
	return fmt.Errorf("profile %s: %w", t.key.profile, err)
}

func (t *target) open(ctx context.Context) (*connection, error) {
	mode, err := t.mode(ctx)
	if err != nil {
		return nil, hold(classify(err, ""))
	}
	writer, reader, err := connect(t.redis, mode, t.key.db)
	if err != nil {
		return nil, hold(err)
	}
	c := &connection{
		target: t, writer: writer, reader: reader, guards: map[string]*guard{},
		minReplicas: t.redis.Write.MinReplicas, waitTimeout: t.redis.Write.WaitTimeout,
	}
	c.cluster, _ = writer.(*redis.ClusterClient)
	return c, nil
}

// mode is what the options declare, or the server tells. A server that is declared to be a single one and is not would
// answer to a part of the keys only.
func (t *target) mode(ctx context.Context) (string, error) {
	declared := t.redis.declared()
	if declared != modeAuto && declared != modeStandalone {
		return declared, nil
	}
	mode, err := probe(ctx, t.redis)
	if err == nil && declared == modeStandalone && mode != modeStandalone {
		return "", fmt.Errorf("redis.mode is standalone, and the server is a %s: set it to %s, or to auto", mode, mode)
	}
	return mode, err
}

func (t *target) close() error {
	if c := t.conn.Swap(nil); c != nil {
		return c.close()
	}
	return nil
}
