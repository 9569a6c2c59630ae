package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/resources"
)

func (a *app) nodeCommand() *cobra.Command {
	return a.parent("node", "The cluster's members", "  belayctl node list\n  belayctl node standby controller-1 --wait",
		a.standbyCommand("standby", "Move everything off a node and start nothing there", true), a.standbyCommand("unstandby", "Let a node run things again", false),
		a.nodeMaintenanceCommand(), a.nodeUnmaintenanceCommand(), a.nodeListCommand(), a.nodeAttributeCommand(), a.nodeUtilizationCommand(), a.nodeRemoveCommand(),
	)
}

func (a *app) standbyCommand(verb, short string, on bool) *cobra.Command {
	var flags changeFlags
	cmd := &cobra.Command{
		Use: verb + " NODE", Short: short, Args: arguments(1, 1), Example: fmt.Sprintf("  belayctl node %s controller-1 --wait=600s", verb),
	}
	flags.add(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		done := args[0] + " is in standby"
		if !on {
			done = args[0] + " may run things"
		}
		return a.command(cmd.Context(), &flags, &state.NodeStandby{Node: resources.NodeName(args[0]), Standby: on}, done)
	}
	return cmd
}

func (a *app) nodeMaintenanceCommand() *cobra.Command {
	var flags changeFlags
	var lifetime waitFlag
	var reason string
	var end bool
	cmd := &cobra.Command{
		Use: "maintenance NODE [--for TIME] [--reason TEXT] | NODE --end", Short: "Leave what runs on a node alone, until it ends", Args: arguments(1, 1),
		Long:    "Nothing is started, stopped or recovered on the node, and its services go on. It\nholds over restarts of the daemon and of the host, until it ends.",
		Example: "  belayctl node maintenance controller-1 --for 2h --reason 'new disks'\n  belayctl node maintenance controller-1 --end",
	}
	flags.add(cmd)
	cmd.Flags().Var(&lifetime, "for", "how long it holds (default: until it is ended)")
	cmd.Flags().StringVar(&reason, "reason", "", "why, for the record")
	cmd.Flags().BoolVar(&end, "end", false, "end it")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		maintenance := &state.NodeMaintenance{Node: resources.NodeName(args[0]), On: !end, Reason: reason}
		done := args[0] + " is in maintenance"
		if end {
			done = args[0] + " is out of maintenance"
		} else if lifetime.time > 0 {
			maintenance.Until = a.now().Add(lifetime.time.Std()).UTC()
			done += " until " + maintenance.Until.Format(time.RFC3339)
		}
		return a.command(cmd.Context(), &flags, maintenance, done)
	}
	return cmd
}

func (a *app) nodeUnmaintenanceCommand() *cobra.Command {
	var flags changeFlags
	cmd := &cobra.Command{
		Use: "unmaintenance NODE", Short: "End a node's maintenance", Args: arguments(1, 1), Example: "  belayctl node unmaintenance controller-1 --wait",
	}
	flags.add(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return a.command(cmd.Context(), &flags, &state.NodeMaintenance{Node: resources.NodeName(args[0])}, args[0]+" is out of maintenance")
	}
	return cmd
}

func (a *app) nodeListCommand() *cobra.Command {
	var stale bool
	cmd := &cobra.Command{Use: "list", Short: "List the members", Args: arguments(0, 0), Example: "  belayctl node list\n  belayctl node list -o json"}
	cmd.Flags().BoolVar(&stale, "stale", false, "ask this member only, without quorum")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		status, err := a.status(cmd.Context(), stale)
		if err != nil {
			return err
		}
		return a.print(orEmpty(status.Nodes), func(w io.Writer) {
			table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
			fmt.Fprintln(table, "NODE\tADDRESS\tSTATE\tROLE")
			for _, n := range status.Nodes {
				fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", n.Name, n.Address, strings.Join(nodeWords(n), ", "), memberWord(n))
			}
			table.Flush()
		})
	}
	return cmd
}
