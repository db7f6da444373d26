package main

import (
	"encoding/json"

	"github.com/spf13/cobra"

	"returnd/internal/cfg"
)

const configSchemaHelp = `Prints a JSON Schema of the configuration file, for editors that complete and check while one types, and for checks in a
repository of configurations. It knows each key in every spelling, and profiles. 'worker config check' finds more: bounds, what
depends on several keys, files that are not there.

  worker config schema > returnd.schema.json

and at the top of a YAML file:

  # yaml-language-server: $schema=returnd.schema.json`

func newConfigSchema() *cobra.Command {
	return &cobra.Command{
		Use:   "schema",
		Short: "Print a JSON Schema of the configuration file",
		Long:  configSchemaHelp,
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			e := json.NewEncoder(cmd.OutOrStdout())
			e.SetIndent("", "  ")
			e.SetEscapeHTML(false)
			return e.Encode(cfg.Schema())
		},
	}
}
