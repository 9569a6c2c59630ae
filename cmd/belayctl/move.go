package main

import (
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/resources"
)

// moveLifetime is how long a move or ban holds that names no time.
const moveLifetime = resources.Duration(time.Hour)

func (a *app) resourceMoveCommand() *cobra.Command {
	var end bool
	cmd := &cobra.Command{
		Use: "move ID [NODE]", Short: "Move a resource to a node, or away from where it runs, for some time", Args: arguments(1, 2),
		Long:    "Moves a resource to NODE or, without NODE, away from where it runs. A move is a wish\nthat ends by itself: it leaves no constraint behind.",
		Example: "  belayctl resource move vip controller-1 --wait\n  belayctl resource move vip --for 30m\n  belayctl resource move vip --end",
	}
	a.moving(cmd, func(cmd *cobra.Command, args []string, move *state.ResourceMoved, of target) (string, error) {
		switch {
		case end && len(args) > 1:
			return "", usage("--end ends a move: leave out the node")
		case end:
			return fmt.Sprintf("the move of %s is over", move.Resource), nil
		case len(args) > 1:
			move.To = resources.NodeName(args[1])
			return fmt.Sprintf("%s moves to %s", move.Resource, move.To), nil
		}
		err := a.whereItRuns(cmd, move, of)
		return fmt.Sprintf("%s moves away from %s", move.Resource, move.From), err
	})
	cmd.Flags().BoolVar(&end, "end", false, "end the move now")
	return cmd
}

func (a *app) resourceBanCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "ban ID [NODE]", Short: "Keep a resource off a node for some time", Args: arguments(1, 2),
		Long:    "Keeps a resource off NODE or, without NODE, off the one that it runs on. It ends by\nitself, or with: belayctl resource clear ID. A resource has one move or ban at a time.",
		Example: "  belayctl resource ban vip controller-1 --wait\n  belayctl resource ban vip --for 30m",
	}
	a.moving(cmd, func(cmd *cobra.Command, args []string, move *state.ResourceMoved, of target) (string, error) {
		var err error
		if len(args) > 1 {
			move.From = resources.NodeName(args[1])
		} else {
			err = a.whereItRuns(cmd, move, of)
		}
		return fmt.Sprintf("%s keeps off %s", move.Resource, move.From), err
	})
	return cmd
}

func (a *app) resourceClearCommand() *cobra.Command {
	var flags changeFlags
	cmd := &cobra.Command{
		Use: "clear ID", Short: "End a resource's move or ban now", Args: arguments(1, 1), Example: "  belayctl resource clear vip --wait",
	}
	flags.add(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		of, err := a.target(cmd.Context(), args[0])
		if err != nil {
			return err
		}
		return a.command(cmd.Context(), &flags, &state.ResourceMoved{Resource: of.id}, fmt.Sprintf("%s is neither moved nor banned", of.id), of.parts...)
	}
	return cmd
}

// moving adds the flags of a move, and makes one of what fill says. A move
// without a place ends the one that there is.
func (a *app) moving(cmd *cobra.Command, fill func(*cobra.Command, []string, *state.ResourceMoved, target) (string, error)) {
	var flags changeFlags
	var lifetime waitFlag
	flags.add(cmd)
	cmd.Flags().Var(&lifetime, "for", "how long it holds (default 1h)")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		of, err := a.target(cmd.Context(), args[0])
		if err != nil {
			return err
		}
		move := &state.ResourceMoved{Resource: of.id}
		done, err := fill(cmd, args, move, of)
		if err != nil {
			return err
		}
		if move.To != "" || move.From != "" {
			if lifetime.time == 0 {
				lifetime.time = moveLifetime
			}
			move.Until = a.now().Add(lifetime.time.Std()).UTC()
			done += " until " + move.Until.Format(time.RFC3339)
		}
		return a.command(cmd.Context(), &flags, move, done, of.parts...)
	}
}

// whereItRuns fills in the one node that a resource, group or bundle runs on.
func (a *app) whereItRuns(cmd *cobra.Command, move *state.ResourceMoved, of target) error {
	status, err := a.status(cmd.Context(), false)
	if err != nil {
		return err
	}
	var nodes []resources.NodeName
	for _, r := range status.Resources {
		if slices.Contains(of.parts, r.Resource) && r.Role.Active() && !slices.Contains(nodes, r.Node) {
			nodes = append(nodes, r.Node)
		}
	}
	if len(nodes) != 1 {
		return usage("%s runs on %d nodes: name the node", move.Resource, len(nodes))
	}
	move.From = nodes[0]
	return nil
}
