package persist

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

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
	sweeps  sweepScripts
	clock   clock
	// completer is nil where nobody is told.
	completer *completer

	mu      sync.Mutex
	targets map[targetKey]*target
	absent  absent
	flights flights

	// What runs in the background ends with the store.
	life    context.Context
	end     context.CancelFunc
	running sync.WaitGroup
}

// New makes a Store. It does no I/O. With an announcer of nil, nobody is told that a job is complete.
func New(cfg Config, announcer Announcer, log *slog.Logger, meter metric.Meter) (*Store, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	m, err := newMetrics(meter)
	if err != nil {
		return nil, fmt.Errorf("metrics of the store: %w", err)
	}
	completer, err := newCompleter(announcer, meter)
	if err != nil {
		return nil, fmt.Errorf("metrics of the store: %w", err)
	}
	quiet()
	for _, warning := range cfg.Warnings() {
		log.Warn("configuration", "warning", warning)
	}
	s := &Store{
		cfg: cfg, keep: cfg.Keep(), late: cfg.LateKeep, log: log, metrics: m, completer: completer,
		scripts: newScripts(), sweeps: newSweepScripts(), targets: map[targetKey]*target{},
	}
	s.life, s.end = context.WithCancel(context.Background())
	return s, s.observePools(meter)
}

// Close ends all connections.
func (s *Store) Close() error {
	s.end()
	s.running.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	var errs []error
	for key, t := range s.targets {
		errs = append(errs, t.close())
		delete(s.targets, key)
	}
	return errors.Join(errs...)
}

// background runs f until it returns; its context ends with the store.
func (s *Store) background(f func(context.Context)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.life.Err() == nil {
		s.running.Go(func() { f(s.life) })
	}
}

// Ping asks the default Redis whether it would take a write: nil, or what keeps it from that and the remedy.
func (s *Store) Ping(ctx context.Context) error {
	c, err := s.target("", job.NoDB).connect(ctx)
	if err != nil {
		return err
	}
	return s.prepare(ctx, c)
}

// Now is the server's time.
func (s *Store) Now(ctx context.Context) (time.Time, error) {
	c, err := s.reading(ctx, "")
	if err != nil {
		return time.Time{}, err
	}
	if err := s.askTime(ctx, c); err != nil {
		return time.Time{}, fmt.Errorf("ask for the time: %w", err)
	}
	return s.clock.now(), nil
}

// prepare sees to it that the server answers, tells its time and has the scripts.
func (s *Store) prepare(ctx context.Context, c *connection) error {
	if err := s.askTime(ctx, c); err != nil {
		return err
	}
	if c.loaded.Load() {
		return nil
	}
	if err := c.checkup(ctx, s.log); err != nil {
		return err
	}
	if err := s.scripts.install(ctx, c); err != nil {
		return err
	}
	c.loaded.Store(true)
	return nil
}

// askTime has the clock follow the server that holds the minions: of a cluster always the same one.
func (s *Store) askTime(ctx context.Context, c *connection) error {
	server, err := c.primary(ctx, keyMinions)
	if err != nil {
		return hold(classify(err, ""))
	}
	asked := time.Now()
	now, err := server.Time(ctx).Result()
	if err != nil {
		return hold(classify(err, ""))
	}
	s.clock.observe(now, asked)
	return nil
}
