package persist

import (
	"context"
	"errors"
	"fmt"
	"unsafe"

	"github.com/redis/go-redis/v9"

	"returnd/internal/job"
)

// Returns hands over the returns of a job, each minion once in a reading, in no order, until yield fails. What yield is
// given must not be written to.
func (s *Store) Returns(ctx context.Context, profile, jid, cursor string, yield func(minion string, ret []byte) error) (next string, err error) {
	c, err := s.reading(ctx, profile)
	if err != nil {
		return "", err
	}
	return newScan(c, scanHash, retKey(jid)).run(ctx, cursor, each(func(f field) error { return yield(f.name, f.bytes()) }))
}

// Load is a job's load, or nil where there is none.
func (s *Store) Load(ctx context.Context, profile, jid string) ([]byte, error) {
	c, err := s.reading(ctx, profile)
	if err != nil {
		return nil, err
	}
	load, err := c.reader.Get(ctx, loadKey(jid)).Bytes()
	if err = classify(err, loadPrefix); err != nil {
		return nil, fmt.Errorf("read load: %w", err)
	}
	return load, nil
}

// Minions hands over every known minion once in a reading, in no order, until yield fails.
func (s *Store) Minions(ctx context.Context, profile, cursor string, yield func(id string) error) (next string, err error) {
	c, err := s.reading(ctx, profile)
	if err != nil {
		return "", err
	}
	return s.minions(ctx, c, cursor, each(func(f field) error { return yield(f.name) }))
}

// minions reads the set of minions; about tells whose cursors these are. Where there is none it is made from the returns.
func (s *Store) minions(ctx context.Context, c *connection, cursor string, take take, about ...string) (next string, err error) {
	none := true
	read := func() (string, error) {
		return newScan(c, scanSet, keyMinions, about...).run(ctx, cursor, func(fields []field) (string, error) {
			none = none && len(fields) == 0
			return take(fields)
		})
	}
	next, err = read()
	if err != nil || !none || cursor != "" {
		return next, err
	}
	if found, err := s.recovered(ctx, c); !found || err != nil {
		return "", err
	}
	return read()
}

// each takes entries one by one.
func each(yield func(f field) error) take {
	return func(fields []field) (refused string, err error) {
		for _, f := range fields {
			if err := yield(f); err != nil {
				return f.name, err
			}
		}
		return "", nil
	}
}

// otherType stands for a value that is none: no load and no jid looks so.
const otherType = "\x00"

// heads reads the beginnings of string values, up to limit bytes of each; those missing are empty.
func heads(ctx context.Context, c *connection, keys []string, limit int) ([]string, error) {
	if len(keys) == 0 {
		return nil, nil
	}
	pipe := c.reader.Pipeline()
	cmds := make([]*redis.StringCmd, len(keys))
	for i, key := range keys {
		cmds[i] = pipe.GetRange(ctx, key, 0, int64(limit)-1)
	}
	_, _ = pipe.Exec(ctx)
	values := make([]string, len(keys))
	for i, cmd := range cmds {
		err := classify(cmd.Err(), keys[i])
		values[i] = cmd.Val()
		switch {
		case isWrongType(err):
			values[i] = otherType
		case err != nil:
			return nil, err
		}
	}
	return values, nil
}

// reading is the database of a profile; an unknown one means the default, and is counted.
func (s *Store) reading(ctx context.Context, profile string) (*connection, error) {
	if _, known := s.configured(profile); !known {
		s.metrics.unknownProfile.Add(ctx, 1)
	}
	return s.target(profile, job.NoDB).connect(ctx)
}

// full tells that the reader wants no more for now.
func full(err error) bool { return errors.Is(err, job.ErrPageFull) }

// view shows a text as bytes, without a copy: they must not be written to.
func view(text string) []byte { return unsafe.Slice(unsafe.StringData(text), len(text)) }
