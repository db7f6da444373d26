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

// newCleaner makes the part that sweeps. Its lease lies in the store's default target.
func newCleaner(c cfg.Config, store *persist.Store, log *slog.Logger, meter metric.Meter) (*cleanup.Cleaner, error) {
	return cleanup.New(c.Cleanup, store.Client, store, log, meter)
}

// addCleaner builds the cleaner and has clean_old_jobs answered by it.
func (w *worker) addCleaner() (err error) {
	if w.cleaner, err = newCleaner(w.config, w.store, w.log, w.telemetry.Metrics.Meter("cleanup")); err != nil {
		return fmt.Errorf("set up the cleanup: %w", err)
	}
	w.service.UseCleaner(cleanEndpoint{w.cleaner})
	return nil
}

// details are what /readyz tells besides: who sweeps, and what the last sweep did.
func (w *worker) details() []telemetry.Detail {
	return []telemetry.Detail{{Name: "cleanup", Tell: func(ctx context.Context) (any, error) {
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
