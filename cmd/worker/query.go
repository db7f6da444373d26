package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"
	"github.com/spf13/cobra"

	"returnd/internal/job"
	"returnd/internal/query"
)

const queryHelp = `Asks the workers, and shows the answer as a table or as JSON.

A VALUE is JSON where it reads as an object, a list, true, false or null; anything else is text, digits too.
NAME=@FILE takes the value from a file, NAME=@- from standard input.

Endpoints:
`

const queryExample = `  worker query get_jids
  worker query get_jid jid=20261120080000007919
  worker query get_fun 'fun=["test.ping", "cmd.run"]' -o json
  worker query save_load jid=20261120080000007919 load=@load.json`

// The values of --output.
const (
	outputAuto  = ""
	outputJSON  = "json"
	outputTable = "table"
)

// queryTimeout is longer than the service's own default limit, so that the service's 504 arrives first.
const queryTimeout = 15 * time.Second

// queryOptions are the flags of query.
type queryOptions struct {
	output  string
	timeout time.Duration
}

func newQuery() *cobra.Command {
	var o queryOptions
	cmd := &cobra.Command{
		Use:     "query ENDPOINT [NAME=VALUE]…",
		Short:   "Ask about jobs, minions and returns",
		Long:    queryHelp + endpointList(),
		Example: queryExample,
		RunE: func(cmd *cobra.Command, args []string) error {
			return runQuery(cmd, o, args)
		},
		ValidArgsFunction: completeQuery,
	}
	f := cmd.Flags()
	f.StringVarP(&o.output, "output", "o", outputAuto, "json or table (default: table on a terminal, else json)")
	f.DurationVar(&o.timeout, "timeout", queryTimeout, "how long to wait for the answer")
	return cmd
}

// endpointList is one line an endpoint.
func endpointList() string {
	var b strings.Builder
	for _, e := range query.Endpoints() {
		fmt.Fprintf(&b, "  %-13s %s (%s)\n", e.Name, e.About, strings.Join(e.Fields, ", "))
	}
	return strings.TrimRight(b.String(), "\n")
}

// completeQuery offers the endpoints, then their members.
func completeQuery(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	var offers []string
	for _, e := range query.Endpoints() {
		switch {
		case len(args) == 0:
			offers = append(offers, e.Name+"\t"+e.About)
		case args[0] == e.Name:
			for _, field := range e.Fields {
				offers = append(offers, field+"=")
			}
		}
	}
	return offers, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
}

// check finds the faults of the command line, all of them.
func (o queryOptions) check(args []string) error {
	var faults []error
	if o.output != outputAuto && o.output != outputJSON && o.output != outputTable {
		faults = append(faults, fmt.Errorf("--output is %q: use json or table", o.output))
	}
	if o.timeout <= 0 {
		faults = append(faults, fmt.Errorf("--timeout is %v: use a time such as 5s", o.timeout))
	}
	if len(args) == 0 {
		faults = append(faults, errors.New("no endpoint given; there are:\n"+endpointList()))
	} else if !isEndpoint(args[0]) {
		faults = append(faults, fmt.Errorf("there is no endpoint %q; there are:\n%s", args[0], endpointList()))
	}
	return errors.Join(faults...)
}

func isEndpoint(name string) bool {
	for _, e := range query.Endpoints() {
		if e.Name == name {
			return true
		}
	}
	return false
}

func runQuery(cmd *cobra.Command, o queryOptions, args []string) error {
	if err := o.check(args); err != nil {
		return usage(err)
	}
	request, err := queryRequest(args[1:], cmd.InOrStdin())
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
	ctx, cancel := context.WithTimeout(cmd.Context(), o.timeout)
	defer cancel()
	subject := job.NewSubjects(c.Subjects.Prefix).Returner() + "." + args[0]
	msg, err := askService(ctx, nc, subject, request)
	if err != nil {
		return err
	}
	return showReply(cmd.OutOrStdout(), cmd.ErrOrStderr(), args[0], o.output, msg)
}

// askService sends one request. What goes wrong is told with the remedy: nobody reads a NATS client's own words here.
func askService(ctx context.Context, nc *nats.Conn, subject string, request []byte) (*nats.Msg, error) {
	msg, err := nc.RequestWithContext(ctx, subject, request)
	switch {
	case errors.Is(err, nats.ErrNoResponders):
		return nil, fmt.Errorf("nobody answers %s at %s: start `worker run`, or let nats.url name the server that the workers use",
			subject, nc.ConnectedUrlRedacted())
	case errors.Is(err, context.DeadlineExceeded):
		return nil, fmt.Errorf("no answer to %s in time: look at the log of the workers, or raise --timeout", subject)
	case errors.Is(err, nats.ErrMaxPayload):
		return nil, fmt.Errorf("the request has %d bytes, more than the NATS server takes: send less, or raise max_payload on the server", len(request))
	case err != nil:
		return nil, fmt.Errorf("ask %s: %w", subject, err)
	}
	if code := msg.Header.Get(micro.ErrorCodeHeader); code != "" {
		return nil, fmt.Errorf("%s (%s)", visible(msg.Header.Get(micro.ErrorHeader)), visible(code))
	}
	return msg, nil
}

// showReply writes the reply to out, and to notes what it leaves out.
func showReply(out, notes io.Writer, endpoint, output string, msg *nats.Msg) error {
	s := screenOf(out)
	if output == outputTable || output == outputAuto && s.terminal {
		if err := s.table(out, endpoint, msg.Data); err != nil {
			return err
		}
	} else if err := s.json(out, msg.Data); err != nil {
		return err
	}
	if n := msg.Header.Get(query.HeaderSkipped); n != "" {
		_, err := fmt.Fprintf(notes, "left out, since not JSON: %s of the stored values\n", visible(n))
		return err
	}
	return nil
}
