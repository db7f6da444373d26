package persist

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
	"go.opentelemetry.io/otel/metric"

	"returnd/internal/job"
)

// Store keeps returns and loads in Redis. It is safe for concurrent use.
type Store struct {
	cfg     Config
	keep    time.Duration
	late    time.Duration
	log     *slog.Logger
	metrics *metrics
	scripts scripts
	clock   clock

	mu      sync.Mutex
	targets map[int]*target // by database; job.NoDB is the configured one
	absent  absent
}

// target is one database of one server.
type target struct {
	db             int
	writer, reader redis.UniversalClient
	loaded         atomic.Bool // the scripts are believed to be there
}

// New makes a Store. It does no I/O.
func New(cfg Config, log *slog.Logger, meter metric.Meter) (*Store, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	m, err := newMetrics(meter)
	if err != nil {
		return nil, fmt.Errorf("metrics of the store: %w", err)
	}
	quiet()
	s := &Store{
		cfg: cfg, keep: cfg.Keep(), late: cfg.LateKeep, log: log, metrics: m,
		scripts: newScripts(), targets: map[int]*target{},
	}
	if _, err := s.target(job.NoDB); err != nil {
		return nil, err
	}
	return s, nil
}

// Close ends all connections.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var errs []error
	for db, t := range s.targets {
		errs = append(errs, t.writer.Close(), t.reader.Close())
		delete(s.targets, db)
	}
	return errors.Join(errs...)
}

// Ping asks the server whether it would take a write: nil, or what keeps it from that and the remedy.
func (s *Store) Ping(ctx context.Context) error {
	t, err := s.target(job.NoDB)
	if err != nil {
		return err
	}
	return s.prepare(ctx, t)
}

// Now is the server's time.
func (s *Store) Now(ctx context.Context) (time.Time, error) {
	t, err := s.target(job.NoDB)
	if err != nil {
		return time.Time{}, err
	}
	asked := time.Now()
	now, err := t.reader.Time(ctx).Result()
	if err != nil {
		return time.Time{}, fmt.Errorf("ask for the time: %w", classify(err, ""))
	}
	s.clock.observe(now, asked)
	return now, nil
}

// target finds or makes the clients of a database.
func (s *Store) target(db int) (*target, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t, ok := s.targets[db]; ok {
		return t, nil
	}
	writer, reader, err := dial(s.cfg.Redis, db)
	if err != nil {
		return nil, err
	}
	t := &target{db: db, writer: writer, reader: reader}
	s.targets[db] = t
	return t, nil
}

// prepare sees to it that the server answers, tells its time and has the scripts.
func (s *Store) prepare(ctx context.Context, t *target) error {
	asked := time.Now()
	now, err := t.writer.Time(ctx).Result()
	if err != nil {
		return hold(classify(err, ""))
	}
	s.clock.observe(now, asked)
	if t.loaded.Load() {
		return nil
	}
	if err := s.scripts.install(ctx, t.writer); err != nil {
		return hold(err)
	}
	t.loaded.Store(true)
	return nil
}
