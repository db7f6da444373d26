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

// database finds the clients of a database. One that a return asks for is tried first on a connection of the default
// database: that the server does not have it, or does not let us in, is that return's own fault.
func (s *Store) database(ctx context.Context, db int) (*target, error) {
	if s.known(db) {
		return s.target(db)
	}
	refused := job.Reject(job.ReasonRetKwargs, "ret_kwargs asks for database %d, which the server does not have or does not open to the worker", db)
	if s.absent.has(db) {
		return nil, refused
	}
	t, err := s.target(job.NoDB)
	if err != nil {
		return nil, err
	}
	client, ok := t.writer.(*redis.Client)
	if !ok {
		return nil, job.Reject(job.ReasonRetKwargs, "ret_kwargs asks for a database, and a cluster has only one")
	}
	trial := *client.Options()
	trial.PoolSize = 1
	once := redis.NewClient(&trial)
	defer func() { _ = once.Close() }()
	conn := once.Conn()
	defer func() { _ = conn.Close() }()
	if err := conn.Ping(ctx).Err(); err != nil {
		return nil, hold(classify(err, ""))
	}
	if err := conn.Select(ctx, db).Err(); err != nil {
		if isReply(err) {
			s.absent.add(db)
			return nil, refused
		}
		return nil, unavailable(err)
	}
	return s.target(db)
}

func (s *Store) known(db int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, ok := s.targets[db]
	return ok
}
