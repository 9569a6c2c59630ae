package main

import (
	"context"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/belay-ha/belay/cluster/api"
	"github.com/belay-ha/belay/cluster/state"
)

func (a *app) auditCommand() *cobra.Command {
	list := a.auditListCommand()
	cmd := a.parent("audit", "Who changed what, from where and when, in a chain that shows tampering", "  belayctl audit\n  belayctl audit --by alice\n  belayctl audit export > audit.json\n  belayctl audit verify audit.json",
		list, a.auditVerifyCommand(), a.auditExportCommand())
	cmd.Long = "Without a word, what audit list does.\n\n" + list.Long
	cmd.Flags().AddFlagSet(list.Flags())
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) > 0 {
			return noSubcommand(cmd, args)
		}
		return list.RunE(cmd, args)
	}
	return cmd
}

func (a *app) audit(ctx context.Context, stale bool) (api.AuditAnswer, error) {
	c, err := a.cluster()
	if err != nil {
		return api.AuditAnswer{}, err
	}
	return call(ctx, func(ctx context.Context) (api.AuditAnswer, error) { return c.Audit(ctx, stale) })
}

func (a *app) auditListCommand() *cobra.Command {
	var stale bool
	var most int
	var by string
	cmd := &cobra.Command{
		Use: "list", Short: "List the changes, oldest first", Args: arguments(0, 0), Example: "  belayctl audit list\n  belayctl audit list --by alice -n 0 -o json",
		Long: fmt.Sprintf("Lists what people and the cluster itself changed: definitions, maintenance, members,\nfencing, secrets, roles. What runs where is in: belayctl history. The newest %d\nrecords are kept.", state.MaxAudit),
	}
	cmd.Flags().BoolVar(&stale, "stale", false, "ask this member only, without quorum")
	cmd.Flags().IntVarP(&most, "number", "n", 50, "the newest so many; 0 for all that are kept")
	cmd.Flags().StringVar(&by, "by", "", "what this one did")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if most < 0 {
			return usage("-n %d: write 0 or more", most)
		}
		answer, err := a.audit(cmd.Context(), stale)
		if err != nil {
			return err
		}
		shown := []state.AuditRecord{}
		for _, r := range answer.Records {
			if by == "" || r.By == by {
				shown = append(shown, r)
			}
		}
		if most > 0 {
			shown = shown[max(0, len(shown)-most):]
		}
		return a.print(shown, func(w io.Writer) {
			table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
			fmt.Fprintln(table, "NUMBER\tTIME\tBY\tFROM\tWHAT")
			for _, r := range shown {
				fmt.Fprintf(table, "%d\t%s\t%s\t%s\t%s\n", r.Number, r.At.Format(time.RFC3339), r.By, orDash(r.From), auditWords(r))
			}
			table.Flush()
		})
	}
	return cmd
}

// auditWords says what a record is about.
func auditWords(r state.AuditRecord) string {
	if r.Text == "" {
		return r.Command
	}
	return r.Command + ": " + r.Text
}

func (a *app) auditExportCommand() *cobra.Command {
	var stale bool
	cmd := &cobra.Command{
		Use: "export", Short: "Write all records that are kept, as JSON", Args: arguments(0, 0), Example: "  belayctl audit export > audit.json",
		Long: "Writes the records with their hashes, and the hash of what was dropped before them.\nKept elsewhere, an export proves later that nothing in it was changed since:\nbelayctl audit verify FILE.",
	}
	cmd.Flags().BoolVar(&stale, "stale", false, "ask this member only, without quorum")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		answer, err := a.audit(cmd.Context(), stale)
		if err != nil {
			return err
		}
		a.output = "json"
		return a.print(answer, nil)
	}
	return cmd
}
