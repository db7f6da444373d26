package persist

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"

	"returnd/internal/job"
)

// indexedFor is how long a scan for loads holds that others have written. After that the next reader has it done again;
// a sweep does the same on its way.
const indexedFor = 3 * time.Hour

// clocksApart is how far a master's clock may be ahead of the stream's without disturbing the order of its jobs in the list.
const clocksApart = time.Minute

// listedAt is where a job stands in the index: at its start. A jid that is a little ahead of its publication counts by its
// own time, so that jobs are listed by their jids, and by the start that is shown of them, where clocks are apart.
func listedAt(jid string, start time.Time) time.Time {
	if t, timed := job.JIDTime(jid); timed && t.After(start) && t.Sub(start) <= clocksApart {
		return t
	}
	return start
}

// indexed sees to it that returnd/jobs has the loads which Salt's own returner has written. It waits as long as ctx lives.
func (s *Store) indexed(ctx context.Context, c *connection) error {
	switch n, err := c.reader.Exists(ctx, keyIndexed).Result(); {
	case err != nil:
		return classify(err, keyIndexed)
	case n == 1:
		return nil
	}
	_, err := s.once(flightKey{c.target.key, keyIndexed}, func(ctx context.Context) (bool, error) {
		return true, s.indexAll(ctx, c)
	}).wait(ctx)
	return err
}

func (s *Store) indexAll(ctx context.Context, c *connection) error {
	if err := s.askTime(ctx, c); err != nil {
		return err
	}
	err := c.eachKey(ctx, loadPrefix+"*", func(ctx context.Context, keys []string) error {
		_, err := s.indexLoads(ctx, c, keys)
		return err
	})
	if err != nil {
		return err
	}
	return s.markIndexed(ctx, c)
}

// markIndexed notes that every load there is has been put into the index.
func (s *Store) markIndexed(ctx context.Context, c *connection) error {
	pipe := s.pipes(c)
	mark := redis.NewStatusCmd(ctx, "set", keyIndexed, microseconds(s.clock.now()), "ex", int64(indexedFor/time.Second))
	pipe.add(ctx, keyIndexed, mark)
	pipe.exec(ctx)
	return confirmed(mark.Err(), keyIndexed)
}

// indexLoads puts some load keys' jobs into the index, where they are not in it. The start of a job whose jid is no time
// is guessed from what is left of its load's keep.
func (s *Store) indexLoads(ctx context.Context, c *connection, keys []string) (added int64, err error) {
	jids := make([]string, 0, len(keys))
	for _, key := range keys {
		if jid := jidOfLoad(key); jid != "" && len(jid) <= maxJID {
			jids = append(jids, jid)
		}
	}
	starts, err := s.starts(ctx, c, jids, loadKey)
	if err != nil {
		return 0, fmt.Errorf("index loads: %w", err)
	}
	for chunk := range slices.Chunk(jids, fieldsPerCommand) {
		n, err := s.addJobs(ctx, c, chunk, starts)
		if added += n; err != nil {
			return added, fmt.Errorf("index loads: %w", err)
		}
	}
	return added, nil
}

func (s *Store) addJobs(ctx context.Context, c *connection, jids []string, starts map[string]time.Time) (int64, error) {
	args := append(make([]any, 0, 3+2*len(jids)), "zadd", keyJobs, "nx")
	for _, jid := range jids {
		if start, there := starts[jid]; there {
			args = append(args, microseconds(listedAt(jid, start)), jid)
		}
	}
	if len(args) == 3 {
		return 0, nil
	}
	pipe := s.pipes(c)
	add := redis.NewIntCmd(ctx, args...)
	pipe.add(ctx, keyJobs, add)
	pipe.exec(ctx)
	return add.Val(), confirmed(add.Err(), keyJobs)
}

// starts tells when jobs have started, as far as their keys show it: by the time in the jid, else by what is left of the
// key's keep, else it is now. What is gone meanwhile is left out.
func (s *Store) starts(ctx context.Context, c *connection, jids []string, key func(string) string) (map[string]time.Time, error) {
	now := s.clock.now()
	starts := make(map[string]time.Time, len(jids))
	left := map[string]*redis.DurationCmd{}
	pipe := s.pipes(c)
	for _, jid := range jids {
		if _, timed := job.JIDTime(jid); timed {
			starts[jid] = job.Start(jid, now)
			continue
		}
		left[jid] = redis.NewDurationCmd(ctx, time.Second, "ttl", key(jid))
		pipe.add(ctx, key(jid), left[jid])
	}
	if len(left) > 0 {
		pipe.exec(ctx)
	}
	for jid, ttl := range left {
		switch d, err := ttl.Result(); {
		case err != nil && !errors.Is(err, redis.Nil):
			return nil, classify(err, key(jid))
		case d == keyMissing:
		case d > 0 && d <= s.keep:
			starts[jid] = now.Add(d - s.keep)
		default:
			starts[jid] = now
		}
	}
	return starts, nil
}

// keyMissing is what the client library makes of TTL's -2.
const keyMissing = -2 * time.Nanosecond
