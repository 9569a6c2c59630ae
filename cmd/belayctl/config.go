package main

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/belay-ha/belay/cluster/api"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/resources/definition"
)

func (a *app) configCommand() *cobra.Command {
	return a.parent("config", "The definition's earlier revisions", "  belayctl config history\n  belayctl config diff 12",
		a.configHistoryCommand(), a.configShowCommand(), a.configDiffCommand(), a.configRollbackCommand())
}

func (a *app) revisions(ctx context.Context) ([]state.Revision, error) {
	c, err := a.cluster()
	if err != nil {
		return nil, err
	}
	answer, err := call(ctx, func(ctx context.Context) (api.RevisionsAnswer, error) { return c.Revisions(ctx, "") })
	return answer.Revisions, err
}

// revisionAnswer is one line of the history.
type revisionAnswer struct {
	Revision uint64    `json:"revision"`
	At       time.Time `json:"at"`
	By       string    `json:"by"`
	Owner    string    `json:"owner,omitempty"`
	Note     string    `json:"note,omitempty"`
	// Changes against the revision before; none for the oldest that is kept.
	Changes []string `json:"changes,omitempty"`
}

func revisionLine(r state.Revision) string {
	text := fmt.Sprintf("revision %d by %s, %s", r.Index, r.By, r.At.Format(time.RFC3339))
	for _, more := range []string{r.Owner, r.Note} {
		if more != "" {
			text += ", " + more
		}
	}
	return text
}

func (a *app) configHistoryCommand() *cobra.Command {
	return &cobra.Command{
		Use: "history", Short: "List the revisions that are kept: who changed what, when", Args: arguments(0, 0),
		Long:    fmt.Sprintf("Lists the newest revisions of the definition, at most %d, newest first.", state.MaxRevisions),
		Example: "  belayctl config history\n  belayctl config history -o json",
		RunE: func(cmd *cobra.Command, _ []string) error {
			revisions, err := a.revisions(cmd.Context())
			if err != nil {
				return err
			}
			list := []revisionAnswer{}
			for n := len(revisions) - 1; n >= 0; n-- {
				r := revisions[n]
				one := revisionAnswer{Revision: r.Index, At: r.At, By: r.By, Owner: r.Owner, Note: r.Note}
				if n > 0 {
					for _, change := range definition.Diff(revisions[n-1].Definition, r.Definition) {
						one.Changes = append(one.Changes, change.Path+" "+string(change.Kind))
					}
				}
				list = append(list, one)
			}
			return a.print(list, func(w io.Writer) { printHistory(w, list) })
		},
	}
}

func printHistory(w io.Writer, list []revisionAnswer) {
	if len(list) == 0 {
		fmt.Fprintln(w, "no revisions are kept yet")
		return
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	defer table.Flush()
	fmt.Fprintln(table, "REVISION\tAT\tBY\tFROM\tCHANGES")
	for _, r := range list {
		from := strings.TrimSpace(strings.Join([]string{r.Owner, r.Note}, " "))
		fmt.Fprintf(table, "%d\t%s\t%s\t%s\t%s\n", r.Revision, r.At.Format(time.RFC3339), r.By, orDash(from), orDash(few(r.Changes, 3)))
	}
}

// few joins at most so many words, and counts the others.
func few(list []string, most int) string {
	if len(list) <= most {
		return strings.Join(list, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(list[:most], ", "), len(list)-most)
}

// onRevisions makes a command of one that looks at the revisions which its
// arguments name; it is also given the newest.
func (a *app) onRevisions(run func(cmd *cobra.Command, chosen []state.Revision, newest state.Revision) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		revisions, err := a.revisions(cmd.Context())
		if err != nil {
			return err
		}
		var chosen []state.Revision
		for _, arg := range args {
			one, err := findRevision(revisions, arg)
			if err != nil {
				return err
			}
			chosen = append(chosen, one)
		}
		var newest state.Revision
		if len(revisions) > 0 {
			newest = revisions[len(revisions)-1]
		}
		return run(cmd, chosen, newest)
	}
}

// findRevision returns one of the revisions by its number.
func findRevision(revisions []state.Revision, text string) (state.Revision, error) {
	number, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return state.Revision{}, usage("revision %q: write a number of belayctl config history", text)
	}
	var known []string
	for _, r := range revisions {
		if r.Index == number {
			return r, nil
		}
		known = append(known, strconv.FormatUint(r.Index, 10))
	}
	return state.Revision{}, bad(codeUnknownName, "revision %d is not kept: there are %s", number, strings.Join(known, ", "))
}

