package main

import (
	"fmt"

	"github.com/nats-io/nats.go"
	"github.com/spf13/cobra"

	"returnd/internal/cfg"
)

func newConfig() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "config",
		Short: "Check the configuration, print it, or describe it",
	}
	cmd.AddCommand(newConfigCheck(), newConfigPrint(), newConfigSchema())
	return cmd
}

func newConfigCheck() *cobra.Command {
	return &cobra.Command{
		Use:   "check",
		Short: "List all faults of the configuration",
		Long:  "Reads the configuration from file, environment and flags, and lists all faults. It connects to nothing.",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, log, err := loadConfig(cmd)
			if err != nil {
				return err
			}
			// The options read certificates and keys: better a fault here than at the first connect.
			options, err := natsOptions(c.NATS, log)
			if err == nil {
				err = tryOptions(options)
			}
			if err != nil {
				return usage(err)
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), "configuration is fine")
			return err
		},
	}
}

func tryOptions(options []nats.Option) error {
	o := nats.GetDefaultOptions()
	for _, set := range options {
		if err := set(&o); err != nil {
			return fmt.Errorf("nats.tls, nats.creds or nats.nkey: %w", err)
		}
	}
	return nil
}

func newConfigPrint() *cobra.Command {
	var source bool
	cmd := &cobra.Command{
		Use:   "print",
		Short: "Print the configuration in force as YAML, secrets redacted",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, origins, _, err := traceConfig(cmd)
			if err != nil {
				return err
			}
			if !source {
				origins = nil
			}
			return cfg.Print(cmd.OutOrStdout(), c, origins)
		},
	}
	cmd.Flags().BoolVar(&source, "source", false, "say behind each value where it comes from")
	return cmd
}
