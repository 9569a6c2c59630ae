package main

import (
	"cmp"
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
	"github.com/belay-ha/belay/fencing"
	"github.com/belay-ha/belay/resources"
	"github.com/belay-ha/belay/resources/edit"
)

func (a *app) fenceCommand() *cobra.Command {
	var flags changeFlags
	var off bool
	var reason string
	cmd := &cobra.Command{
		Use: "fence [NODE]", Short: "Fence a node, and look after fencing; without NODE list the fence devices", Aliases: []string{"stonith"}, Args: cobra.ArbitraryArgs,
		Long: "Cuts a node's power and proves it by reading it back, then, unless --off is given,\nswitches it on again.\n\nWith --wait it waits until the power was read back as off.",
		Example: "  belayctl fence controller-2 --reason 'hangs' --wait\n  belayctl fence history\n" +
			"  belayctl fence create bmc-2 redfish targets=controller-2 endpoint=https://198.51.100.12 username=admin password=secret://bmc-2",
	}
	flags.add(cmd)
	cmd.Flags().BoolVar(&off, "off", false, "leave it off")
	cmd.Flags().StringVar(&reason, "reason", "", "why, for the record")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return a.listFences(cmd)
		}
		if len(args) > 1 {
			return usage("write: %s", cmd.UseLine())
		}
		return a.fenceNode(cmd, &flags, args[0], off, reason)
	}
	cmd.AddCommand(
		a.fenceCheckCommand(), a.fenceTestCommand(), a.fenceConfirmCommand(), a.fenceReleaseCommand(), a.fenceUnfenceCommand(), a.fenceHistoryCommand(), a.fenceListCommand(), a.fenceAgentsCommand(),
		a.editing("create ID AGENT targets=NODE[,NODE...] [level=N] [delay=TIME] [delay_max=TIME] [timeout=TIME] [host_map=NODE:VALUE;...] [host_param=NAME] [NAME=VALUE...]", "Add a fence device",
			"  belayctl fence create bmc-1 redfish targets=controller-1 endpoint=https://198.51.100.11 username=admin password=secret://bmc-1\n  belayctl fence create pdu-b fence_apc_snmp targets=controller-0 ip=198.51.100.9 plug=4 level=2\n  belayctl fence create pdu-a fence_apc_snmp 'host_map=controller-0:7;controller-1:8' ip=198.51.100.8 delay_max=5s",
			edit.CreateFence, all),
		a.editing("update ID NAME=VALUE...", "Change a fence device; NAME= removes a value", "  belayctl fence update bmc-0 timeout=90s", edit.UpdateFence, all),
		a.editing("delete ID", "Take out a fence device", "  belayctl fence delete bmc-0", func(def *resources.Definition, words []string) (*resources.Definition, error) {
			if len(words) != 1 {
				return nil, usage("write: belayctl fence delete ID")
			}
			return edit.DeleteFence(def, words[0])
		}, all),
		a.fenceLevelCommand(),
	)
	return cmd
}

func (a *app) fenceLevelCommand() *cobra.Command {
	return a.parent("level", "The turn in which devices fence a node", "  belayctl fence level add 2 controller-0 pdu",
		a.editing("add LEVEL NODE DEVICE[,DEVICE...]", "Let devices fence a node in that turn: all of a level must succeed", "  belayctl fence level add 1 compute-0 bmc-compute-0,nova", edit.AddFenceLevel, all),
		a.editing("remove LEVEL NODE [DEVICE[,DEVICE...]]", "Take a node away from the devices of a level", "  belayctl fence level remove 2 controller-0", edit.RemoveFenceLevel, all),
	)
}

