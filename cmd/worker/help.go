package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"returnd/internal/cfg"
)

// flagsNote ends every command's help.
const flagsNote = `
Every configuration key is a flag as well, such as --nats.url and --redis.host: 'worker help flags' lists them.
`

const flagsTopic = `Every configuration key is a flag, an environment variable, and a line in the configuration file. A flag is stronger than
a variable, a variable stronger than the file, the file stronger than the default. For the key nats.url:

  worker run --nats.url nats://nats.example.com:4222
  RETURND_NATS__URL=nats://nats.example.com:4222 worker run
  worker run --config returnd.yaml        with  nats: {url: "nats://nats.example.com:4222"}

Durations have a unit (5ms, 30s, 24h), sizes may have one (64KiB, 8MiB), lists have commas between. Passwords and tokens have
no flag, because everybody on a machine can read its command lines: use the keys that end in _file, or the variable.
'worker config print --source' shows the values in force and where each comes from.

`

// newFlagsTopic is 'worker help flags': the flags that the other helps leave out.
func newFlagsTopic() *cobra.Command {
	fs := pflag.NewFlagSet("configuration", pflag.ContinueOnError)
	cfg.AddFlags(fs)
	return &cobra.Command{Use: "flags", Short: "The flags and variables of all configuration keys", Long: flagsTopic + fs.FlagUsages()}
}

// newHelp is cobra's help command, but for a topic that does not exist, which is a fault of usage.
func newHelp() *cobra.Command {
	return &cobra.Command{
		Use:   "help [command]",
		Short: "Help about a command or a topic",
		RunE: func(cmd *cobra.Command, args []string) error {
			about, rest, err := cmd.Root().Find(args)
			if err != nil || len(rest) > 0 {
				return usage(fmt.Errorf("unknown help topic %q; see 'worker --help'", strings.Join(args, " ")))
			}
			about.InitDefaultHelpFlag()
			return about.Help()
		},
	}
}
