package persist

import (
	"context"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"returnd/internal/job"
)

// absentFor is how long a database stays unasked for that the server did not have.
const absentFor = time.Minute

// absent remembers the databases that returns asked for in vain, a bounded number of them.
type absent struct {
	mu    sync.Mutex
	until map[int]time.Time
}

func (a *absent) has(db int) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return time.Now().Before(a.until[db])
}

func (a *absent) add(db int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.until == nil || len(a.until) >= 1024 {
		a.until = map[int]time.Time{}
	}
	a.until[db] = time.Now().Add(absentFor)
}

// database connects to the database that a return asks for, and notes for the sweep that it is used.
func (s *Store) database(ctx context.Context, profile string, db int) (*connection, error) {
	if db == job.NoDB {
		return s.target(profile, db).connect(ctx)
	}
	if err := s.reachable(ctx, profile, db); err != nil {
		return nil, err
	}
	t := s.target(profile, db)
	if err := s.record(ctx, t); err != nil {
		return nil, err
	}
	return t.connect(ctx)
}

// reachable tries a database first on a connection of the configured one: that the server does not have it, or does not
// let us in, is the fault of the return that asks for it.
func (s *Store) reachable(ctx context.Context, profile string, db int) error {
	if s.known(targetKey{profile, db}) {
		return nil
	}
	refused := job.Reject(job.ReasonRetKwargs, "ret_kwargs asks for database %d, which the server does not have or does not open to the worker", db)
	if s.absent.has(db) {
		return refused
	}
	c, err := s.target(profile, job.NoDB).connect(ctx)
	if err != nil {
		return err
	}
	if c.cluster != nil {
		return job.Reject(job.ReasonRetKwargs, "ret_kwargs asks for database %d, and a cluster has only one", db)
	}
	has, err := hasDatabase(ctx, c.writer.(*redis.Client), db)
	if err == nil && !has {
		s.absent.add(db)
		return refused
	}
	return err
}

func (s *Store) known(key targetKey) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, ok := s.targets[key]
	return ok
}

// hasDatabase selects a database on a connection of its own.
func hasDatabase(ctx context.Context, client *redis.Client, db int) (bool, error) {
	once := *client.Options()
	once.PoolSize = 1
	trial := redis.NewClient(&once)
	defer func() { _ = trial.Close() }()
	conn := trial.Conn()
	defer func() { _ = conn.Close() }()
	if err := conn.Ping(ctx).Err(); err != nil {
		return false, hold(classify(err, ""))
	}
	err := conn.Select(ctx, db).Err()
	if err != nil && !isReply(err) {
		return false, unavailable(err)
	}
	return err == nil, nil
}