func (a *app) configShowCommand() *cobra.Command {
	return &cobra.Command{
		Use: "show REV", Short: "Write an earlier definition as a file", Args: arguments(1, 1), Example: "  belayctl config show 12 > cluster.toml", ValidArgsFunction: a.completeRevisions,
		RunE: a.onRevisions(func(_ *cobra.Command, chosen []state.Revision, _ state.Revision) error {
			return a.print(chosen[0], func(w io.Writer) { w.Write(definition.Encode(chosen[0].Definition)) })
		}),
	}
}

func (a *app) configDiffCommand() *cobra.Command {
	return &cobra.Command{
		Use: "diff REV [REV]", Short: "Show what changed between two revisions, or since one", Args: arguments(1, 2), Example: "  belayctl config diff 12\n  belayctl config diff 12 15", ValidArgsFunction: a.completeRevisions,
		RunE: a.onRevisions(func(_ *cobra.Command, chosen []state.Revision, newest state.Revision) error {
			changes := definition.Diff(chosen[0].Definition, append(chosen, newest)[1].Definition)
			return a.print(orEmpty(changes), func(w io.Writer) {
				if len(changes) == 0 {
					fmt.Fprintln(w, "nothing differs")
				}
				a.printDiff(w, changes)
			})
		}),
	}
}

func (a *app) configRollbackCommand() *cobra.Command {
	flags := changeFlags{diff: true}
	var yes bool
	cmd := &cobra.Command{
		Use: "rollback REV", Short: "Make the definition again what it was", Args: arguments(1, 1),
		Long:    "Sets the definition of an earlier revision, as a new one. As apply, it shows what differs and\nasks before it interrupts services. Secrets, moves and standby are no part of definitions.",
		Example: "  belayctl config rollback 12 --dry-run\n  belayctl config rollback 12 --yes --wait", ValidArgsFunction: a.completeRevisions,
	}
	flags.add(cmd)
	cmd.Flags().BoolVarP(&yes, "yes", "y", false, "interrupt services without asking")
	cmd.RunE = a.onRevisions(func(cmd *cobra.Command, chosen []state.Revision, _ state.Revision) error {
		r := chosen[0]
		c, err := a.cluster()
		if err != nil {
			return err
		}
		current, err := call(cmd.Context(), c.Definition)
		if err != nil {
			return err
		}
		if err := a.check(current.Definition, r.Definition); err != nil {
			return err
		}
		next := &changeSet{definition: r.Definition, note: fmt.Sprintf("rollback to %d", r.Index), owners: ownersOf(current.Owners, definition.ThingPaths(r.Definition))}
		return a.carryOut(cmd.Context(), c, current, next, &flags, yes)
	})
	return cmd
}

// ownersOf keeps the owners of what there is.
func ownersOf(owners state.Owners, paths []string) state.Owners {
	kept := state.Owners{}
	for _, path := range paths {
		if owner := owners[path]; owner != "" {
			kept[path] = owner
		}
	}
	return kept
}

func (a *app) completeRevisions(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
	ctx, cancel := context.WithTimeout(cmd.Context(), completeTimeout)
	defer cancel()
	revisions, err := a.revisions(ctx)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var names []string
	for _, r := range revisions {
		names = append(names, fmt.Sprintf("%d\t%s", r.Index, revisionLine(r)))
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}
