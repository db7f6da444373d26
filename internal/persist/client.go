package persist

import (
	"context"

	"github.com/redis/go-redis/v9"

	"returnd/internal/job"
)

// Client is the default target's, for those who have keys of their own beside the jobs. It reads where it writes and
// never repeats a command by itself; it ends with the store.
func (s *Store) Client(ctx context.Context) (redis.UniversalClient, error) {
	c, err := s.target("", job.NoDB).connect(ctx)
	if err != nil {
		return nil, err
	}
	return c.writer, nil
}
