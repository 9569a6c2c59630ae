package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/belay-ha/belay/internal/codes"
)

// helpCommand shows the help of a command, and the story of an error code.
func (a *app) helpCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "help [COMMAND...]", Short: "Show the help of a command, or the story of an error code", Args: cobra.ArbitraryArgs,
		Example: "  belayctl help resource create\n  belayctl help errors no_quorum",
		RunE: func(cmd *cobra.Command, args []string) error {
			at := cmd.Root()
			for _, word := range args {
				child := childOf(at, word)
				if child == nil {
					return noSubcommand(at, []string{word})
				}
				at = child
			}
			return at.Help()
		},
	}
	cmd.AddCommand(a.helpErrorsCommand())
	return cmd
}

// childOf returns the command of that name, or that has the name as an alias.
func childOf(cmd *cobra.Command, name string) *cobra.Command {
	for _, child := range cmd.Commands() {
		if child.IsAvailableCommand() && (child.Name() == name || child.HasAlias(name)) {
			return child
		}
	}
	return nil
}

func (a *app) helpErrorsCommand() *cobra.Command {
	return &cobra.Command{
		Use: "errors [CODE...]", Short: "List the error codes, or tell what each means, why it comes and what to do", Args: cobra.ArbitraryArgs,
		Long: `Every error, and every problem that the cluster tells, has a code in brackets at the
end of its line, which stays as it is from release to release. Without a code all
are listed. With -o json an error is the last line on the standard error:
{"error": {"code": ..., "text": ..., "exit": ..., "next": [...], "problems": [...]}}.`,
		Example: "  belayctl help errors\n  belayctl help errors unknown_name\n  belayctl help errors -o json",
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return a.print(codes.All(), printCodes)
			}
			var found []codes.Entry
			for _, arg := range args {
				story, known := codes.Find(strings.Trim(arg, "[]"))
				if !known {
					return unknownName("error code", arg, codeNames())
				}
				found = append(found, story)
			}
			return a.print(found, func(w io.Writer) {
				for i, story := range found {
					if i > 0 {
						fmt.Fprintln(w)
					}
					printCode(w, story)
				}
			})
		},
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return codeNames(), cobra.ShellCompDirectiveNoFileComp
		},
	}
}

func codeNames() []string {
	var names []string
	for _, e := range codes.All() {
		names = append(names, e.Code)
	}
	return names
}

func printCodes(w io.Writer) {
	all := codes.All()
	for i, family := range codes.Families() {
		if i > 0 {
			fmt.Fprintln(w)
		}
		fmt.Fprintf(w, "%s: %s\n", family.Family, family.Text)
		table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
		for _, e := range all {
			if e.Family == family.Family {
				fmt.Fprintf(table, "  %s\t%s\n", e.Code, e.Short)
			}
		}
		table.Flush()
	}
}

func printCode(w io.Writer, e codes.Entry) {
	fmt.Fprintf(w, "%s: %s\n\n", e.Code, e.Short)
	fmt.Fprintf(w, "Why:   %s\n", wrap(e.Cause, 7))
	fmt.Fprintf(w, "Cure:  %s\n", wrap(e.Cure, 7))
	fmt.Fprintf(w, "Next:  %s\n", e.Next)
	if e.Exit != exitDone {
		fmt.Fprintf(w, "Exit:  %d\n", e.Exit)
	}
	fmt.Fprintf(w, "\nExample:\n  %s\n", strings.ReplaceAll(strings.TrimSpace(e.Example), "\n", "\n  "))
}

// wrap breaks text into lines of at most 80 columns; all but the first are
// indented.
func wrap(text string, indent int) string {
	const width = 80
	var out strings.Builder
	column := indent
	for i, word := range strings.Fields(text) {
		switch {
		case i == 0:
		case column+1+len(word) > width:
			out.WriteString("\n" + strings.Repeat(" ", indent))
			column = indent
		default:
			out.WriteByte(' ')
			column++
		}
		out.WriteString(word)
		column += len(word)
	}
	return out.String()
}
