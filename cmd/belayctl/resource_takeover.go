package main

import (
	"strings"

	"github.com/spf13/cobra"

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
		Long:    takeOverHelp + "\n\n--mask-unit names units that start the same service and that the cluster does not\nstart through systemd, as for resources of the agents process and ocf: those are\nmasked as well, so that nothing can start them. --wait waits until every member that\nis online has done it. Without an ID it lists which member holds which unit, how that\nis there now, and who has not done it yet.",
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
		c, err := a.cluster()
		if err != nil {
			return err
		}
		if end {
			if err := a.command(cmd.Context(), &flags, &state.TakeOverSet{Resource: id}, "the units of "+args[0]+" are given back to systemd", id); err != nil {
				return err
			}
			return a.awaitUnits(cmd.Context(), c, &flags, id, nil)
		}
		current, err := call(cmd.Context(), c.Definition)
		if err != nil {
			return err
		}
		units, err := a.toTake(current.Definition, id, masked)
		if err != nil {
			return err
		}
		if err := a.command(cmd.Context(), &flags, &state.TakeOverSet{Resource: id, Units: units}, "systemd starts "+unitWords(units)+" no more", id); err != nil {
			return err
		}
		return a.awaitUnits(cmd.Context(), c, &flags, id, units)
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
