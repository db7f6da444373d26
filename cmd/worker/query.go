package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"returnd/internal/query"
)

const queryHelp = `Asks the workers, and shows the answer as a table or as data for other programs.

A VALUE is JSON where it reads as an object, a list, true, false or null; anything else is text, digits too, but for the members
that are numbers. NAME=@FILE takes the value from a file, NAME=@- from standard input.

Formats (-o): table; json, with values byte for byte as stored unless it goes to a terminal; ndjson, an entry a line as it comes;
csv, with a quote before a text that a spreadsheet would take for a formula; yaml. json, ndjson, csv and yaml are written while the
answer streams in. What they wrote before an error is not the whole: look at the exit code.

A list with limit=N says on standard error how to ask for its next page.

Exit codes: 0; 1 where something went wrong, or --fail found a failure; 2 for a wrong command line.

Endpoints:
`

const queryExample = `  worker query get_jids limit=20
  worker query get_jid jid=20261120080000007919
  worker query get_jid jid=20261120080000007919 --watch --fail
  worker query get_fun 'fun=["test.ping", "cmd.run"]' -o json
  worker query save_load jid=20261120080000007919 load=@load.json`

// The values of --output.
const (
	outputAuto   = ""
	outputTable  = "table"
	outputJSON   = "json"
	outputNDJSON = "ndjson"
	outputCSV    = "csv"
	outputYAML   = "yaml"
)

var outputs = []string{outputTable, outputJSON, outputNDJSON, outputCSV, outputYAML}

// queryTimeout is longer than the service's own default limit, so that the service's 504 arrives first.
const queryTimeout = 15 * time.Second

// queryOptions are the flags of query.
type queryOptions struct {
	output  string
	timeout time.Duration
	// limited says that timeout was given: then it bounds the whole, not each message alone.
	limited        bool
	watch, fail    bool
	withoutColours bool
}

func newQuery() *cobra.Command {
	var o queryOptions
	cmd := &cobra.Command{
		Use:     "query ENDPOINT [NAME=VALUE]…",
		Short:   "Ask about jobs, minions and returns",
		Long:    queryHelp + endpointList(),
		Example: queryExample,
		RunE: func(cmd *cobra.Command, args []string) error {
			o.limited = cmd.Flags().Changed("timeout")
			return runQuery(cmd, o, args)
		},
		ValidArgsFunction: completeQuery,
	}
	f := cmd.Flags()
	f.StringVarP(&o.output, "output", "o", outputAuto, strings.Join(outputs, ", ")+" (default: table on a terminal, else json)")
	f.DurationVar(&o.timeout, "timeout", queryTimeout, "how long it all may take; by default, how long each message may")
	f.BoolVar(&o.watch, "watch", false, "wait until the job is complete, showing how far it is (get_jid, get_progress)")
	f.BoolVar(&o.fail, "fail", false, "exit code 1 where a minion failed or is missing (get_jid, get_fun, get_progress)")
	f.BoolVar(&o.withoutColours, "no-color", false, "no colours, as with NO_COLOR or CI in the environment")
	_ = cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(outputs, cobra.ShellCompDirectiveNoFileComp)) // fails for unknown flags only
	return cmd
}

// endpointList is one line an endpoint.
func endpointList() string {
	var b strings.Builder
	for _, e := range query.Endpoints() {
		fmt.Fprintf(&b, "  %-15s %s (%s)\n", e.Name, e.About, strings.Join(e.Fields, ", "))
	}
	return strings.TrimRight(b.String(), "\n")
}

// Which endpoints the flags are for.
var (
	watchable = []string{"get_jid", "get_progress"}
	judged    = []string{"get_jid", "get_fun", "get_progress"}
)

// check finds the faults of the command line, all of them.
func (o queryOptions) check(args []string) error {
	var faults []error
	if o.output != outputAuto && !slices.Contains(outputs, o.output) {
		faults = append(faults, fmt.Errorf("--output is %q: use one of %s", o.output, strings.Join(outputs, ", ")))
	}
	if o.timeout <= 0 {
		faults = append(faults, fmt.Errorf("--timeout is %v: use a time such as 5s", o.timeout))
	}
	if len(args) == 0 {
		faults = append(faults, errors.New("no endpoint given; there are:\n"+endpointList()))
		return errors.Join(faults...)
	}
	if err := checkEndpoint(args[0]); err != nil {
		return errors.Join(append(faults, err)...)
	}
	if o.watch && !slices.Contains(watchable, args[0]) {
		faults = append(faults, fmt.Errorf("--watch is for %s, not for %s", strings.Join(watchable, " and "), args[0]))
	}
	if o.fail && !slices.Contains(judged, args[0]) {
		faults = append(faults, fmt.Errorf("--fail is for %s, not for %s", strings.Join(judged, " and "), args[0]))
	}
	return errors.Join(faults...)
}

// checkEndpoint refuses a name that no endpoint has.
func checkEndpoint(name string) error {
	known := &cobra.Command{SuggestionsMinimumDistance: 2} // cobra knows which names are alike
	for _, e := range query.Endpoints() {
		if e.Name == name {
			return nil
		}
		known.AddCommand(&cobra.Command{Use: e.Name, Run: func(*cobra.Command, []string) {}})
	}
	meant := ""
	if alike := known.SuggestionsFor(name); len(alike) > 0 {
		meant = ": did you mean " + alike[0] + "?"
	}
	return fmt.Errorf("there is no endpoint %q%s; there are:\n%s", name, meant, endpointList())
}
