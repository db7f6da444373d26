package persist

import (
	"context"
	"fmt"
	"sync"
	"time"

	"returnd/internal/job"
)

// flights is work in the background that is done once for all who wait for it.
type flights struct {
	mu sync.Mutex
	by map[flightKey]*flight
}

// flightKey names a piece of work on a database.
type flightKey struct {
	target targetKey
	work   string
}

// flight is one run of it. The fields are set once done is closed.
type flight struct {
	done  chan struct{}
	found bool
	err   error
	ended time.Time
}

// useless is how long work is not done again that has found nothing.
const useless = 10 * time.Second

// wait tells what the work has found. It waits no longer than ctx lives; the work itself goes on.
func (f *flight) wait(ctx context.Context) (found bool, err error) {
	select {
	case <-f.done:
		return f.found, f.err
	case <-ctx.Done():
		return false, fmt.Errorf("%w: waiting for work in the background: %w", job.ErrUnavailable, ctx.Err())
	}
}

// fresh tells that there is no need for another flight.
func (f *flight) fresh() bool {
	select {
	case <-f.done:
		return !f.found && f.err == nil && time.Since(f.ended) < useless
	default:
		return true
	}
}

// once does work in the background, or finds it being done.
func (s *Store) once(key flightKey, work func(context.Context) (found bool, err error)) *flight {
	s.flights.mu.Lock()
	defer s.flights.mu.Unlock()
	if f := s.flights.by[key]; f != nil && f.fresh() {
		return f
	}
	f := &flight{done: make(chan struct{})}
	if s.flights.by == nil {
		s.flights.by = map[flightKey]*flight{}
	}
	s.flights.by[key] = f
	s.background(func(ctx context.Context) {
		f.found, f.err = work(ctx)
		f.ended = time.Now()
		close(f.done)
	})
	return f
}