func (a *app) fenceNode(cmd *cobra.Command, flags *changeFlags, node string, off bool, reason string) error {
	ctx := cmd.Context()
	c, err := a.cluster()
	if err != nil {
		return err
	}
	status, err := call(ctx, func(ctx context.Context) (api.Status, error) { return c.Status(ctx, false) })
	if err != nil {
		return err
	}
	var names []string
	for _, n := range status.Nodes {
		names = append(names, string(n.Name))
	}
	if !slices.Contains(names, node) {
		return noNodeToFence(cmd, node, names)
	}
	request := &state.FenceRequested{Node: resources.NodeName(node), Action: resources.FencingReboot, Reason: reason}
	if off {
		request.Action = resources.FencingOff
	}
	if reason == "" {
		request.Reason = "asked for"
	}
	current, err := call(ctx, func(ctx context.Context) (*state.State, error) { return c.State(ctx, false) })
	if err != nil {
		return err
	}
	if err := a.fenceable(current, request); err != nil {
		return err
	}
	if flags.dryRun {
		return a.showForeseen(ctx, c, changeAnswer{Changed: true, DryRun: true}, request)
	}
	committed, err := call(ctx, func(ctx context.Context) (api.CommandAnswer, error) { return c.Command(ctx, request) })
	if err != nil {
		return err
	}
	if flags.wait.time == 0 {
		return a.print(changeAnswer{Changed: true, Index: committed.Index, Fence: committed.Fence}, func(w io.Writer) {
			fmt.Fprintf(w, "fencing %s of %s is requested%s; see: belayctl fence history\n", committed.Fence, node, watchdogTime(current, request.Node))
		})
	}
	return a.waitFenced(ctx, c, request.Node, committed.Fence, flags.wait.time)
}

// fencePoll is the pause between looks at a fencing.
const fencePoll = 500 * time.Millisecond

func (a *app) waitFenced(ctx context.Context, c Cluster, node resources.NodeName, id string, limit resources.Duration) error {
	deadline := a.now().Add(limit.Std())
	for {
		s, err := call(ctx, func(ctx context.Context) (*state.State, error) { return c.State(ctx, false) })
		var f *state.Fencing
		if err == nil {
			f = findFencing(s, node, id)
		}
		switch {
		case err != nil && exitCode(err) == exitNoQuorum && a.now().Before(deadline):
			// The node that is fenced led: another one will.
		case err != nil:
			return err
		case f == nil:
			return fmt.Errorf("fencing %s of %s is not in the history any more", id, node)
		case f.Phase == state.FencingOff || f.Phase == state.FencingDone:
			return a.print(f, func(w io.Writer) { a.printFencing(w, f, true) })
		case f.Phase == state.FencingWithdrawn:
			return &notAsAskedError{[]api.ProblemStatus{{Text: fmt.Sprintf("fencing %s of %s was withdrawn: %s", id, node, f.Error), Next: "belayctl status"}}}
		case !a.now().Before(deadline):
			return &timedOutError{after: limit, what: fmt.Sprintf("%s is not proven off; fencing %s is %s %s", node, id, f.Phase, f.Error)}
		}
		timer := time.NewTimer(fencePoll)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		}
	}
}

func findFencing(s *state.State, node resources.NodeName, id string) *state.Fencing {
	if f, open := s.Fencing[node]; open && f.ID == id {
		return f
	}
	for _, f := range slices.Backward(s.FenceHistory) {
		if f.ID == id {
			return f
		}
	}
	return nil
}

func (a *app) fenceConfirmCommand() *cobra.Command {
	var flags changeFlags
	var reason string
	var yes bool
	cmd := &cobra.Command{
		Use: "confirm NODE --reason TEXT", Short: "Give your word that a node is off", Args: arguments(1, 1),
		Long: `Records your word that a node is off, and lets the cluster start its resources
elsewhere. If the node still runs, its data will be corrupted: cut its power and
see it off first.`,
		Example: "  belayctl fence confirm controller-2 --reason 'pulled both plugs, J. Doe'",
	}
	flags.add(cmd)
	cmd.Flags().StringVar(&reason, "reason", "", "how you know, for the record (required)")
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask again")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if strings.TrimSpace(reason) == "" {
			return usage("say how you know that %s is off: --reason TEXT", args[0])
		}
		if !yes {
			if err := a.ask(fmt.Sprintf("If %s still runs, data will be corrupted. Is its power off? Type its name: ", args[0]), args[0]); err != nil {
				return err
			}
		}
		return a.command(cmd.Context(), &flags, &state.FenceConfirmed{Node: resources.NodeName(args[0]), Reason: reason}, args[0]+" counts as off")
	}
	return cmd
}

