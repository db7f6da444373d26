package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/time/rate"

	"returnd/client"
	"returnd/internal/cfg"
	"returnd/internal/job"
)

const benchHelp = `Publishes returns to the NATS server of the configuration as fast as it takes them, or at --rate, and measures what the
workers there make of them:

  publish   returns a second that the stream acknowledged
  drain     returns a second from the first publish until all can be read
  readable  the time from publishing a return until a query shows it, while the load runs: of returns besides, one every
            50 ms, each asked for again and again

Shapes: burst has one job's returns together, inter displaces them by up to twenty jobs, scatter interleaves all jobs.

Its jids are its own (they end in _ and the run's number), its minions are called bench….returnd.invalid. Nothing is removed
afterwards: the returns expire as all do (keep_jobs_seconds), the minions' names after cleanup.minion_keep. So it asks for
--yes where the NATS server is not on this machine.`

// benchOptions are the flags of bench.
type benchOptions struct {
	returns, size, minions int
	shape, rate, output    string
	patience               time.Duration
	yes                    bool
}

func newBench() *cobra.Command {
	var o benchOptions
	cmd := &cobra.Command{
		Use:     "bench",
		Short:   "Publish a load of returns, and measure how soon they can be read",
		Long:    benchHelp,
		Example: "  worker bench\n  worker bench --returns 200000 --shape scatter --rate 5000/s -o json",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return runBench(cmd, o) },
	}
	f := cmd.Flags()
	f.IntVar(&o.returns, "returns", 20_000, "how many to publish")
	f.IntVar(&o.size, "size", 700, "bytes of each")
	f.IntVar(&o.minions, "minions", 1000, "minions of a job")
	f.StringVar(&o.shape, "shape", shapeBurst, strings.Join(shapes, ", "))
	f.StringVar(&o.rate, "rate", "", "returns a second at most, such as 500/s (default: no limit)")
	f.DurationVar(&o.patience, "patience", 30*time.Second, "give up after this time without progress")
	f.BoolVar(&o.yes, "yes", false, "publish to a NATS server that is not on this machine")
	f.StringVarP(&o.output, "output", "o", outputTable, "table or json")
	return cmd
}

// check finds the faults of the flags, all of them.
func (o benchOptions) check() (*rate.Limiter, error) {
	var faults []error
	check := func(holds bool, format string, args ...any) {
		if !holds {
			faults = append(faults, fmt.Errorf(format, args...))
		}
	}
	const most, largest = 10_000_000, 1 << 20
	check(o.returns >= 1 && o.returns <= most, "--returns is %d: use 1 to %d", o.returns, most)
	check(o.size >= leastSize && o.size <= largest, "--size is %d: use %d to %d bytes", o.size, leastSize, largest)
	check(o.minions >= 1 && o.minions <= 100_000, "--minions is %d: use 1 to 100000", o.minions)
	check(slices.Contains(shapes, o.shape), "--shape is %q: use one of %s", o.shape, strings.Join(shapes, ", "))
	check(o.patience >= time.Second, "--patience is %v: use 1s or more", o.patience)
	limit, err := parseRate(o.rate)
	return limit, errors.Join(append(faults, err, checkListOutput(o.output))...)
}

func runBench(cmd *cobra.Command, o benchOptions) error {
	limit, err := o.check()
	if err != nil {
		return usage(err)
	}
	c, log, err := loadConfig(cmd)
	if err != nil {
		return err
	}
	if !o.yes && !onThisMachine(c.NATS) {
		return usage(fmt.Errorf("%s is not on this machine: %d returns would be published there, and stay in its Redis until they expire; --yes does it",
			cfg.RedactURL(c.NATS.URL), o.returns))
	}
	nc, err := connectNATS(c.NATS, log)
	if err != nil {
		return err
	}
	defer nc.Close()
	m := &measurement{
		workload: newWorkload(o, time.Now()), limit: limit, subjects: job.NewSubjects(c.Subjects.Prefix),
		client: client.New(nc, client.Prefix(c.Subjects.Prefix), client.WithoutMessageID()),
	}
	found, err := m.run(cmd.Context())
	if err != nil {
		return err
	}
	return errors.Join(found.show(cmd.OutOrStdout(), o.output), found.err())
}

// onThisMachine tells whether every server is reached by a loopback address.
func onThisMachine(c cfg.NATS) bool {
	return !slices.ContainsFunc(c.Servers(), func(server string) bool {
		u, err := url.Parse(server)
		if err != nil {
			return true
		}
		ip := net.ParseIP(u.Hostname())
		return u.Hostname() != "localhost" && (ip == nil || !ip.IsLoopback())
	})
}

// measurement is one run.
type measurement struct {
	*workload
	limit    *rate.Limiter
	subjects job.Subjects
	client   *client.Client
}

// run publishes beside the probe, and looks at the end whether all can be read.
func (m *measurement) run(ctx context.Context) (findings, error) {
	if _, err := m.client.GetLoad(ctx, m.jids[0]); err != nil { // is there a worker at all?
		return findings{}, err
	}
	p := &prober{measurement: m}
	stop, probed := make(chan struct{}), make(chan error, 1)
	go func() { probed <- p.run(ctx, stop) }()
	f, err := m.measure(ctx)
	close(stop)
	if failed := <-probed; err == nil {
		err = failed
	}
	f.measured(p.times)
	return f, err
}

func (m *measurement) measure(ctx context.Context) (findings, error) {
	f := findings{Returns: m.returns, Shape: m.shape, Size: m.size, Jobs: len(m.jids), Run: m.workload.run}
	began := time.Now()
	acknowledged, err := m.publish(ctx)
	f.Published, f.PublishSeconds = acknowledged, time.Since(began).Seconds()
	if err != nil {
		return f, err
	}
	// What is published last is read last, but for what several workers have under way: each job is looked at besides.
	if err := (&prober{measurement: m}).once(ctx); err != nil {
		return f, err
	}
	f.Readable, err = m.count(ctx)
	f.DrainSeconds = time.Since(began).Seconds()
	return f, err
}

// publish waits for the stream's acknowledgements, and counts them.
func (m *measurement) publish(ctx context.Context) (acknowledged int, err error) {
	var refused error
	docs := func(yield func(client.Document) bool) {
		for p := range m.order() {
			if m.limit.Wait(ctx) != nil || !yield(m.document(m.subjects, p)) {
				return
			}
		}
	}
	err = m.client.PublishAll(ctx, docs, func(_ client.Document, err error) {
		if err == nil {
			acknowledged++
			return
		}
		refused = err
	})
	if err = errors.Join(err, ctx.Err()); err != nil {
		return acknowledged, err
	}
	if refused != nil {
		return acknowledged, fmt.Errorf("%d of %d returns published, the last fault: %w", acknowledged, m.returns, refused)
	}
	return acknowledged, nil
}
