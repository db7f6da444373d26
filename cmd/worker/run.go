package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/spf13/cobra"

	"returnd/internal/cfg"
	"returnd/internal/cleanup"
	"returnd/internal/consume"
	"returnd/internal/job"
	"returnd/internal/persist"
	"returnd/internal/query"
	"returnd/internal/telemetry"
)

const runHelp = `Takes returns off the stream, keeps them in Redis and answers queries, until it is told to stop.

With --embedded it needs no servers: it brings NATS with JetStream along, and Redis too, as a redis-server beside it or,
where there is none, inside itself. Its data stays in the folder --data.`

func newRun() *cobra.Command {
	var o embeddedOptions
	var embed bool
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Run a worker: returns from NATS to Redis, and answers to queries",
		Long:  runHelp,
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			began := time.Now()
			if !embed && (o.data != "" || o.memory) {
				return usage(errors.New("--data and --memory-redis belong to --embedded: add it, or leave them out"))
			}
			c, log, err := loadConfig(cmd)
			if err != nil {
				return err
			}
			if embed {
				return runEmbedded(cmd.Context(), c, o, log, began)
			}
			return runWorker(cmd.Context(), c, log, began)
		},
	}
	cmd.Flags().BoolVar(&embed, "embedded", false, "bring NATS and Redis along")
	o.addFlags(cmd.Flags(), "$XDG_DATA_HOME/returnd, else ~/.local/share/returnd")
	return cmd
}

func runWorker(ctx context.Context, c cfg.Config, log *slog.Logger, began time.Time) error {
	w, err := newWorker(ctx, c, log, began)
	if err != nil {
		return err
	}
	return w.run(ctx)
}

func runEmbedded(ctx context.Context, c cfg.Config, o embeddedOptions, log *slog.Logger, began time.Time) error {
	folder, err := o.folder()
	if err != nil {
		return err
	}
	e, err := startEmbedded(ctx, &c, embeddedOptions{data: folder, memory: o.memory}, log)
	if err != nil {
		return err
	}
	defer e.close()
	w, err := newWorker(ctx, c, log, began)
	if err != nil {
		return err
	}
	log.Info("embedded", "data", folder, "nats", c.NATS.URL, "redis", e.redis.name, "query", e.command("query get_jids"))
	return w.run(ctx, e.stages()...)
}

// worker is what one process runs, wired together and not yet started.
type worker struct {
	config   cfg.Config
	log      *slog.Logger
	began    time.Time
	nc       *nats.Conn
	store    *persist.Store
	consumer *consume.Consumer
	service  *query.Service
	cleaner  *cleanup.Cleaner
	health   *telemetry.Server
	// telemetry makes the log, too.
	telemetry *telemetry.Telemetry
	// ready is closed once every part was ready for the first time.
	ready chan struct{}
}

// newWorker builds the parts from the outside in. Nothing is pulled or answered before the chain runs.
func newWorker(ctx context.Context, c cfg.Config, log *slog.Logger, began time.Time) (_ *worker, err error) {
	w := &worker{config: c, log: log, began: began, ready: make(chan struct{})}
	defer func() {
		if err != nil {
			w.abandon()
		}
	}()
	if w.telemetry, err = startTelemetry(ctx, log); err != nil {
		return nil, err
	}
	log = w.telemetry.Log
	w.log = log
	log.Info("starting", "version", version(), "nats", redactURLs(c.NATS.Servers()), "redis", c.Persist.Redis.Name(),
		"stream", c.Stream.Name, "subjects", c.Subjects.Prefix+".>", "http", c.HTTP.Addr)
	// The health server binds first: a taken port ends the worker before it did anything.
	w.health = telemetry.New(c.HTTP.Addr, w.telemetry.Metrics, w.alive, w.checks(), log, w.details()...)
	if err = w.health.Listen(ctx); err != nil {
		return nil, err
	}
	// A server that is not there yet is waited for, with the reason in /readyz: whoever starts all at once needs no order.
	if w.nc, err = connectNATS(c.NATS, log, waitForNATS()); err != nil {
		return nil, err
	}
	return w, w.build()
}

// build makes the parts between the two clients.
func (w *worker) build() (err error) {
	c, subjects := w.config, job.NewSubjects(w.config.Subjects.Prefix)
	if w.store, err = persist.New(c.Persist, consume.NewAnnouncer(w.nc, subjects), w.log, w.telemetry.Metrics.Meter("persist")); err != nil {
		return fmt.Errorf("set up the store: %w", err)
	}
	w.consumer, err = consume.New(c.Consume, c.Stream, subjects, w.nc, w.store, w.log, w.telemetry.Metrics.Meter("consume"))
	if err != nil {
		return fmt.Errorf("set up the consumer: %w", err)
	}
	w.service, err = query.New(c.Query, subjects, w.nc, w.store, w.log, w.telemetry.Metrics.Meter("query"))
	if err != nil {
		return fmt.Errorf("set up the query service: %w", err)
	}
	w.follow()
	return w.addCleaner()
}

// run lives until ctx ends, or until a part fails.
func (w *worker) run(ctx context.Context, servers ...stage) error {
	stopped := context.AfterFunc(ctx, func() { w.log.Info("stopping: what is held is written and settled first") })
	defer stopped()
	err := runChain(ctx, w.log, w.stages(servers...)...)
	if err == nil {
		w.log.Info("stopped")
	}
	return err
}

// stages is the order in which the worker stops, stated here once; it starts all of them together.
//
//  1. cleaner: gives its lease back, so that another worker goes on with the sweep at once; nothing waits for it;
//  2. consumer: stops pulling, flushes what it holds and settles it, while Redis and NATS are still there;
//  3. query service: answers what it has begun with, the last writes included; callers lose the worker as late as possible;
//  4. clients: nobody uses them any more;
//  5. what the caller adds: embedded servers, which nobody is connected to any more;
//  6. health server: tells how far the stop has come until the very end, and hands on what exporters have not sent.
func (w *worker) stages(servers ...stage) []stage {
	order := []stage{
		{"cleaner", 400 * time.Millisecond, w.cleaner.Run},
		{"consumer", 4500 * time.Millisecond, w.consumer.Run},
		{"query service", 1500 * time.Millisecond, w.service.Run},
		{"clients", 500 * time.Millisecond, w.holdClients},
	}
	return append(append(order, servers...), stage{"health server", 500 * time.Millisecond, w.show})
}

// holdClients keeps the clients until their turn to be closed comes, and tells when all is ready meanwhile.
func (w *worker) holdClients(ctx context.Context) error {
	w.announce(ctx)
	<-ctx.Done()
	w.closeClients()
	return nil
}

func (w *worker) closeClients() {
	if w.nc != nil {
		w.nc.Close()
	}
	if w.store != nil {
		if err := w.store.Close(); err != nil {
			w.log.Warn("closing the Redis client failed", "error", err)
		}
	}
}

// abandon gives back what a worker holds that could not be built.
func (w *worker) abandon() {
	w.closeClients()
	if w.health != nil {
		_ = w.health.Close() // nothing was served yet that could be lost
	}
	if w.telemetry != nil {
		endTelemetry(context.Background(), w.telemetry)
	}
}
