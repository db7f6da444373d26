package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"
	"golang.org/x/time/rate"

	"returnd/client"
)

const publishHelp = `Publishes returns and loads to the stream, and waits until the stream has each one.

Each FILE holds one JSON document or many, one a line or pretty-printed. A folder stands for the *.json, *.ndjson and *.jsonl
files in it and below it; - or no argument at all is standard input. What is published is the document byte for byte,
without the white space around it.

A document with a member "id" or "return" is a return, one with neither is a load. A load that looks like a return (Salt's
master saves some) needs --as load. The subject is made of the document's own jid and id.

What has no identity or is malformed is refused: it is listed with file, line and reason, the rest is published, and the exit
code is 1. To see how the worker deals with such a document, publish it with --force --subject SUBJECT.`

// publishOptions are the flags of publish.
type publishOptions struct {
	router
	compress string
	rate     string
	redating bool
}

func newPublish() *cobra.Command {
	var o publishOptions
	cmd := &cobra.Command{
		Use:     "publish [FILE|DIR|-]…",
		Short:   "Publish returns or loads from files, folders or standard input",
		Long:    publishHelp,
		Example: "  worker publish returns/ loads/\n  worker publish --as load --jid 20261120080000007919 load.json\n  zcat returns.ndjson.gz | worker publish --rate 500/s",
		RunE: func(cmd *cobra.Command, args []string) error {
			return runPublish(cmd, o, args)
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.as, "as", asAuto, "what the documents are: auto, return or load")
	f.StringVar(&o.jid, "jid", "", "the job of loads that name none")
	f.StringVar(&o.subject, "subject", "", "publish every document under this subject")
	f.BoolVar(&o.force, "force", false, "with --subject: publish even what is refused otherwise")
	f.BoolVar(&o.redating, "redate", false, "move time jids to now, all by the same distance, to replay old documents")
	f.StringVar(&o.compress, "compress", "", "pack the documents: zstd or gzip")
	f.StringVar(&o.rate, "rate", "", "documents a second at most, such as 500/s (default: no limit)")
	return cmd
}

// check finds the faults of the flags, all of them.
func (o *publishOptions) check() (*rate.Limiter, []client.Option, error) {
	limit, rateErr := parseRate(o.rate)
	pack, packErr := newPacker(o.compress)
	var forceErr error
	if o.force && o.subject == "" {
		forceErr = errors.New("--force needs --subject: a refused document has no subject of its own")
	}
	return limit, pack, errors.Join(checkAs(o.as), forceErr, rateErr, packErr)
}

// parseRate reads 500 or 500/s; no text is no limit.
func parseRate(text string) (*rate.Limiter, error) {
	if text == "" {
		return rate.NewLimiter(rate.Inf, 0), nil
	}
	n, err := strconv.ParseFloat(strings.TrimSuffix(text, "/s"), 64)
	if err != nil || !(n > 0 && n <= 1e9) {
		return nil, fmt.Errorf("--rate is %q: use documents a second, such as 500/s", text)
	}
	return rate.NewLimiter(rate.Limit(n), max(1, int(n/100))), nil // bursts of 10 ms
}

func runPublish(cmd *cobra.Command, o publishOptions, args []string) error {
	limit, pack, err := o.check()
	if err == nil && len(args) == 0 {
		args, err = []string{stdin}, checkStdin(cmd.InOrStdin())
	}
	if err != nil {
		return usage(err)
	}
	c, log, err := loadConfig(cmd)
	if err != nil {
		return err
	}
	files, size, err := findInputs(args)
	if err != nil {
		return err
	}
	tracing, end, err := followed(cmd.Context(), log)
	if err != nil {
		return err
	}
	defer end()
	nc, err := connectNATS(c.NATS, log)
	if err != nil {
		return err
	}
	defer nc.Close()
	// Without ids: the stream would have to remember one for each of perhaps millions, and repeats are harmless.
	o.client = client.New(nc, slices.Concat(pack, tracing, []client.Option{client.Prefix(c.Subjects.Prefix), client.WithoutMessageID()})...)
	if o.redating {
		o.redate = &redater{now: time.Now()}
	}
	p := &publishing{router: o.router, limit: limit, tally: newTally(cmd.ErrOrStderr(), size)}
	err = p.run(cmd.Context(), files, cmd.InOrStdin())
	p.tally.finish(cmd.OutOrStdout())
	return errors.Join(err, p.tally.err())
}

// checkStdin keeps a terminal from waiting for documents that nobody means to type.
func checkStdin(in io.Reader) error {
	if file, ok := in.(*os.File); ok && isTerminal(file) {
		return errors.New("nothing to publish: name files or folders, or - for standard input")
	}
	return nil
}

// publishing is one run of the command.
type publishing struct {
	router router
	limit  *rate.Limiter
	tally  *tally
}

// errNoStream comes with its remedy: it is what everybody meets who publishes before a worker ever ran.
var errNoStream = errors.New("no stream takes this subject: start `worker run`, which creates the stream (stream.manage: create), or create it yourself")

// run reads and publishes until the inputs end, and waits for the acks beside it.
func (p *publishing) run(ctx context.Context, files []string, in io.Reader) error {
	publisher, err := p.router.client.NewPublisher(p.settled)
	if err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return publisher.Run(ctx) })
	group.Go(func() error {
		defer publisher.Close()
		return p.publish(ctx, publisher, documents(files, interruptible(ctx, in)))
	})
	if err := group.Wait(); !errors.Is(err, client.ErrNoStream) {
		return err
	}
	return errNoStream
}

func (p *publishing) settled(d client.Document, err error) {
	read, _ := d.Note.(document) // put there below
	p.tally.settled(read, err)
}

// interruptible reads until ctx ends, even while nothing comes: a read of standard input cannot be called off, so the
// goroutine that waits in it is left behind, to end with the process.
func interruptible(ctx context.Context, in io.Reader) io.Reader {
	reader, writer := io.Pipe()
	context.AfterFunc(ctx, func() { _ = writer.CloseWithError(ctx.Err()) })
	go func() {
		_, err := io.Copy(writer, in)
		_ = writer.CloseWithError(err) // nil is the end of the input
	}()
	return reader
}

func (p *publishing) publish(ctx context.Context, to *client.Publisher, all func(func(document, error) bool)) error {
	for d, err := range all {
		if err == nil {
			err = p.publishOne(ctx, to, d)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			p.tally.refused(d, err)
		}
	}
	return nil
}

func (p *publishing) publishOne(ctx context.Context, to *client.Publisher, d document) error {
	subject, err := p.router.route(d.body)
	if err != nil {
		return err
	}
	if err := p.limit.Wait(ctx); err != nil {
		return err
	}
	return to.Send(ctx, client.Document{Subject: subject, Body: d.body, Note: d})
}
