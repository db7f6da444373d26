package persist

import (
	"context"
	"errors"
	"fmt"

	"github.com/redis/go-redis/v9"

	"returnd/internal/job"
)

// EndTime is what SetEndTime was told of a job; empty where it was not.
func (s *Store) EndTime(ctx context.Context, profile, jid string) (string, error) {
	c, err := s.reading(ctx, profile)
	if err != nil {
		return "", err
	}
	text, err := c.reader.HGet(ctx, jobKey(jid), fieldEnd).Result()
	if errors.Is(err, redis.Nil) {
		return "", nil
	}
	if err = classify(err, jobKey(jid)); err != nil {
		return "", fmt.Errorf("read an end time: %w", err)
	}
	return text, nil
}

// SetEndTime notes when a job has ended; the last call stands. It is kept as long as the job.
func (s *Store) SetEndTime(ctx context.Context, profile, jid, text string) error {
	c, err := s.target(profile, job.NoDB).connect(ctx)
	if err != nil {
		return err
	}
	if err := s.askTime(ctx, c); err != nil {
		return err
	}
	now := s.clock.now()
	cmds := []redis.Cmder{redis.NewIntCmd(ctx, "hset", jobKey(jid), fieldEnd, text)}
	if at := s.expiryText(job.Start(jid, now), now); at != "0" {
		cmds = append(cmds, redis.NewIntCmd(ctx, "expireat", jobKey(jid), at, "lt"))
	}
	pipe := s.pipes(c)
	for _, cmd := range cmds {
		pipe.add(ctx, keyOf(cmd), cmd)
	}
	pipe.exec(ctx)
	for _, cmd := range cmds {
		if err := confirmed(cmd.Err(), keyOf(cmd)); err != nil {
			return fmt.Errorf("note an end time: %w", err)
		}
	}
	return nil
}
