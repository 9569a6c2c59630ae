package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/belay-ha/belay/cluster/api"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/resources"
)

const scopeHelp = `SCOPE is cluster, node/NAME, resource/ID (a resource or a group) or agent/PATTERN:
the whole name of an agent, with * for any part (systemd:nova-*), or what stands
before its colon (systemd).`

func (a *app) maintenanceCommand() *cobra.Command {
	return a.parent("maintenance", "Leave things alone for a while, on record", "  belayctl maintenance set resource/galera --for 2h --reason 'new disks'\n  belayctl maintenance list",
		a.maintenanceSetCommand(), a.maintenanceEndCommand(), a.maintenanceListCommand())
}

func (a *app) maintenanceSetCommand() *cobra.Command {
	var flags changeFlags
	var lifetime waitFlag
	var reason, owner string
	cmd := &cobra.Command{
		Use: "set SCOPE --reason TEXT [--for TIME] [--owner NAME]", Short: "Begin a maintenance, or replace that of the same scope", Args: arguments(1, 1),
		Long: "What is in maintenance is not started, stopped, recovered or, a node, fenced. Monitors\ngo on and report. It holds over restarts of daemons and hosts and changes of the\nleader, until its time is over or it is ended; status shows it meanwhile, and for a\nday that it has expired. What ends on a node in maintenance may be started elsewhere: to\nkeep it down, put the resource into maintenance, too.\n\n" + scopeHelp,
		Example: "  belayctl maintenance set resource/galera --for 2h --reason 'new disks'\n" +
			"  belayctl maintenance set 'agent/systemd:nova-*' --reason 'upgrade of Nova' --owner 'compute team'\n  belayctl maintenance set cluster --for 30m --reason 'switch replaced'",
	}
	flags.add(cmd)
	cmd.Flags().Var(&lifetime, "for", "how long it holds (default: until it is ended)")
	cmd.Flags().StringVar(&reason, "reason", "", "why, for the record; required")
	cmd.Flags().StringVar(&owner, "owner", "", "whose it is (default: whoever gives the command)")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if reason == "" {
			return usage("say why with --reason: others will see it in status")
		}
		if err := a.checkScope(cmd.Context(), state.Scope(args[0])); err != nil {
			return err
		}
		set := &state.MaintenanceSet{Scope: state.Scope(args[0]), Owner: owner, Reason: reason}
		done := args[0] + " is in maintenance until it is ended"
		if lifetime.time > 0 {
			set.Until = a.now().Add(lifetime.time.Std()).UTC().Truncate(time.Second)
			done = args[0] + " is in maintenance until " + set.Until.Format(time.RFC3339)
		}
		return a.command(cmd.Context(), &flags, set, done)
	}
	return cmd
}

// checkScope refuses what is no scope, with what was probably meant, and notes that a
// pattern of agents chooses nothing. What it names, the cluster checks.
func (a *app) checkScope(ctx context.Context, scope state.Scope) error {
	kind, name := scope.Parts()
	if scope == state.ScopeCluster || (kind == "node" || kind == "resource") && name != "" {
		return nil
	}
	c, err := a.cluster()
	if err != nil {
		return err
	}
	current, err := call(ctx, c.Definition)
	if err != nil {
		return err
	}
	if kind == "agent" && name != "" {
		var agents []string
		for _, r := range current.Definition.Everything() {
			if state.AgentMatches(name, r.Agent) {
				return nil
			}
			if !slices.Contains(agents, r.Agent) {
				agents = append(agents, r.Agent)
			}
		}
		slices.Sort(agents)
		fmt.Fprintf(a.errOut, "note: %s chooses none of the resources that are defined now; their agents are %s\n", scope, few(agents, 8))
		return nil
	}
	text := fmt.Sprintf("%q is no scope: write cluster, node/NAME, resource/ID or agent/PATTERN", scope)
	for _, meant := range a.scopes(current.Definition) {
		if _, bare, _ := strings.Cut(meant, "/"); bare == string(scope) {
			text += fmt.Sprintf("; did you mean %s?", meant)
			break
		}
	}
	return usage("%s", text)
}

