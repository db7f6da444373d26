package persist

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"returnd/internal/job"
)

const (
	// keyDatabases holds the numbers of the databases that returns were written to because they asked for it. It is in
	// the profile's configured database, where whoever sweeps finds it.
	keyDatabases = "returnd/databases"
	// recordedFor is how long a worker relies on its own record: somebody may flush the database it is in.
	recordedFor = 10 * time.Minute
)

// Databases lists what is to be swept: every profile's database, and every other one that returns were written to. A
// profile whose server is away is listed with its configured one: its sweep will tell what is wrong.
func (s *Store) Databases(ctx context.Context) ([]job.Database, error) {
	var all []job.Database
	listed := map[string]bool{} // several profiles may name one database
	add := func(profile string, db int, r Redis) {
		if !listed[r.Name()] {
			listed[r.Name()] = true
			all = append(all, job.Database{Profile: profile, DB: db})
		}
	}
	profiles := append([]string{""}, slices.Sorted(maps.Keys(s.cfg.Profiles))...)
	for _, profile := range profiles {
		r, _ := s.configured(profile)
		add(profile, job.NoDB, r)
	}
	for _, profile := range profiles {
		others, err := s.recorded(ctx, profile)
		if err != nil {
			s.log.Warn("the databases used through ret_kwargs cannot be told", "profile", profile, "error", err)
		}
		r, _ := s.configured(profile)
		for _, db := range others {
			add(profile, db, r.on(db))
		}
	}
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("list the databases: %w", err)
	}
	return all, nil
}

// on is the same server with another database.
func (r Redis) on(db int) Redis {
	r, _ = r.merged()
	r.URL, r.DB = "", db
	return r
}

// recorded reads the numbers of the databases that were written to.
func (s *Store) recorded(ctx context.Context, profile string) ([]int, error) {
	c, err := s.target(profile, job.NoDB).connect(ctx)
	if err != nil || c.cluster != nil { // a cluster has one database
		return nil, err
	}
	var numbers []int
	for cursor := uint64(0); ; {
		found, next, err := c.writer.SScan(ctx, keyDatabases, cursor, "", stepEntries).Result()
		if err != nil {
			return nil, hold(shared(classify(err, keyDatabases)))
		}
		for _, text := range found {
			if db, err := strconv.Atoi(text); err == nil && db >= 0 {
				numbers = append(numbers, db)
			}
		}
		if cursor = next; cursor == 0 {
			slices.Sort(numbers)
			return slices.Compact(numbers), nil
		}
	}
}

// record notes that a database is written to, before it is.
func (s *Store) record(ctx context.Context, t *target) error {
	if last := t.recorded.Load(); last != nil && time.Since(*last) < recordedFor {
		return nil
	}
	began := time.Now()
	c, err := s.target(t.key.profile, job.NoDB).connect(ctx)
	if err != nil {
		return err
	}
	add := redis.NewIntCmd(ctx, "sadd", keyDatabases, t.key.db)
	pipe := s.pipes(c)
	pipe.add(ctx, keyDatabases, add)
	pipe.exec(ctx)
	if err := shared(confirmed(add.Err(), keyDatabases)); err != nil {
		return hold(err)
	}
	t.recorded.Store(&began)
	return nil
}

// swept connects to a database that is to be swept, with the clients that write.
func (s *Store) swept(ctx context.Context, db job.Database) (*connection, error) {
	if _, known := s.configured(db.Profile); !known {
		return nil, fmt.Errorf("profile %q is not configured", db.Profile)
	}
	if db.DB != job.NoDB {
		if err := s.reachable(ctx, db.Profile, db.DB); err != nil {
			return nil, err
		}
	}
	return s.target(db.Profile, db.DB).connect(ctx)
}
