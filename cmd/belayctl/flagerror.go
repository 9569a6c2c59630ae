package main

import (
	"errors"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/belay-ha/belay/resources"
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
