package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"returnd/internal/cfg"
	"returnd/internal/telemetry"
)

const demoHelp = `Shows returnd at work, with nothing to install or to set up: a worker with its own NATS server and Redis, and a simulated
fleet that runs a job every few seconds. Some minions fail, some answer late, some never do.

Each line is one job: how many of its minions have returned, and how long it took until the first return, once published,
could be read by a query. Try the commands it prints in another terminal. Ctrl-C ends it.`

// demoOptions are the flags of demo.
type demoOptions struct {
	embeddedOptions
	fleetOptions
}

func newDemo() *cobra.Command {
	var o demoOptions
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Show it all on this machine: NATS, Redis, a worker and a simulated fleet",
		Long:  demoHelp,
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.check(); err != nil {
				return usage(err)
			}
			c, _, err := loadConfig(cmd)
			if err != nil {
				return err
			}
			log, err := demoLogger(c.Log, cmd)
			if err != nil {
				return err
			}
			// `worker demo | head` ends the demo in order too: with its servers, and its temporary folder removed.
			signal.Ignore(syscall.SIGPIPE)
			ctx, cancel := context.WithCancel(cmd.Context())
			defer cancel()
			return runDemo(ctx, c, o, log, newConsole(cmd.OutOrStdout(), cancel))
		},
	}
	f := cmd.Flags()
	o.fleetOptions.addFlags(f)
	o.embeddedOptions.addFlags(f, "a temporary one, removed at the end")
	return cmd
}

// demoLogger keeps the log of the parts off the screen unless it warns, or is asked for by another level than the default.
func demoLogger(c telemetry.LogConfig, cmd *cobra.Command) (*slog.Logger, error) {
	if c.Level == telemetry.DefaultLogConfig().Level {
		c.Level = "warn"
	}
	return telemetry.NewLogger(c.Level, c.Format, cmd.ErrOrStderr())
}

func runDemo(ctx context.Context, c cfg.Config, o demoOptions, log *slog.Logger, out *console) error {
	began := time.Now()
	remove, err := o.prepareFolder()
	if err != nil {
		return err
	}
	defer remove()
	e, err := startEmbedded(ctx, &c, o.embeddedOptions, log)
	if err != nil {
		return err
	}
	defer e.close()
	c.HTTP.Addr = freeAddr(c.HTTP.Addr)
	w, err := newWorker(ctx, c, log, began)
	if err != nil {
		return err
	}
	if o.length > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, o.length)
		defer cancel()
	}
	d := &demo{simulation: newSimulation(o.fleetOptions, c, log, out), worker: w, servers: e, data: o.data}
	d.command, d.redisCLI = e.command, e.redis.cli
	// The fleet ends first: what it has published is then stored like any other return.
	err = runChain(ctx, log, append([]stage{{"fleet", lastLook + time.Second, d.run}}, w.stages(e.stages()...)...)...)
	d.sumUp(time.Since(began))
	if e.redis.forgets {
		out.line("  the in-process Redis has forgotten everything")
	}
	return err
}

// prepareFolder takes a temporary folder where none is named, and gives what removes it.
func (o *demoOptions) prepareFolder() (remove func(), err error) {
	if o.data != "" {
		o.data, err = o.folder()
		return func() {}, err
	}
	if o.data, err = os.MkdirTemp("", "returnd-demo-"); err != nil {
		return nil, fmt.Errorf("make a temporary folder: %w", err)
	}
	return func() { _ = os.RemoveAll(o.data) }, nil // what cannot be removed lies among other temporary files
}

// freeAddr takes a free port where the default one is taken: two demos, or a demo beside a worker, are no mistake.
func freeAddr(addr string) string {
	host, port, err := net.SplitHostPort(addr)
	number, _ := strconv.Atoi(port)
	if addr != telemetry.DefaultHTTPConfig().Addr || err != nil || probe(host, number) == nil {
		return addr
	}
	return net.JoinHostPort(host, "0")
}

// demo is a simulated fleet beside the worker and the servers that it is shown on.
type demo struct {
	*simulation
	worker  *worker
	servers *embedded
	data    string // the folder
}

func (d *demo) run(ctx context.Context) error {
	select {
	case <-d.worker.ready:
	case <-ctx.Done():
		return nil
	}
	return d.play(ctx, func() { d.welcome() })
}

func (d *demo) welcome() {
	s, o := d.console, d.options
	s.line("%s  %d minions, a job every %v, seed %d", s.paint(bold, "returnd demo"), o.minions, o.every, o.seed)
	s.line("  NATS    %s, in-process, JetStream in %s", d.servers.url, d.data)
	s.line("  Redis   %s", d.servers.redis.name)
	if addr := d.worker.health.Addr(); addr != "" {
		s.line("  health  http://%s/readyz   metrics  http://%s/metrics", addr, addr)
	}
	s.line("  ready   after %v; Ctrl-C ends it", time.Since(d.worker.began).Round(time.Millisecond))
}