func (a *app) fenceReleaseCommand() *cobra.Command {
	var flags changeFlags
	var reason string
	cmd := &cobra.Command{
		Use: "release NODE", Short: "Switch a node on that was left off, or end its quarantine", Args: arguments(1, 1),
		Long: `Switches a node on that is proven off: the cluster has left it off because it was
fenced fence_limit times in fence_limit_window, or somebody has, by belayctl fence
NODE --off. Or ends the quarantine (fence_quarantine) of one that has come back.
What happened before counts no more. Find out first why it was fenced: see belayctl
fence history NODE.`,
		Example: "  belayctl fence release controller-1 --reason 'memory replaced'",
	}
	flags.add(cmd)
	cmd.Flags().StringVar(&reason, "reason", "", "why, for the record")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return a.command(cmd.Context(), &flags, &state.FenceReleased{Node: resources.NodeName(args[0]), Reason: cmp.Or(reason, "asked for")}, args[0]+" is released")
	}
	return cmd
}

// ask lets a person repeat a word, and refuses where nobody is there.
func (a *app) ask(question, word string) error {
	if !a.interactive {
		return bad(codeNeedsYes, "nobody is there to be asked: add --yes if you are sure")
	}
	fmt.Fprint(a.errOut, question)
	var answer string
	if _, err := fmt.Fscanln(a.in, &answer); err != nil || answer != word {
		return bad(codeNeedsYes, "not confirmed: nothing was changed")
	}
	return nil
}

func (a *app) fenceHistoryCommand() *cobra.Command {
	var stale bool
	cmd := &cobra.Command{
		Use: "history [NODE]", Short: "Show open and past fencings and unfencings with their evidence", Args: arguments(0, 1), Example: "  belayctl fence history\n  belayctl fence history controller-2 -o json",
	}
	cmd.Flags().BoolVar(&stale, "stale", false, "ask this member only, without quorum")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		s, err := a.state(cmd.Context(), stale)
		if err != nil {
			return err
		}
		all := slices.Clone(s.FenceHistory)
		for _, name := range s.NodeNames() {
			if f, open := s.Fencing[name]; open {
				all = append(all, f)
			}
			if f, open := s.Unfencing[name]; open {
				all = append(all, f)
			}
		}
		if len(args) == 1 {
			known := nodesOnRecord(s, all)
			if !slices.Contains(known, args[0]) {
				return unknownName("node", args[0], known)
			}
			all = slices.DeleteFunc(all, func(f *state.Fencing) bool { return string(f.Node) != args[0] })
		}
		return a.print(orEmpty(all), func(w io.Writer) {
			if len(all) == 0 {
				fmt.Fprintln(w, "no fencing on record")
			}
			for _, f := range all {
				a.printFencing(w, f, true)
			}
			for _, name := range s.NodeNames() {
				if q := s.QuarantineOf(name, a.now()); q != nil && (len(args) == 0 || string(name) == args[0]) {
					fmt.Fprintf(w, "%s was fenced %d times in %s and is in quarantine until %s; to end it: belayctl fence release %s\n", name, q.Times, q.Window, q.Until.Format(time.RFC3339), name)
				}
			}
		})
	}
	return cmd
}

