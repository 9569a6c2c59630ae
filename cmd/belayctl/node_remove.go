package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/resources"
)

const removeHelp = `Units that were taken over on it stay disabled: given back, its services would start
at its next boot, which no cluster watches. They are listed with how each was before.`

func (a *app) nodeRemoveCommand() *cobra.Command {
	var flags changeFlags
	var force bool
	cmd := &cobra.Command{
		Use: "remove NODE", Short: "Forget a member and revoke its certificate", Long: removeHelp, Args: arguments(1, 1),
		Example: "  belayctl node standby compute-7 --wait && belayctl node remove compute-7",
	}
	flags.add(cmd)
	cmd.Flags().BoolVar(&force, "force", false, "although it may still run something")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		// The cluster forgets with the node what its units were.
		s, err := a.state(cmd.Context(), false)
		if err != nil {
			return err
		}
		name := resources.NodeName(args[0])
		if err := a.command(cmd.Context(), &flags, &state.MemberRemoved{Node: name, Force: force}, args[0]+" is no member any more"); err != nil {
			return err
		}
		if n, found := s.Nodes[name]; found {
			a.tellUnits(n)
		}
		return nil
	}
	return cmd
}

// tellUnits says which units of a node that is removed stay as the cluster has made
// them, and how an operator gives them back. Nobody else does: what starts at boot
// beside a cluster that does not know of it may run twice.
func (a *app) tellUnits(n *state.Node) {
	var were, back []string
	for _, unit := range slices.Sorted(maps.Keys(n.Units)) {
		held := n.Units[unit]
		var again []string
		if held.Mask && held.Was != "masked" {
			again = append(again, "systemctl unmask "+unit)
		}
		switch held.Was {
		case "enabled":
			again = append(again, "systemctl enable "+unit)
		case "enabled-runtime":
			again = append(again, "systemctl enable --runtime "+unit)
		}
		if len(again) > 0 {
			were, back = append(were, unit+" ("+held.Was+")"), append(back, again...)
		}
	}
	if len(back) == 0 {
		return
	}
	fmt.Fprintf(a.errOut, "warning: systemd on %s goes on not to start what the cluster has taken over: %s\nwhen these may run there without the cluster, on %s:\n  %s\n",
		n.Name, strings.Join(were, ", "), n.Name, strings.Join(back, "\n  "))
}
