// Command worker keeps the returns of remote jobs: off NATS, into Redis, and answers queries about them.
//
// In come the command line, the configuration and signals; out goes an exit code: 0 clean, 1 failure, 2 usage or
// configuration. This package only wires the parts, starts them and stops them; what they do is theirs.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	_ "golang.org/x/crypto/x509roots/fallback" // images have no certificates of their own

	"returnd/internal/cfg"
	"returnd/internal/telemetry"
)

func main() {
	ctx, cancel := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	go watchSignals(signals, cancel, os.Exit)
	os.Exit(execute(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// watchSignals takes the first signal as a wish to stop in order, and the second as one to end at once.
func watchSignals(signals <-chan os.Signal, stop context.CancelFunc, exit func(int)) {
	<-signals
	stop()
	<-signals
	exit(1)
}

// execute runs one command line and returns the exit code.
func execute(ctx context.Context, args []string, in io.Reader, out, errs io.Writer) int {
	return executeRoot(ctx, newRoot(), args, in, out, errs)
}

func executeRoot(ctx context.Context, root *cobra.Command, args []string, in io.Reader, out, errs io.Writer) int {
	root.SetArgs(args)
	root.SetIn(in)
	root.SetOut(out)
	root.SetErr(errs)
	addCompletion(root)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		err = errors.New("interrupted")
	}
	for line := range strings.SplitSeq(err.Error(), "\n") {
		fmt.Fprintln(errs, "worker:", line)
	}
	if errors.As(err, new(*usageError)) {
		return 2
	}
	return 1
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:           "worker",
		Short:         "Keeps the returns of remote jobs: off NATS, into Redis, and answers queries about them",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	addConfigFlags(root.PersistentFlags())
	root.CompletionOptions.HiddenDefaultCmd = true
	root.SetHelpCommand(newHelp())
	root.AddCommand(newRun(), newDemo(), newFleetCommand(), newPublish(), newQuery(), newCleanup(), newConfig(), newDead(), newHealthcheck(), newBench(), newVersion(), newFlagsTopic())
	root.SetUsageTemplate(root.UsageTemplate() + flagsNote)
	root.SetFlagErrorFunc(explainFlag)
	strict(root)
	return root
}

// addConfigFlags hides the configuration's flags from each command's help, where they would bury the command's own.
func addConfigFlags(fs *pflag.FlagSet) {
	cfg.AddFlags(fs)
	fs.VisitAll(func(flag *pflag.Flag) { flag.Hidden = flag.Name != cfg.ConfigFlag })
}

// loadConfig reads the configuration from all its sources, and makes the logger that it asks for.
func loadConfig(cmd *cobra.Command) (cfg.Config, *slog.Logger, error) {
	c, _, log, err := traceConfig(cmd)
	return c, log, err
}

// traceConfig is loadConfig that also tells where each value comes from.
func traceConfig(cmd *cobra.Command) (cfg.Config, cfg.Origins, *slog.Logger, error) {
	file, err := cmd.Flags().GetString(cfg.ConfigFlag)
	if err != nil {
		return cfg.Config{}, nil, nil, err
	}
	c, origins, err := cfg.Trace(file, os.Environ(), cmd.Flags())
	if err != nil {
		return c, nil, nil, usage(err)
	}
	log, err := telemetry.NewLogger(c.Log.Level, c.Log.Format, cmd.ErrOrStderr())
	if err != nil {
		return c, nil, nil, usage(err)
	}
	return c, origins, log, nil
}