// nodesOnRecord are the names of members, and of those that are none any more and
// were fenced.
func nodesOnRecord(s *state.State, fencings []*state.Fencing) []string {
	var names []string
	for _, name := range s.NodeNames() {
		names = append(names, string(name))
	}
	for _, f := range fencings {
		names = append(names, string(f.Node))
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// stepTime dates one step: the fencing's own time has the day.
const stepTime = "15:04:05.000"

// fencingTimes says which fencing it is, how often it was tried, and how long the
// proof and the rest took.
func fencingTimes(f *state.Fencing) string {
	words := []string{f.ID}
	if f.Level != 0 {
		words = append(words, fmt.Sprintf("level %d alone", f.Level))
	}
	if f.Attempts > 0 {
		words = append(words, fmt.Sprintf("attempt %d", f.Attempts))
	}
	if !f.OffAt.IsZero() && f.Action != resources.FencingRelease { // which comes long after its proof
		words = append(words, fmt.Sprintf("proven off after %s", f.OffAt.Sub(f.RequestedAt).Round(time.Millisecond)))
	}
	if !f.EndedAt.IsZero() {
		words = append(words, fmt.Sprintf("ended after %s", f.EndedAt.Sub(f.RequestedAt).Round(time.Millisecond)))
	}
	return strings.Join(words, ", ")
}

func (a *app) printFencing(w io.Writer, f *state.Fencing, steps bool) {
	code := yellow
	switch f.Phase {
	case state.FencingDone, state.FencingOff:
		code = green
	case state.FencingFailed:
		code = red
	}
	fmt.Fprintf(w, "%s  %s %s  %s  by %s: %s\n", f.RequestedAt.Format(time.RFC3339), f.Action, f.Node, a.paint(code, f.Phase.String()), f.By, f.Reason)
	if steps {
		fmt.Fprintf(w, "    %s\n", fencingTimes(f))
	}
	for _, e := range f.Evidence {
		fmt.Fprintf(w, "    %s seen by %s (%s): %s\n", e.At.Format(stepTime), e.Observer, e.Source, e.Text)
	}
	if steps {
		for _, s := range f.Steps {
			line := fmt.Sprintf("    %s %s %s", s.At.Format(stepTime), s.Device, s.Step)
			if s.Executor != "" { // an operator's word has none
				line += " by " + string(s.Executor)
			}
			var said []string
			if s.Answer != "" {
				said = append(said, s.Answer)
			}
			if s.Power != "" {
				said = append(said, "power "+s.Power)
			}
			if s.Error != "" {
				said = append(said, a.paint(red, s.Error))
			}
			fmt.Fprintf(w, "%s: %s (%s)\n", line, strings.Join(said, ", "), s.Took.Std().Round(100*time.Microsecond))
		}
	}
	if f.Error != "" {
		fmt.Fprintf(w, "    %s\n", a.paint(red, f.Error))
	}
}

func (a *app) fenceListCommand() *cobra.Command {
	return a.showing("list", "List the fence devices", "  belayctl fence list\n  belayctl fence list -o json", fencePart)
}

func fencePart(def *resources.Definition) (any, *resources.Definition) {
	return orEmpty(def.Fences), &resources.Definition{Fences: def.Fences}
}

func (a *app) listFences(cmd *cobra.Command) error { return a.showPart(cmd, fencePart) }

func (a *app) fenceAgentsCommand() *cobra.Command {
	return &cobra.Command{
		Use: "agents [AGENT]", Short: "List the fence agents, or one agent's parameters", Args: arguments(0, 1), Example: "  belayctl fence agents\n  belayctl fence agents redfish",
		RunE: func(_ *cobra.Command, args []string) error {
			var list []agentAnswer
			var names []string
			specs := a.fences.Specs()
			for _, spec := range specs {
				names = append(names, spec.Name)
			}
			if len(args) == 1 {
				// Find also knows the agents of patterns, such as fence_apc.
				spec, found := a.fences.Find(args[0])
				if !found {
					return unknownName("fence agent", args[0], names)
				}
				specs = []fencing.Spec{spec}
			}
			for _, spec := range specs {
				list = append(list, fenceAgentAnswer(spec))
			}
			return a.print(list, func(w io.Writer) {
				table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
				defer table.Flush()
				for _, one := range list {
					fmt.Fprintf(table, "%s\t\t%s\n", one.Name, one.Summary)
					if len(args) == 0 {
						continue
					}
					for _, p := range one.Params {
						text := p.Description
						if p.Required {
							text += " (required)"
						}
						if p.Default != "" {
							text += " (default " + p.Default + ")"
						}
						fmt.Fprintf(table, "  %s\t%s\t%s\n", p.Name, p.Type, text)
					}
				}
			})
		},
	}
}
