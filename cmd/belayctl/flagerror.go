package main

import (
	"errors"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/belay-ha/belay/resources"
	"github.com/belay-ha/belay/resources/edit"
)

// flagError says of a flag that cannot be read what was meant.
func flagError(cmd *cobra.Command, err error) error {
	text := err.Error()
	var unknown *pflag.NotExistError
	if errors.As(err, &unknown) {
		if best, ok := resources.Nearest(unknown.GetSpecifiedName(), flagNames(cmd)); ok && len(unknown.GetSpecifiedName()) > 1 {
			text += ": did you mean --" + best + "?"
		}
	}
	return bad(codeUnknownFlag, "%s; see: %s --help", strings.TrimSpace(text), cmd.CommandPath())
}

// flagNames are the long names of every flag that a command takes.
func flagNames(cmd *cobra.Command) []string {
	var names []string
	collect := func(f *pflag.Flag) {
		if !f.Hidden {
			names = append(names, f.Name)
		}
	}
	cmd.LocalFlags().VisitAll(collect)
	cmd.InheritedFlags().VisitAll(collect)
	return names
}

// misspelt finds, when words make no command, the one that was likely meant as a
// flag of the command.
func misspelt(cmd *cobra.Command, words []string, err error) error {
	var refusal *edit.Error
	if !errors.As(err, &refusal) {
		return err
	}
	for _, word := range words {
		name, isFlag := strings.CutPrefix(word, "--")
		name, _, _ = strings.Cut(name, "=")
		if !isFlag {
			continue
		}
		if best, near := resources.Nearest(name, flagNames(cmd)); near {
			return bad(codeUnknownFlag, "unknown flag: --%s: did you mean --%s?; see: %s --help", name, best, cmd.CommandPath())
		}
	}
	return err
}
