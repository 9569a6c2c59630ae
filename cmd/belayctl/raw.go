package main

import (
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// raw makes a command whose words are pcs' and not flags: their order counts,
// and scores begin with a dash. Belay's own flags may stand anywhere among them,
// up to a word "--"; run gets the other words.
func raw(cmd *cobra.Command, run func(cmd *cobra.Command, words []string) error) *cobra.Command {
	cmd.DisableFlagParsing = true
	cmd.Args = cobra.ArbitraryArgs
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		cmd.DisableFlagParsing = false
		own, words := splitOwn(cmd, args)
		if err := cmd.ParseFlags(own); err != nil {
			return flagError(cmd, err)
		}
		if help, err := cmd.Flags().GetBool("help"); err == nil && help {
			return cmd.Help()
		}
		if output := cmd.Flags().Lookup("output"); output != nil && output.Value.String() != "text" && output.Value.String() != "json" {
			return usage("output %q: write text or json", output.Value)
		}
		return misspelt(cmd, words, run(cmd, words))
	}
	return cmd
}

// splitOwn separates a command's own flags from its words.
func splitOwn(cmd *cobra.Command, args []string) (own, words []string) {
	cmd.InitDefaultHelpFlag()
	find := func(arg string) *pflag.Flag {
		if name, isLong := strings.CutPrefix(arg, "--"); isLong {
			name, _, _ = strings.Cut(name, "=")
			if flag := cmd.Flags().Lookup(name); flag != nil {
				return flag
			}
			return cmd.InheritedFlags().Lookup(name)
		}
		if len(arg) != 2 || arg[0] != '-' {
			return nil
		}
		if flag := cmd.Flags().ShorthandLookup(arg[1:]); flag != nil {
			return flag
		}
		return cmd.InheritedFlags().ShorthandLookup(arg[1:])
	}
	for i := 0; i < len(args); i++ {
		if args[i] == "--" {
			return own, append(words, args[i+1:]...)
		}
		flag := find(args[i])
		if flag == nil {
			words = append(words, args[i])
			continue
		}
		own = append(own, args[i])
		if flag.NoOptDefVal == "" && !strings.Contains(args[i], "=") && i+1 < len(args) {
			i++
			own = append(own, args[i])
		}
	}
	return own, words
}
