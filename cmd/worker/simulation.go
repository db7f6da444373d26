package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"returnd/internal/cfg"
	"returnd/internal/job"
)

const fleetHelp = `Publishes the jobs and returns of a simulated fleet to the NATS server of the configuration, and looks with queries whether all
of them become readable. Some minions fail, some answer late, some never do. Ctrl-C ends it.`

// fleetOptions are the flags that say what is simulated.
type fleetOptions struct {
	minions int
	every   time.Duration
	length  time.Duration
	seed    uint64
}

func (o *fleetOptions) addFlags(f *pflag.FlagSet) {
	f.IntVar(&o.minions, "minions", 200, "size of the fleet")
	f.DurationVar(&o.every, "every", 3*time.Second, "time from job to job")
	f.DurationVar(&o.length, "for", 0, "end by itself after this time (default: at Ctrl-C)")
	f.Uint64Var(&o.seed, "seed", 1, "another number makes other answers")
}

func (o fleetOptions) check() error {
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

func newFleetCommand() *cobra.Command {
	var o fleetOptions
	cmd := &cobra.Command{
		Use:   "fleet",
		Short: "Simulate a fleet: publish its jobs and returns, and see them become readable",
		Long:  fleetHelp,
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.check(); err != nil {
				return usage(err)
			}
			c, log, err := loadConfig(cmd)
			if err != nil {
				return err
			}
			signal.Ignore(syscall.SIGPIPE)
			ctx, cancel := context.WithCancel(cmd.Context())
			defer cancel()
			return runFleet(ctx, newSimulation(o, c, log, newConsole(cmd.OutOrStdout(), cancel)))
		},
	}
	o.addFlags(cmd.Flags())
	return cmd
}

func runFleet(ctx context.Context, s *simulation) error {
	if s.options.length > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, s.options.length)
		defer cancel()
	}
	began := time.Now()
	err := s.play(ctx, func() {
		s.console.line("%s  %d minions, a job every %v, seed %d", s.console.paint(bold, "returnd fleet"), s.options.minions, s.options.every, s.options.seed)
	})
	if err == nil {
		s.sumUp(time.Since(began))
	}
	return err
}

// simulation publishes for a fleet, and reads back what came of it.
type simulation struct {
	options  fleetOptions
	config   cfg.Config
	log      *slog.Logger
	console  *console
	fleet    *fleet
	nc       *nats.Conn
	js       jetstream.JetStream
	subjects job.Subjects
	jids     job.Generator
	totals   totals
	// command is how a worker's command is typed here, redisCLI how Redis is looked into; "" is not at all.
	command  func(arguments string) string
	redisCLI string
}

func newSimulation(o fleetOptions, c cfg.Config, log *slog.Logger, out *console) *simulation {
	return &simulation{
		options: o, config: c, log: log, console: out, fleet: newFleet(o.minions, o.seed),
		subjects: job.NewSubjects(c.Subjects.Prefix),
		command:  func(arguments string) string { return "worker " + arguments },
	}
}

// commandsEvery jobs the commands to try are shown again: the first ones have long left the screen.
const commandsEvery = 15

// play runs a job every now and then until ctx ends.
func (d *simulation) play(ctx context.Context, connected func()) error {
	if err := d.connect(); err != nil {
		return err
	}
	defer d.nc.Close()
	connected()
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
func (d *simulation) connect() (err error) {
	if d.nc, err = connectNATS(d.config.NATS, d.log); err != nil {
		return err
	}
	d.js, err = jetstream.New(d.nc)
	return err
}

// suggest shows what to type in another terminal.
func (d *simulation) suggest(p plan) {
	s := d.console
	s.line("\n%s", s.paint(bold, "Try in another terminal:"))
	for _, arguments := range []string{
		"query get_jid jid=" + p.jid, "query get_load jid=" + p.jid, "query get_jids",
		"query get_fun fun=test.ping", "query get_minions",
	} {
		s.line("  %s", d.command(arguments))
	}
	if d.redisCLI != "" {
		s.line("  %s hgetall ret:%s", d.redisCLI, p.jid)
	}
	s.line("")
}
