package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/belay-ha/belay/cluster/simulate"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/resources"
)

func (a *app) ticketCommand() *cobra.Command {
	yes, no := true, false
	return a.parent("ticket", "The rights of this site to run something", "  belayctl ticket list\n  belayctl ticket grant geo --wait",
		a.ticketChange("grant", "Let this site run what needs a ticket", "granted", state.TicketSet{Granted: &yes}),
		a.ticketChange("revoke", "Take a ticket from this site: what needs it does as its loss_policy says", "revoked", state.TicketSet{Granted: &no}),
		a.ticketChange("standby", "Stop what needs a ticket in order, before it is revoked", "on standby", state.TicketSet{Standby: &yes}),
		a.ticketChange("activate", "End a ticket's standby", "active", state.TicketSet{Standby: &no}),
		a.ticketChange("forget", "Forget a ticket, which revokes it", "forgotten", state.TicketSet{Forget: true}),
		a.ticketListCommand(),
	)
}

func (a *app) ticketChange(verb, short, done string, set state.TicketSet) *cobra.Command {
	var flags changeFlags
	cmd := &cobra.Command{
		Use: verb + " TICKET", Short: short, Args: arguments(1, 1), Example: "  belayctl ticket " + verb + " geo",
		Long: short + ".\n\nTickets bind resources by [[ticket]] in the definition (belayctl constraint ticket).\nNobody but you, or what arbitrates between your sites, knows whether another site\nstill holds one: revoke it there, and see it gone, before you grant it here.",
	}
	flags.add(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		command := set
		command.Ticket = resources.TicketName(args[0])
		if err := a.noteNeedless(cmd.Context(), args[0]); err != nil {
			return err
		}
		return a.command(cmd.Context(), &flags, &command, "ticket "+args[0]+" is "+done)
	}
	return cmd
}

// noteNeedless says of a ticket that nothing needs it: it may be misspelt, or its
// constraints are still to come.
func (a *app) noteNeedless(ctx context.Context, name string) error {
	s, err := a.state(ctx, false)
	if err != nil {
		return err
	}
	if known := simulate.Tickets(s); !slices.Contains(known, name) {
		fmt.Fprintf(a.errOut, "note: nothing needs a ticket %q: %s\n", name, hint(name, known))
	}
	return nil
}

// ticketLine is one ticket as it is listed: what the state knows of it, and what
// needs it.
type ticketLine struct {
	Ticket  resources.TicketName `json:"ticket"`
	Granted bool                 `json:"granted"`
	Standby bool                 `json:"standby"`
	At      time.Time            `json:"at,omitzero"`
	By      string               `json:"by,omitempty"`
	// Constraints are the ids of what binds resources to it.
	Constraints []string `json:"constraints"`
}

func (l *ticketLine) word() string {
	switch {
	case l.Granted && l.Standby:
		return "standby"
	case l.Granted:
		return "granted"
	default:
		return "revoked"
	}
}

func (a *app) ticketListCommand() *cobra.Command {
	var stale bool
	cmd := &cobra.Command{Use: "list", Short: "List tickets, and what needs them", Args: arguments(0, 0), Example: "  belayctl ticket list\n  belayctl ticket list -o json"}
	cmd.Flags().BoolVar(&stale, "stale", false, "what this member knows, without quorum")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		current, err := a.state(cmd.Context(), stale)
		if err != nil {
			return err
		}
		lines := ticketLines(current)
		return a.print(orEmpty(lines), func(w io.Writer) {
			if len(lines) == 0 {
				fmt.Fprintln(w, "no tickets")
				return
			}
			table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
			fmt.Fprintln(table, "TICKET\tSTATE\tSINCE\tBY\tNEEDED BY")
			for _, l := range lines {
				since := "-"
				if !l.At.IsZero() {
					since = l.At.UTC().Format(time.RFC3339)
				}
				fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%d constraints\n", l.Ticket, l.word(), since, orDash(l.By), len(l.Constraints))
			}
			table.Flush()
		})
	}
	return cmd
}

func ticketLines(s *state.State) []ticketLine {
	byName := map[resources.TicketName]*ticketLine{}
	line := func(name resources.TicketName) *ticketLine {
		if byName[name] == nil {
			byName[name] = &ticketLine{Ticket: name, Constraints: []string{}}
		}
		return byName[name]
	}
	for name, t := range s.Tickets {
		l := line(name)
		l.Granted, l.Standby, l.At, l.By = t.Granted, t.Standby, t.At, t.By
	}
	for _, use := range s.Definition.Tickets {
		l := line(use.Ticket)
		l.Constraints = append(l.Constraints, use.ID)
	}
	lines := make([]ticketLine, 0, len(byName))
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		lines = append(lines, *byName[name])
	}
	return lines
}
