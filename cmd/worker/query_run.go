package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/nats-io/nats.go"
	"github.com/spf13/cobra"

	"returnd/client"
	"returnd/internal/job"
)

func runQuery(cmd *cobra.Command, o queryOptions, args []string) error {
	if err := o.check(args); err != nil {
		return usage(err)
	}
	request, err := queryRequest(args[1:], stdinOf(cmd, args))
	if err == nil && o.watch {
		err = usage(watchedJID(request))
	}
	if err != nil {
		return err
	}
	c, log, err := loadConfig(cmd)
	if err != nil {
		return err
	}
	nc, err := connectNATS(c.NATS, log)
	if err != nil {
		return err
	}
	defer nc.Close()
	ctx := cmd.Context()
	if o.limited {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, o.timeout)
		defer cancel()
	}
	tracing, end, err := followed(ctx, log)
	if err != nil {
		return err
	}
	defer end()
	q := newQuestion(nc, c.Subjects.Prefix, o, args[0], request)
	q.client = q.client.With(tracing...)
	if o.watch {
		if err := q.watch(ctx, cmd.ErrOrStderr()); err != nil {
			return err
		}
	}
	return q.show(ctx, cmd.OutOrStdout(), cmd.ErrOrStderr())
}

// stdinOf can be interrupted while nothing comes, and is not touched where nothing is to come.
func stdinOf(cmd *cobra.Command, args []string) io.Reader {
	in := cmd.InOrStdin()
	if slices.ContainsFunc(args, func(arg string) bool { return strings.HasSuffix(arg, "=@"+stdin) }) {
		return interruptible(cmd.Context(), in)
	}
	return in
}

// question is one request of the command line.
type question struct {
	queryOptions
	nc       *nats.Conn
	subjects job.Subjects
	client   *client.Client
	endpoint string
	request  []byte
}

func newQuestion(nc *nats.Conn, prefix string, o queryOptions, endpoint string, request []byte) *question {
	return &question{
		queryOptions: o, nc: nc, subjects: job.NewSubjects(prefix), endpoint: endpoint, request: request,
		client: client.New(nc, client.Prefix(prefix), client.Timeout(o.timeout)),
	}
}

// show writes the answer to out while it comes, and to notes what else there is to say.
func (q *question) show(ctx context.Context, out, notes io.Writer) error {
	s := screenOf(out)
	s.colour = s.colour && !q.withoutColours
	buffered := bufio.NewWriterSize(out, 64<<10)
	p := newPrinter(buffered, s, q.output, q.endpoint)
	shown := newStreaming(notes, p)
	defer shown.end()
	var found verdict
	last, err := q.print(ctx, p, buffered, shown, &found)
	if err != nil {
		_ = buffered.Flush() // what has come may still be of use, to whoever reads the error too
		return err
	}
	shown.end()
	return errors.Join(noteRest(notes, q.endpoint, last), q.judge(&found))
}

// print goes through the parts, and gives the last one.
func (q *question) print(ctx context.Context, p printer, out *bufio.Writer, shown *streaming, found *verdict) (last client.Part, err error) {
	whole := whole{endpoint: q.endpoint}
	for part, err := range q.client.Parts(ctx, q.endpoint, q.request) {
		if err != nil {
			return part, q.explain(err)
		}
		if job.Validate(part.Body) != nil {
			return part, errors.New("the answer is no JSON, so it does not come from a worker")
		}
		shown.part(len(part.Body), part.Last)
		body, ready := whole.add(part)
		if !ready {
			continue
		}
		if q.fail {
			found.add(q.endpoint, body)
		}
		if err := errors.Join(p.part(body), out.Flush()); err != nil {
			return part, fmt.Errorf("show the answer: %w", err)
		}
		last = part
	}
	return last, errors.Join(p.end(), out.Flush())
}

// explain tells what went wrong with the remedy: nobody reads a NATS client's own words here.
func (q *question) explain(err error) error {
	subject := q.subjects.Returner() + "." + q.endpoint
	var answered *client.Error
	switch {
	case errors.Is(err, client.ErrNoWorker):
		return fmt.Errorf("nobody answers %s at %s: start `worker run`, or let nats.url name the server that the workers use",
			subject, q.nc.ConnectedUrlRedacted())
	case errors.Is(err, client.ErrIncomplete) && errors.As(err, &answered):
		return fmt.Errorf("the answer broke off, so what there is of it is not the whole: %s (%d)", visible(answered.Message), answered.Code)
	case errors.As(err, &answered):
		return fmt.Errorf("%s (%d)", visible(answered.Message), answered.Code)
	case errors.Is(err, context.Canceled):
		return err
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, client.ErrNoAnswer):
		return fmt.Errorf("no answer to %s in time: look at the log of the workers, or raise --timeout", subject)
	case errors.Is(err, nats.ErrMaxPayload):
		return fmt.Errorf("the request has %d bytes, more than the NATS server takes: send less, or raise max_payload on the server", len(q.request))
	}
	return err
}

// noteRest says what the answer leaves out.
func noteRest(notes io.Writer, endpoint string, last client.Part) error {
	var err error
	if n := last.Skipped(); n > 0 {
		_, err = fmt.Fprintf(notes, "left out, since not JSON: %d of the stored values\n", n)
	}
	if next := last.Cursor(); next != "" {
		_, more := fmt.Fprintf(notes, "there is more: ask %s again with cursor=%s\n", endpoint, visible(next))
		err = errors.Join(err, more)
	}
	return err
}
