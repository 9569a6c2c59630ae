package main

import (
	"cmp"

	"github.com/spf13/cobra"

	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/resources"
)

func (a *app) fenceUnfenceCommand() *cobra.Command {
	var flags changeFlags
	var reason string
	cmd := &cobra.Command{
		Use: "unfence NODE", Short: "Let a node in again that its devices have cut off", Args: arguments(1, 1),
		Long: `Has every device of the node that says provides = "unfencing" let it in again, such
as to its shared storage. The cluster does so by itself after each start of the node
and when such a device is defined otherwise; ask for it when the storage has lost it.
See belayctl fence history NODE for what came of it.`,
		Example: "  belayctl fence unfence controller-1 --reason 'storage was replaced' --wait",
	}
	flags.add(cmd)
	cmd.Flags().StringVar(&reason, "reason", "", "why, for the record")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return a.command(cmd.Context(), &flags, &state.UnfenceRequested{Node: resources.NodeName(args[0]), Reason: cmp.Or(reason, "asked for")}, args[0]+" is to be unfenced")
	}
	return cmd
}
