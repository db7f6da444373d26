package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/spf13/cobra"

	"returnd/internal/cfg"
	"returnd/internal/job"
	"returnd/internal/telemetry"
)

const demoHelp = `Shows returnd at work, with nothing to install or to set up: a worker with its own NATS server and Redis, and a simulated
fleet that runs a job every few seconds. Some minions fail, some answer late, some never do.

Each line is one job: how many of its minions have returned, and how long it took until the first return, once published,
could be read by a query. Try the commands it prints in another terminal. Ctrl-C ends it.`

// demoOptions are the flags of demo.
type demoOptions struct {
	embeddedOptions
	minions int
	every   time.Duration
	length  time.Duration
	seed    uint64
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
	f.IntVar(&o.minions, "minions", 200, "size of the fleet")
	f.DurationVar(&o.every, "every", 3*time.Second, "time from job to job")
	f.DurationVar(&o.length, "for", 0, "end by itself after this time (default: at Ctrl-C)")
	f.Uint64Var(&o.seed, "seed", 1, "another number makes other answers")
	o.addFlags(f, "a temporary one, removed at the end")
	return cmd
}

func (o demoOptions) check() error {
	var faults []error
	if o.minions < 10 || o.minions > 100_000 {
		faults = append(faults, fmt.Errorf("--minions is %d: use 10 to 100000", o.minions))
	}
	if o.every < 100*time.Millisecond {
		faults = append(faults, fmt.Errorf("--every is %v: use 100ms or more", o.every))
	}
	if o.length < 0 {
		faults = append(faults, fmt.Errorf("--for is %v: use a positive time such as 30s", o.length))
	}
	return errors.Join(faults...)
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
	d := &demo{options: o, console: out, worker: w, servers: e, fleet: newFleet(o.minions, o.seed)}
	// The fleet ends first: what it has published is then stored like any other return.
	err = runChain(ctx, log, append([]stage{{"fleet", lastLook + time.Second, d.run}}, w.stages(e.stages()...)...)...)
	d.sumUp(time.Since(began))
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

// demo publishes for a fleet, and reads back what came of it.
type demo struct {
	options  demoOptions
	console  *console
	worker   *worker
	servers  *embedded
	fleet    *fleet
	nc       *nats.Conn
	js       jetstream.JetStream
	subjects job.Subjects
	jids     job.Generator
	totals   totals
}

// commandsEvery jobs the commands to try are shown again: the first ones have long left the screen.
const commandsEvery = 15

func (d *demo) run(ctx context.Context) error {
	select {
	case <-d.worker.ready:
	case <-ctx.Done():
		return nil
	}
	if err := d.connect(); err != nil {
		return err
	}
	defer d.nc.Close()
	d.welcome()
	var jobs sync.WaitGroup
	defer jobs.Wait()
	tick := time.NewTicker(d.options.every)
	defer tick.Stop()
	for n := 0; ; n++ {
		p := d.fleet.plan(d.jids.Next(time.Now()))
		jobs.Go(func() { d.follow(ctx, p) })
		if n%commandsEvery == 0 {
			d.suggest(p)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// connect gives the fleet a connection of its own, as publishers have.
func (d *demo) connect() (err error) {
	c := d.worker.config
	d.subjects = job.NewSubjects(c.Subjects.Prefix)
	if d.nc, err = connectNATS(c.NATS, d.worker.log); err != nil {
		return err
	}
	d.js, err = jetstream.New(d.nc)
	return err
}

func (d *demo) welcome() {
	s, o := d.console, d.options
	s.line("%s  %d minions, a job every %v, seed %d", s.paint(bold, "returnd demo"), o.minions, o.every, o.seed)
	s.line("  NATS    %s, in-process, JetStream in %s", d.servers.url, o.data)
	s.line("  Redis   %s", d.servers.redis.name)
	if addr := d.worker.health.Addr(); addr != "" {
		s.line("  health  http://%s/readyz   metrics  http://%s/metrics", addr, addr)
	}
	s.line("  ready   after %v; Ctrl-C ends it", time.Since(d.worker.began).Round(time.Millisecond))
}

// suggest shows what to type in another terminal.
func (d *demo) suggest(p plan) {
	s := d.console
	s.line("\n%s", s.paint(bold, "Try in another terminal:"))
	for _, arguments := range []string{
		"query get_jid jid=" + p.jid, "query get_load jid=" + p.jid, "query get_jids",
		"query get_fun fun=test.ping", "query get_minions",
	} {
		s.line("  %s", d.servers.command(arguments))
	}
	s.line("  %s hgetall ret:%s\n", d.servers.redis.cli, p.jid)
}
