package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/belay-ha/belay/cluster/api"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/resources"
)

func (a *app) fenceTestCommand() *cobra.Command {
	var limit waitFlag
	var level int
	var off, dry, yes bool
	cmd := &cobra.Command{
		Use: "test NODE [--level N]", Short: "Fence a node through one level of its devices, to see that it works", Args: arguments(1, 1),
		Long: `Cuts the node's power, really, through the devices of one level alone, proves it
and, unless --off is given, switches it on again. What the node runs is started
elsewhere as after any fencing: put it into standby first. A test that fails is
over: nothing is tried again, and the node goes on if it still runs.

With --dry-run two members read the power through these devices, and nothing is
switched.`,
		Example: "  belayctl fence test controller-0 --level 1 --dry-run\n  belayctl fence test controller-0 --level 2 --yes",
	}
	cmd.Flags().Var(&limit, "timeout", "how long to wait for the result (default 1m30s)")
	cmd.Flags().IntVar(&level, "level", 1, "the level to use, 1 to 9")
	cmd.Flags().BoolVar(&off, "off", false, "leave it off")
	cmd.Flags().BoolVar(&dry, "dry-run", false, "only read the power through the level's devices")
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask again")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return a.testFence(cmd.Context(), resources.NodeName(args[0]), fenceTest{level: level, off: off, dry: dry, yes: yes, limit: cmp.Or(limit.time, defaultTestWait)})
	}
	return cmd
}

type fenceTest struct {
	level         int
	off, dry, yes bool
	limit         resources.Duration
}

func (a *app) testFence(ctx context.Context, node resources.NodeName, t fenceTest) error {
	c, err := a.cluster()
	if err != nil {
		return err
	}
	answer, err := call(ctx, c.Definition)
	if err != nil {
		return err
	}
	def := answer.Definition
	if _, defined := def.Node(node); !defined {
		var names []string
		for _, n := range def.Nodes {
			names = append(names, string(n.Name))
		}
		return unknownName("node", string(node), names)
	}
	var devices []string
	for _, f := range def.FencesOf(node) {
		if max(f.Level, 1) == t.level {
			devices = append(devices, f.ID)
		}
	}
	if len(devices) == 0 {
		return usage("no device fences %s at level %d: see belayctl fence list", node, t.level)
	}
	if t.dry {
		return a.readLevel(ctx, c, node, devices)
	}
	if !t.yes {
		if err := a.ask(fmt.Sprintf("This cuts the power of %s through %s. Type its name to go on: ", node, strings.Join(devices, ", ")), string(node)); err != nil {
			return err
		}
	}
	request := &state.FenceRequested{Node: node, Action: resources.FencingReboot, Reason: fmt.Sprintf("test of level %d", t.level), Level: t.level}
	if t.off {
		request.Action = resources.FencingOff
	}
	committed, err := call(ctx, func(ctx context.Context) (api.CommandAnswer, error) { return c.Command(ctx, request) })
	if err != nil {
		return err
	}
	return a.waitFenced(ctx, c, node, committed.Fence, t.limit)
}

// defaultTestWait is how long a test is waited for: a level may take all of
// fencing_timeout.
const defaultTestWait = resources.Duration(90e9)

// readLevel is the dry form: what two members are answered by the level's
// devices for this node.
func (a *app) readLevel(ctx context.Context, c Cluster, node resources.NodeName, devices []string) error {
	results, err := askDevices(ctx, c, devices)
	if err != nil {
		return err
	}
	results = slices.DeleteFunc(results, func(r api.FenceCheckResult) bool { return r.Target != node })
	err = a.print(orEmpty(results), func(w io.Writer) { a.printChecks(w, results) })
	if failing := failingDevices(results); err == nil && len(failing) > 0 {
		return &devicesFailError{failing: failing, of: len(devices)}
	}
	return err
}
