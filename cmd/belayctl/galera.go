package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/belay-ha/belay/cluster/api"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/resources"
)

func (a *app) galeraCommand() *cobra.Command {
	return a.parent("galera", "The Galera cluster's members and its bootstrap", "  belayctl galera status\n  belayctl galera bootstrap --from controller-1 --reason 'disk of controller-0 is lost'",
		a.galeraStatusCommand(), a.galeraBootstrapCommand())
}

// galeraOf returns the galera resource that was named, or the only one.
func galeraOf(status api.Status, args []string) (summary, error) {
	var found []summary
	var names []string
	for _, d := range status.Defined {
		if d.Agent == "galera" {
			found = append(found, d)
			names = append(names, string(d.ID))
		}
	}
	switch {
	case len(found) == 0:
		return summary{}, usage("there is no resource with the agent galera")
	case len(args) == 1:
		i := slices.Index(names, args[0])
		if i < 0 {
			return summary{}, unknownName("galera resource", args[0], names)
		}
		return found[i], nil
	case len(found) > 1:
		return summary{}, usage("there are several: name one of %s", strings.Join(names, ", "))
	}
	return found[0], nil
}

func (a *app) galeraStatusCommand() *cobra.Command {
	var stale bool
	cmd := &cobra.Command{
		Use: "status [RESOURCE]", Short: "Show every member's position, and which one may bootstrap and why", Args: arguments(0, 1), Example: "  belayctl galera status\n  belayctl galera status -o json",
	}
	cmd.Flags().BoolVar(&stale, "stale", false, "ask this member only, without quorum")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		status, err := a.status(cmd.Context(), stale)
		if err != nil {
			return err
		}
		galera, err := galeraOf(status, args)
		if err != nil {
			return err
		}
		members := slices.DeleteFunc(slices.Clone(status.Resources), func(r instance) bool { return r.Resource != galera.ID })
		answer := galeraAnswer{galera.ID, orEmpty(members), galera.Advice}
		return a.print(answer, func(w io.Writer) { a.printGalera(w, galera, members) })
	}
	return cmd
}

func (a *app) printGalera(w io.Writer, galera summary, members []instance) {
	for _, m := range members {
		fmt.Fprintln(w, a.instanceLine(m, true))
		for _, name := range slices.Sorted(maps.Keys(m.Attributes)) {
			fmt.Fprintf(w, "    %s: %s\n", name, m.Attributes[name])
		}
	}
	if galera.Advice == nil {
		fmt.Fprintln(w, "no decision was needed yet")
		return
	}
	if len(galera.Advice.Table) > 0 {
		fmt.Fprintln(w)
		table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
		for _, row := range galera.Advice.Table {
			fmt.Fprintln(table, strings.Join(row, "\t"))
		}
		table.Flush()
	}
	code := green
	if galera.Advice.Blocked {
		code = red
	}
	fmt.Fprintln(w, a.paint(code, galera.Advice.Reason))
}

func (a *app) galeraBootstrapCommand() *cobra.Command {
	var flags changeFlags
	var from, reason string
	var cancel, yes bool
	cmd := &cobra.Command{
		Use: "bootstrap [RESOURCE] --from NODE --reason TEXT", Short: "Let one member begin the database anew, against the cluster's own choice", Args: arguments(0, 1),
		Long: `Records your word that NODE holds the data to go on with, when the cluster cannot
choose by itself. What other members have beyond it is lost. Look at
"belayctl galera status" first.`,
		Example: "  belayctl galera bootstrap --from controller-1 --reason 'disk of controller-0 is lost' --wait\n  belayctl galera bootstrap --cancel",
	}
	flags.add(cmd)
	cmd.Flags().StringVar(&from, "from", "", "the node whose data is the right one")
	cmd.Flags().StringVar(&reason, "reason", "", "why, for the record")
	cmd.Flags().BoolVar(&cancel, "cancel", false, "take your word back")
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask again")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		switch {
		case cancel == (from != ""):
			return usage("write --from NODE, or --cancel")
		case !cancel && strings.TrimSpace(reason) == "":
			return usage("say why %s has the right data: --reason TEXT", from)
		}
		status, err := a.status(cmd.Context(), false)
		if err != nil {
			return err
		}
		galera, err := galeraOf(status, args)
		if err != nil {
			return err
		}
		command := &state.ResourceOverridden{Resource: galera.ID, Reason: reason}
		done := fmt.Sprintf("%s chooses by itself again", galera.ID)
		if !cancel {
			var names []string
			for _, n := range status.Nodes {
				names = append(names, string(n.Name))
			}
			if !slices.Contains(names, from) {
				return unknownName("node", from, names)
			}
			if !yes {
				if err := a.ask(fmt.Sprintf("What other members have beyond %s is lost. Type its name: ", from), from); err != nil {
					return err
				}
			}
			// An override counts once: the time makes a later one a new one.
			command.Words = map[string]string{"bootstrap": from, "at": a.now().UTC().Format(time.RFC3339Nano)}
			done = fmt.Sprintf("%s begins anew from %s", galera.ID, from)
		}
		return a.command(cmd.Context(), &flags, command, done, []resources.ResourceID{galera.ID}...)
	}
	return cmd
}
