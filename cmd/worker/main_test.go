package main

import (
	"context"
	"errors"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"returnd/internal/cfg"
)

// commandResult is what a caller sees of one command line.
type commandResult struct {
	code      int
	out, errs string
}

func runCommand(t *testing.T, args ...string) commandResult {
	t.Helper()
	var out, errs strings.Builder
	code := execute(t.Context(), args, strings.NewReader(""), &out, &errs)
	return commandResult{code, out.String(), errs.String()}
}

func TestExitCodes(t *testing.T) {
	tests := []struct {
		name string
		args []string
		code int
		want string // a part of what is shown
	}{
		{"help", []string{"--help"}, 0, "Available Commands"},
		{"help of a command", []string{"help", "config", "check"}, 0, "worker config check"},
		{"help of the flags", []string{"help", "flags"}, 0, "--consume.batch.wait duration"},
		{"version", []string{"version"}, 0, "worker "},
		{"no command", nil, 2, "worker: worker: name a command, one of bench, cleanup, config, dead, demo,"},
		{"no command of a group", []string{"config"}, 2, "worker: worker config: name a command, one of check, print, schema;"},
		{"unknown command", []string{"pubish"}, 2, `worker: unknown command "pubish": did you mean 'worker publish'?`},
		{"unknown command, nothing alike", []string{"xyzzy"}, 2, `worker: unknown command "xyzzy": use one of bench, cleanup, config,`},
		{"unknown command of a group", []string{"config", "show-all"}, 2, `unknown command "show-all": use one of check, print`},
		{"unknown topic", []string{"help", "xyzzy"}, 2, `worker: unknown help topic "xyzzy"`},
		{"unknown flag", []string{"version", "--xyzzy"}, 2, "worker: unknown flag: --xyzzy; see 'worker version --help'"},
		{"a slip in a flag", []string{"version", "--nats.ulr=x"}, 2, "unknown flag: --nats.ulr: did you mean --nats.url?"},
		{"a secret as a flag", []string{"version", "--nats.password=hunter22"}, 2, "use --nats.password_file, RETURND_NATS__PASSWORD or"},
		{"flag without its value", []string{"version", "--nats.url"}, 2, "flag needs an argument: --nats.url"},
		{"argument too many", []string{"version", "x"}, 2, "see 'worker version --help'"},
		{"bad configuration", []string{"config", "check", "--redis.port=x"}, 2, "worker: --redis.port is \"x\": use a whole number\n"},
		{"missing file", []string{"config", "check", "--config=/none.yaml"}, 2, "worker: read the configuration file: open /none.yaml"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := runCommand(t, test.args...)
			if shown := got.out + got.errs; got.code != test.code || !strings.Contains(shown, test.want) {
				t.Errorf("exit %d, want %d; %q not in:\n%s", got.code, test.code, test.want, shown)
			}
			if (got.code == 0) != (got.errs == "") {
				t.Errorf("exit %d with on stderr: %q", got.code, got.errs)
			}
			if strings.Contains(got.out+got.errs, "hunter22") {
				t.Errorf("shows the password:\n%s", got.out+got.errs)
			}
		})
	}
}

// A failure that is none of usage, a missing required flag, and an interruption, on a command of the test's own.
func TestExitCodesOfAnyCommand(t *testing.T) {
	tests := []struct {
		name string
		args []string
		err  error
		code int
		want string
	}{
		{"fine", []string{"--need=x"}, nil, 0, ""},
		{"failure", []string{"--need=x"}, errors.New("one\ntwo"), 1, "worker: one\nworker: two\n"},
		{"fault of usage", []string{"--need=x"}, usage(errors.New("bad")), 2, "worker: bad\n"},
		{"required flag", nil, nil, 2, `worker: required flag(s) "need" not set; see 'worker own --help'` + "\n"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			root, own := newRoot(), &cobra.Command{Use: "own", RunE: func(*cobra.Command, []string) error { return test.err }}
			own.Flags().String("need", "", "")
			if err := own.MarkFlagRequired("need"); err != nil {
				t.Fatal(err)
			}
			strict(own)
			root.AddCommand(own)
			var errs strings.Builder
			code := executeRoot(t.Context(), root, append([]string{"own"}, test.args...), nil, nil, &errs)
			if code != test.code || errs.String() != test.want {
				t.Errorf("got %d %q, want %d %q", code, errs.String(), test.code, test.want)
			}
		})
	}
	if usage(nil) != nil {
		t.Error("usage(nil) is an error")
	}
}

func TestInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	root := newRoot()
	root.AddCommand(&cobra.Command{Use: "own", RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Context().Err() }})
	var errs strings.Builder
	if code := executeRoot(ctx, root, []string{"own"}, nil, nil, &errs); code != 1 || errs.String() != "worker: interrupted\n" {
		t.Errorf("got %d %q", code, errs.String())
	}
}

func TestSignals(t *testing.T) {
	signals := make(chan os.Signal)
	exited := make(chan int, 1)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		watchSignals(signals, cancel, func(code int) { exited <- code })
	}()
	signals <- syscall.SIGTERM
	<-ctx.Done()
	select {
	case <-exited:
		t.Fatal("ended at the first signal")
	default:
	}
	signals <- syscall.SIGINT
	if code := <-exited; code != 1 {
		t.Errorf("exit %d, want 1", code)
	}
	<-done
}

// A command's own flags must not vanish among, or hide, the configuration's.
func TestHelpIsReadable(t *testing.T) {
	known := pflag.NewFlagSet("configuration", pflag.ContinueOnError)
	cfg.AddFlags(known)
	for _, cmd := range newRoot().Commands() {
		cmd.LocalNonPersistentFlags().VisitAll(func(flag *pflag.Flag) {
			if known.Lookup(flag.Name) != nil {
				t.Errorf("%s: its flag --%s hides the configuration's", cmd.Name(), flag.Name)
			}
		})
	}
	got := runCommand(t, "config", "print", "--help")
	for _, want := range []string{"--source", "--config file", "'worker help flags'"} {
		if !strings.Contains(got.out, want) {
			t.Errorf("no %q in\n%s", want, got.out)
		}
	}
	if strings.Contains(got.out, "--consume.") {
		t.Errorf("the configuration's flags bury the command's:\n%s", got.out)
	}
}
