package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"github.com/spf13/cobra"
	"go.opentelemetry.io/otel/metric/noop"

	"returnd/internal/cfg"
	"returnd/internal/cleanup"
	"returnd/internal/persist"
	"returnd/internal/telemetry"
)

const cleanupHelp = `Sweeps once, at once: removes what is left of old jobs from Redis, by the rules of cleanup.* and the lease that the
workers sweep under. It needs no worker, and none that runs is disturbed. An interrupted sweep is gone on with by the
workers, or by the next one. --dry-run counts and removes nothing. --status only looks: who sweeps, what is next, and what
the last sweep did.`

// cleanupOptions are the flags of cleanup.
type cleanupOptions struct {
	dryRun, status  bool
	profile, output string
}

func newCleanup() *cobra.Command {
	var o cleanupOptions
	cmd := &cobra.Command{
		Use:   "cleanup",
		Short: "Sweep old jobs away, or see who does",
		Long:  cleanupHelp,
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return runCleanup(cmd, o) },
	}
	f := cmd.Flags()
	f.BoolVar(&o.dryRun, "dry-run", false, "count, and remove nothing")
	f.BoolVar(&o.status, "status", false, "show who sweeps, when the next sweep is due, and what the last one did")
	f.StringVar(&o.profile, "profile", "", "sweep the databases of this `profile` alone")
	f.StringVarP(&o.output, "output", "o", outputAuto, "json or table (default: table on a terminal, else json)")
	cmd.MarkFlagsMutuallyExclusive("dry-run", "status")
	cmd.MarkFlagsMutuallyExclusive("profile", "status")
	return cmd
}

func (o cleanupOptions) check(c cfg.Config) error {
	if o.output != outputAuto && o.output != outputJSON && o.output != outputTable {
		return fmt.Errorf("--output is %q: use json or table", o.output)
	}
	if _, known := c.Persist.Profiles[o.profile]; o.profile != "" && !known {
		return fmt.Errorf("there is no profile %q: `worker config print` shows those that there are", o.profile)
	}
	return nil
}

func runCleanup(cmd *cobra.Command, o cleanupOptions) error {
	c, _, err := loadConfig(cmd)
	if err != nil {
		return err
	}
	if err := o.check(c); err != nil {
		return usage(err)
	}
	log, err := calm(c.Log, cmd.ErrOrStderr())
	if err != nil {
		return err
	}
	store, err := persist.New(c.Persist, nil, log, noop.Meter{})
	if err != nil {
		return err
	}
	defer func() { _ = store.Close() }() // what matters was answered by Redis
	cleaner, err := newCleaner(c, store, log, noop.Meter{})
	if err != nil {
		return err
	}
	if o.status {
		return o.showStatus(cmd, cleaner)
	}
	return o.sweep(cmd, cleaner)
}

// calm is the log of a command that shows itself what it does.
func calm(c telemetry.LogConfig, out io.Writer) (*slog.Logger, error) {
	if c.Level == telemetry.DefaultLogConfig().Level {
		c.Level = "warn"
	}
	return telemetry.NewLogger(c.Level, c.Format, out)
}

func (o cleanupOptions) showStatus(cmd *cobra.Command, cleaner *cleanup.Cleaner) error {
	status, err := cleaner.Status(cmd.Context())
	if err != nil {
		return err
	}
	return o.show(cmd.OutOrStdout(), status, func(out io.Writer, s screen) error { return s.cleanupStatus(out, status) })
}

// nower is what sweeps at once.
type nower interface {
	Now(ctx context.Context, o cleanup.Order, progress func(cleanup.Result)) (cleanup.Result, error)
	Status(ctx context.Context) (cleanup.Status, error)
}

func (o cleanupOptions) sweep(cmd *cobra.Command, cleaner nower) error {
	ctx := cmd.Context()
	bar := newSweepBar(ctx, cmd.ErrOrStderr(), cleaner, o)
	result, err := cleaner.Now(ctx, cleanup.Order{DryRun: o.dryRun, Profile: o.profile}, bar.told)
	bar.finish()
	if busy := new(cleanup.BusyError); errors.As(err, &busy) {
		if busy.Left < 0 {
			return fmt.Errorf("%s keeps everybody from sweeping: that lease was put there by hand, and ends when returnd/{cleanup}/lease is deleted", visible(busy.By))
		}
		return fmt.Errorf("%s sweeps right now: look at it with `worker cleanup --status`, or try again later", visible(busy.By))
	}
	if err != nil {
		return err
	}
	if err := o.show(cmd.OutOrStdout(), result, func(out io.Writer, s screen) error { return s.sweepResult(out, result) }); err != nil {
		return err
	}
	if result.Error != "" {
		return fmt.Errorf("not all could be swept: %s", result.Error)
	}
	return nil
}

// show writes a table for eyes, and JSON for programs.
func (o cleanupOptions) show(out io.Writer, value any, table func(io.Writer, screen) error) error {
	s := screenOf(out)
	if o.output == outputTable || o.output == outputAuto && s.terminal {
		return table(out, s)
	}
	body, err := json.Marshal(value)
	if err != nil {
		return err
	}
	return s.json(out, body)
}
