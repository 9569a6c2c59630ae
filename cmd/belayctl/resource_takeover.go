package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/belay-ha/belay/cluster/api"
	"github.com/belay-ha/belay/cluster/doctor"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/resources"
)

const takeOverHelp = `A unit that is enabled is also started by systemd, at boot, beside the cluster. With
--take-over each member disables it, now or when it is back, and enables it again
where it was when the resource is deleted. It is not masked: a masked unit could not
be started by the cluster either.`

func (a *app) resourceTakeOverCommand() *cobra.Command {
	var flags changeFlags
	var end bool
	var masked []string
	cmd := &cobra.Command{
		Use: "take-over [ID] [--mask-unit UNIT...] | ID --end", Short: "Let systemd start a resource's unit no more, or show what is taken over", Args: arguments(0, 1),
		Long:    takeOverHelp + "\n\n--mask-unit names units that start the same service and that the cluster does not\nstart through systemd, as for resources of the agents process and ocf: those are\nmasked as well, so that nothing can start them. Without an ID what each member holds\nis listed.",
		Example: "  belayctl resource take-over keystone\n  belayctl resource take-over galera --mask-unit mysql.service\n  belayctl resource take-over keystone --end\n  belayctl resource take-over",
	}
	flags.add(cmd)
	cmd.Flags().BoolVar(&end, "end", false, "give the units back: what was enabled is enabled again")
	cmd.Flags().StringArrayVar(&masked, "mask-unit", nil, "also disable and mask this unit")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			if end || len(masked) > 0 {
				return usage("write: %s", cmd.UseLine())
			}
			return a.listTaken(cmd.Context())
		}
		id := resources.ResourceID(args[0])
		if end {
			return a.command(cmd.Context(), &flags, &state.TakeOverSet{Resource: id}, "the units of "+args[0]+" are given back to systemd", id)
		}
		c, err := a.cluster()
		if err != nil {
			return err
		}
		current, err := call(cmd.Context(), c.Definition)
		if err != nil {
			return err
		}
		units, err := a.toTake(current.Definition, id, masked)
		if err != nil {
			return err
		}
		return a.command(cmd.Context(), &flags, &state.TakeOverSet{Resource: id, Units: units}, "systemd starts "+unitWords(units)+" no more", id)
	}
	return cmd
}

func unitWords(units []state.OwnedUnit) string {
	var words []string
	for _, u := range units {
		words = append(words, u.Unit)
	}
	return strings.Join(words, ", ")
}

// toTake are the units of a resource that are to be taken over: its own, and those
// that are to be masked.
func (a *app) toTake(def *resources.Definition, id resources.ResourceID, masked []string) ([]state.OwnedUnit, error) {
	r, found := def.Effective(id)
	if !found {
		return nil, usage("there is no resource %q", id)
	}
	var units []state.OwnedUnit
	if unit := doctor.UnitOf(r, a.agents.Specs()); unit != "" && !strings.Contains(unit, "%") {
		units = append(units, state.OwnedUnit{Unit: unit})
	}
	for _, unit := range masked {
		if !strings.Contains(unit, ".") {
			unit += ".service"
		}
		for _, other := range doctor.WantsOf(def, a.agents.Specs()).Units {
			if other.Name == unit {
				return nil, usage("%s is what resource %s starts through systemd: masked, it could not be started at all", unit, other.Resource)
			}
		}
		units = append(units, state.OwnedUnit{Unit: unit, Mask: true})
	}
	if len(units) == 0 {
		return nil, usage("resource %s manages no unit of systemd by itself: name those that also start its service with --mask-unit", id)
	}
	return units, nil
}

// ownUnit takes the unit of a resource over that was just created, or warns on
// which nodes systemd would start it too.
func (a *app) ownUnit(ctx context.Context, c Cluster, def *resources.Definition, id resources.ResourceID, take bool) error {
	r, found := def.Effective(id)
	if !found {
		return nil
	}
	unit := doctor.UnitOf(r, a.agents.Specs())
	if unit == "" || strings.Contains(unit, "%") {
		if take {
			return usage("the resource is made, but it manages no unit that could be taken over: see belayctl resource take-over --help")
		}
		return nil
	}
	if take {
		_, err := call(ctx, func(ctx context.Context) (api.CommandAnswer, error) {
			return c.Command(ctx, &state.TakeOverSet{Resource: id, Units: []state.OwnedUnit{{Unit: unit}}})
		})
		if err != nil {
			return fmt.Errorf("the resource is made, its unit is not taken over: %w: try again with `belayctl resource take-over %s`", err, id)
		}
		return nil
	}
	answer, err := call(ctx, func(ctx context.Context) (api.UnitsAnswer, error) { return c.Units(ctx, []string{unit}) })
	if err != nil {
		return nil // a warning that cannot be had is none; doctor gives it, too
	}
	var on []string
	for _, u := range answer.Units {
		if u.File == "enabled" || u.File == "enabled-runtime" {
			on = append(on, string(u.Node))
		}
	}
	if len(on) > 0 {
		fmt.Fprintf(a.errOut, "warning: systemd also starts %s at boot, beside the cluster, on %s: belayctl resource take-over %s\n", unit, strings.Join(on, ", "), id)
	}
	return nil
}

// takenLine is a unit on one member.
type takenLine struct {
	Node     resources.NodeName   `json:"node"`
	Unit     string               `json:"unit"`
	Resource resources.ResourceID `json:"resource"`
	Was      string               `json:"was"`
	Mask     bool                 `json:"mask,omitempty"`
	// Ending says that it is to be given back, and is not yet.
	Ending bool `json:"ending,omitempty"`
}

func (a *app) listTaken(ctx context.Context) error {
	s, err := a.state(ctx, false)
	if err != nil {
		return err
	}
	lines := []takenLine{}
	for _, name := range s.NodeNames() {
		wanted := s.WantedUnits(name)
		for unit, held := range s.Nodes[name].Units {
			_, still := wanted[unit]
			lines = append(lines, takenLine{Node: name, Unit: unit, Resource: held.Resource, Was: held.Was, Mask: held.Mask, Ending: !still})
		}
	}
	slices.SortFunc(lines, func(a, b takenLine) int { return strings.Compare(string(a.Node)+" "+a.Unit, string(b.Node)+" "+b.Unit) })
	return a.print(lines, func(w io.Writer) {
		if len(lines) == 0 {
			fmt.Fprintln(w, "no units are taken over")
			return
		}
		table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
		fmt.Fprintln(table, "NODE\tUNIT\tRESOURCE\tBEFORE\tNOW")
		for _, l := range lines {
			now := "disabled"
			if l.Mask {
				now = "disabled, masked"
			}
			if l.Ending {
				now = "given back as soon as the member does it"
			}
			fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", l.Node, l.Unit, l.Resource, l.Was, now)
		}
		table.Flush()
	})
}