func (a *app) maintenanceEndCommand() *cobra.Command {
	var flags changeFlags
	cmd := &cobra.Command{
		Use: "end SCOPE", Short: "End a maintenance, or clear one that has expired", Args: arguments(1, 1), Long: "The cluster manages what is in the scope again, at once.\n\n" + scopeHelp,
		Example: "  belayctl maintenance end resource/galera --wait=600s",
	}
	flags.add(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return a.command(cmd.Context(), &flags, &state.MaintenanceEnded{Scope: state.Scope(args[0])}, args[0]+" is out of maintenance")
	}
	return cmd
}

func (a *app) maintenanceListCommand() *cobra.Command {
	var stale bool
	cmd := &cobra.Command{
		Use: "list", Short: "List what is in maintenance, whose, why and until when", Args: arguments(0, 0), Example: "  belayctl maintenance list\n  belayctl maintenance list -o json",
		Long: "Lists what is in maintenance by command. What the definition leaves alone\n(maintenance_mode, managed and maintenance of resources) is in: belayctl export.",
	}
	cmd.Flags().BoolVar(&stale, "stale", false, "ask this member only, without quorum")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		status, err := a.status(cmd.Context(), stale)
		if err != nil {
			return err
		}
		return a.print(orEmpty(status.Maintenance), func(w io.Writer) {
			if len(status.Maintenance) == 0 {
				fmt.Fprintln(w, "nothing is in maintenance")
				return
			}
			table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
			fmt.Fprintln(table, "SCOPE\tOWNER\tBY\tSINCE\tUNTIL\tREASON")
			for _, m := range status.Maintenance {
				fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\n", m.Scope, m.Whose(), m.By, m.At.UTC().Format(time.RFC3339), untilWord(m), orDash(m.Reason))
			}
			table.Flush()
		})
	}
	return cmd
}

func untilWord(m api.MaintenanceStatus) string {
	switch until := m.Until.UTC().Format(time.RFC3339); {
	case m.Expired:
		return "expired " + until
	case m.Until.IsZero():
		return "it is ended"
	default:
		return until
	}
}

// printMaintenance shows what is in maintenance but nodes, which say it in their
// own lines, and everything that has expired; then what the definition has left alone.
func (a *app) printMaintenance(w io.Writer, s api.Status) {
	shown := slices.DeleteFunc(slices.Clone(s.Maintenance), func(m api.MaintenanceStatus) bool {
		kind, _ := m.Scope.Parts()
		return kind == "node" && !m.Expired
	})
	alone := leftAlone(s)
	if len(shown) == 0 && len(alone) == 0 {
		return
	}
	fmt.Fprintln(w, a.paint(bold, "\nmaintenance"))
	for _, m := range shown {
		text := fmt.Sprintf("%s by %s", m.Scope, m.Whose())
		if m.Reason != "" {
			text += " (" + m.Reason + ")"
		}
		if m.Expired {
			fmt.Fprintf(w, "  %s\n", a.paint(dim, text+" has expired at "+m.Until.UTC().Format(time.RFC3339)+": it is managed again"))
			continue
		}
		if !m.Until.IsZero() {
			text += " until " + m.Until.UTC().Format(time.RFC3339)
		}
		fmt.Fprintf(w, "  %s\n    next: belayctl maintenance end %s\n", a.paint(yellow, text), m.Scope.Typed())
	}
	for _, line := range alone {
		fmt.Fprintf(w, "  %s\n    next: %s\n", a.paint(yellow, line[0]), line[1])
	}
}

// leftAlone says what the definition has left alone, each with the next command.
func leftAlone(s api.Status) [][2]string {
	var list [][2]string
	if s.MaintenanceMode {
		list = append(list, [2]string{"cluster by the definition (maintenance_mode)", "belayctl property set maintenance_mode=false"})
	}
	var names []string
	for _, d := range s.Defined {
		if !d.Managed {
			names = append(names, string(d.ID))
		}
	}
	if len(names) > 0 {
		list = append(list, [2]string{someNames(names) + " by the definition (unmanaged)", "belayctl explain " + names[0]})
	}
	return list
}

// scopes are those that can be completed.
func (a *app) scopes(def *resources.Definition) []string {
	found := []string{string(state.ScopeCluster)}
	for _, name := range definedNames(def, "NODE") {
		found = append(found, "node/"+name)
	}
	for _, name := range definedNames(def, "ID") {
		found = append(found, "resource/"+name)
	}
	for i := range def.Resources {
		if agent := "agent/" + def.Resources[i].Agent; !slices.Contains(found, agent) {
			found = append(found, agent)
		}
	}
	return found
}
