package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/belay-ha/belay/cluster/api"
	"github.com/belay-ha/belay/cluster/doctor"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/resources"
)

// managedUnit is a unit of systemd and the resource that it belongs to.
type managedUnit struct {
	resource resources.ResourceID
	unit     string
}

// unitsOf are the units that resources manage, as far as they can be taken over.
func (a *app) unitsOf(def *resources.Definition, ids []resources.ResourceID) []managedUnit {
	var units []managedUnit
	for _, id := range ids {
		r, found := def.Effective(id)
		if !found {
			continue
		}
		if unit := doctor.UnitOf(r, a.agents.Specs()); unit != "" && !strings.Contains(unit, "%") {
			units = append(units, managedUnit{id, unit})
		}
	}
	return units
}

// ownUnit takes the unit of a resource over that was just created, or warns on
// which nodes systemd would start it too.
func (a *app) ownUnit(ctx context.Context, c Cluster, def *resources.Definition, id resources.ResourceID, take bool) error {
	units := a.unitsOf(def, []resources.ResourceID{id})
	if _, found := def.Effective(id); found && take && len(units) == 0 {
		return usage("the resource is made, but it manages no unit that could be taken over: see belayctl resource take-over --help")
	}
	if take {
		return a.takeUnits(ctx, c, units)
	}
	for _, e := range a.enabledUnits(ctx, c, units) {
		fmt.Fprintf(a.errOut, "warning: systemd also starts %s at boot, beside the cluster, on %s: belayctl resource take-over %s\n", e.unit, strings.Join(e.on, ", "), id)
	}
	return nil
}

// takeUnits takes units over; those that are taken over already are left as they are.
func (a *app) takeUnits(ctx context.Context, c Cluster, units []managedUnit) error {
	if len(units) == 0 {
		return nil
	}
	s, err := a.state(ctx, false)
	for _, u := range units {
		if err == nil && s.TakeOvers[u.resource] != nil && slices.ContainsFunc(s.TakeOvers[u.resource].Units, func(o state.OwnedUnit) bool { return o.Unit == u.unit }) {
			continue
		}
		if err == nil {
			_, err = call(ctx, func(ctx context.Context) (api.CommandAnswer, error) {
				return c.Command(ctx, &state.TakeOverSet{Resource: u.resource, Units: []state.OwnedUnit{{Unit: u.unit}}})
			})
		}
		if err != nil {
			return fmt.Errorf("the change is made, the unit of %s is not taken over: %w: try again with `belayctl resource take-over %s`", u.resource, err, u.resource)
		}
	}
	return nil
}

// enabledUnit is a unit that systemd starts by itself, and the nodes on which it does.
type enabledUnit struct {
	managedUnit
	on []string
}

// enabledUnits are those of the units that systemd would start by itself. What cannot
// be had is left out: it is for a warning, and the doctor looks, too.
func (a *app) enabledUnits(ctx context.Context, c Cluster, units []managedUnit) []enabledUnit {
	var enabled []enabledUnit
	for part := range slices.Chunk(units, api.MaxAskedUnits) {
		var names []string
		for _, u := range part {
			names = append(names, u.unit)
		}
		answer, err := call(ctx, func(ctx context.Context) (api.UnitsAnswer, error) { return c.Units(ctx, names) })
		if err != nil {
			return enabled
		}
		for _, u := range part {
			var on []string
			for _, found := range answer.Units {
				if found.Unit == u.unit && startsItself(found.File) {
					on = append(on, string(found.Node))
				}
			}
			if len(on) > 0 {
				enabled = append(enabled, enabledUnit{u, on})
			}
		}
	}
	return enabled
}

// startsItself reports whether systemd starts a unit in that state at boot
// (systemctl(1), is-enabled).
func startsItself(file string) bool { return file == "enabled" || file == "enabled-runtime" }

// ownNewUnits does for an apply what ownUnit does for one resource: with take it takes
// the units of all resources of the files over; else it warns of those that are new.
func (a *app) ownNewUnits(ctx context.Context, c Cluster, before, after, files *resources.Definition, take bool) error {
	var ids []resources.ResourceID
	for i := range files.Resources {
		if _, old := before.Resource(files.Resources[i].ID); take || !old {
			ids = append(ids, files.Resources[i].ID)
		}
	}
	units := a.unitsOf(after, ids)
	if take {
		return a.takeUnits(ctx, c, units)
	}
	const most = 8
	enabled := a.enabledUnits(ctx, c, units)
	if len(enabled) == 0 {
		return nil
	}
	fmt.Fprintln(a.errOut, "warning: systemd also starts these units at boot, beside the cluster: apply again with --take-over, or belayctl resource take-over ID")
	for i, e := range enabled {
		if i == most {
			fmt.Fprintf(a.errOut, "  and %d more\n", len(enabled)-most)
			break
		}
		fmt.Fprintf(a.errOut, "  %s of %s, on %s\n", e.unit, e.resource, strings.Join(e.on, ", "))
	}
	return nil
}
