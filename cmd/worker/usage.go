package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"returnd/internal/cfg"
)

// usageError is a fault of the command line or the configuration: exit code 2, and trying again would not help.
type usageError struct{ err error }

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

// usage marks an error as one of usage; nil stays nil.
func usage(err error) error {
	if err == nil {
		return nil
	}
	return &usageError{err}
}

// explainFlag says more about a flag that cobra does not know, and where to read on.
func explainFlag(cmd *cobra.Command, err error) error {
	unknown := new(pflag.NotExistError)
	if errors.As(err, &unknown) {
		if why := cfg.FlagFault(unknown.GetSpecifiedName()); why != "" {
			return usage(fmt.Errorf("%w: %s", err, why))
		}
	}
	return usage(fmt.Errorf("%w; see '%s --help'", err, cmd.CommandPath()))
}

// strict makes every fault of usage below cmd an error with exit code 2; cobra lets some pass and marks none.
func strict(cmd *cobra.Command) {
	for _, below := range cmd.Commands() {
		strict(below)
	}
	if cmd.HasSubCommands() && !cmd.Runnable() {
		cmd.Args, cmd.RunE = cobra.ArbitraryArgs, chooseSubcommand
	}
	if !cmd.Runnable() {
		return
	}
	check := cmd.Args
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		faults := []error{cmd.ValidateRequiredFlags(), cmd.ValidateFlagGroups()}
		if check != nil {
			faults = append(faults, check(cmd, args))
		}
		if err := errors.Join(faults...); err != nil {
			return usage(fmt.Errorf("%w; see '%s --help'", err, cmd.CommandPath()))
		}
		return nil
	}
}

// chooseSubcommand runs where a subcommand is missing or not known.
func chooseSubcommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return usage(fmt.Errorf("%s: name a command, one of %s; see '%[1]s --help'", cmd.CommandPath(), strings.Join(commandNames(cmd), ", ")))
	}
	cmd.SuggestionsMinimumDistance = 2
	if meant := cmd.SuggestionsFor(args[0]); len(meant) > 0 {
		return usage(fmt.Errorf("unknown command %q: did you mean '%s %s'?", args[0], cmd.CommandPath(), meant[0]))
	}
	return usage(fmt.Errorf("unknown command %q: use one of %s; see '%s --help'", args[0], strings.Join(commandNames(cmd), ", "), cmd.CommandPath()))
}

func commandNames(cmd *cobra.Command) []string {
	var names []string
	for _, below := range cmd.Commands() {
		if below.IsAvailableCommand() {
			names = append(names, below.Name())
		}
	}
	return names
}
