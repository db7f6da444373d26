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

// database connects to the database that a return asks for. It is tried first on a connection of the configured one: that
// the server does not have it, or does not let us in, is that return's own fault.
func (s *Store) database(ctx context.Context, profile string, db int) (*connection, error) {
	if db == job.NoDB || s.known(targetKey{profile, db}) {
		return s.target(profile, db).connect(ctx)
	}
	refused := job.Reject(job.ReasonRetKwargs, "ret_kwargs asks for database %d, which the server does not have or does not open to the worker", db)
	if s.absent.has(db) {
		return nil, refused
	}
	c, err := s.target(profile, job.NoDB).connect(ctx)
	if err != nil {
		return nil, err
	}
	if c.cluster != nil {
		return nil, job.Reject(job.ReasonRetKwargs, "ret_kwargs asks for database %d, and a cluster has only one", db)
	}
	has, err := hasDatabase(ctx, c.writer.(*redis.Client), db)
	if err != nil {
		return nil, err
	}
	if !has {
		s.absent.add(db)
		return nil, refused
	}
	return s.target(profile, db).connect(ctx)
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
