package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"

	"go.opentelemetry.io/otel/metric"

	"returnd/internal/cfg"
	"returnd/internal/cleanup"
	"returnd/internal/job"
	"returnd/internal/persist"
	"returnd/internal/query"
	"returnd/internal/telemetry"
)

// newCleaner makes the part that sweeps, on the store's own connection.
func newCleaner(c cfg.Config, store *persist.Store, log *slog.Logger, meter metric.Meter) (*cleanup.Cleaner, error) {
	sweeper, ok := any(store).(cleanup.Sweeper)
	if !ok {
		return nil, errNoSweeper
	}
	return cleanup.New(c.Cleanup, store.Client, sweeper, log, meter)
}

// errNoSweeper is for a store that knows no sweep.
var errNoSweeper = errors.New("this store cannot be swept")

// addCleaner builds the cleaner and has clean_old_jobs answered by it.
func (w *worker) addCleaner() error {
	var err error
	w.cleaner, err = newCleaner(w.config, w.store, w.log, w.metrics.Meter("cleanup"))
	if errors.Is(err, errNoSweeper) {
		w.log.Warn("nothing is swept", "error", err)
		return nil
	}
	if err != nil {
		return fmt.Errorf("set up the cleanup: %w", err)
	}
	w.service.UseCleaner(cleanEndpoint{w.cleaner})
	return nil
}

// runCleaner sweeps until ctx ends.
func (w *worker) runCleaner(ctx context.Context) error {
	if w.cleaner == nil {
		<-ctx.Done()
		return nil
	}
	return w.cleaner.Run(ctx)
}

// details are what /readyz tells besides: who sweeps, and what the last sweep did.
func (w *worker) details() []telemetry.Detail {
	return []telemetry.Detail{{Name: "cleanup", Tell: func(ctx context.Context) (any, error) {
		if w.cleaner == nil {
			return nil, errNoSweeper
		}
		return w.cleaner.Status(ctx)
	}}}
}

// cleanEndpoint is a cleaner as the query service asks it.
type cleanEndpoint struct{ cleaner *cleanup.Cleaner }

// CleanOldJobs sweeps, and answers what was done until ctx ends.
func (e cleanEndpoint) CleanOldJobs(ctx context.Context, profile string, dryRun bool) ([]byte, error) {
	result, err := e.cleaner.Ask(ctx, cleanup.Order{DryRun: dryRun, Profile: profile})
	if busy := new(cleanup.BusyError); errors.As(err, &busy) {
		return nil, &query.Busy{By: busy.By}
	}
	if err != nil {
		// Whatever it is, another worker or another try may have more luck, and the log has the reason.
		return nil, fmt.Errorf("%w: %w", job.ErrUnavailable, err)
	}
	return json.Marshal(result)
}
