package persist

import (
	"context"
	"strconv"
	"time"

	"returnd/internal/job"
)

// Set gives a SET, once: a broken connection is an error, and the caller's to judge. It is false where the options kept
// the server from setting. redis.write.min_replicas is for returns, not for this.
func (s *Store) Set(ctx context.Context, at job.Access, key, value string, o job.SetOptions) (bool, error) {
	args := []string{"set", key, value}
	if o.Expire > 0 {
		args = append(args, "px", strconv.FormatInt(int64(o.Expire/time.Millisecond), 10))
	}
	if o.IfMissing {
		args = append(args, "nx")
	}
	if o.IfPresent {
		args = append(args, "xx")
	}
	reply, err := s.onKey(ctx, at, key, args)
	return reply != nil, err
}

// Get gives a GET; nil is no such key.
func (s *Store) Get(ctx context.Context, at job.Access, key string) ([]byte, error) {
	reply, err := s.onKey(ctx, at, key, []string{"get", key})
	if text, ok := reply.(string); ok {
		return []byte(text), err
	}
	return nil, err
}

// onKey gives one command on one key to the server that takes writes to it.
func (s *Store) onKey(ctx context.Context, at job.Access, key string, args []string) (any, error) {
	x, err := s.commander(ctx, at)
	if err != nil {
		return nil, err
	}
	if err := x.guard(ctx, at.Open, []string{key}); err != nil {
		return nil, err
	}
	return x.ask(ctx, key, args)
}

// Execute gives a caller's command to the servers it is for, once, and makes one reply of theirs. Whether it may be
// given at all is decided before; here it is kept from keys that are ours or Salt's.
func (s *Store) Execute(ctx context.Context, at job.Access, c job.Command) (any, error) {
	x, err := s.commander(ctx, at)
	if err != nil {
		return nil, err
	}
	keys, err := x.keysOf(ctx, c)
	if err != nil {
		return nil, err
	}
	if err := reaches(c, len(keys) > 0, at.Open); err != nil {
		return nil, err
	}
	if err := x.guard(ctx, at.Open, keys); err != nil {
		return nil, err
	}
	if walked, is := x.walks(c); is {
		return x.walk(ctx, at, c, walked)
	}
	p, err := x.plan(ctx, c, keys)
	if err != nil {
		return nil, err
	}
	x.run(ctx, p.parts)
	return p.result()
}

// commander has the connections for callers' commands to a profile's Redis.
func (s *Store) commander(ctx context.Context, at job.Access) (*commander, error) {
	c, err := s.reading(ctx, at.Profile)
	if err != nil {
		return nil, err
	}
	x := c.commander()
	x.meter.allow(at.Limit)
	return x, nil
}
