package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/belay-ha/belay/cluster/simulate"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/cluster/transition"
	"github.com/belay-ha/belay/resources"
)

// interruption is a service that would stop, restart, move or be demoted. What
// moves live serves all the time.
type interruption struct {
	Resource resources.ResourceID `json:"resource"`
	// What happens to its copies, a few words each: "restarts on controller-0".
	What []string `json:"what"`
	// Copies that are interrupted, of Running that serve now.
	Copies  int `json:"copies"`
	Running int `json:"running"`
	// NeededBy are the running services that are ordered after it or placed with
	// it, also through others: for them it is interrupted too.
	NeededBy []resources.ResourceID `json:"needed_by,omitempty"`
}

// String says it in one line.
func (i interruption) String() string {
	text := fmt.Sprintf("%s: %s", i.Resource, strings.Join(i.What, ", "))
	if i.Running > 1 {
		text += fmt.Sprintf(" (%d of %d copies)", i.Copies, i.Running)
	}
	if len(i.NeededBy) == 0 {
		return text
	}
	const most = 6
	names := make([]string, 0, most)
	for n, id := range i.NeededBy {
		if n == most {
			names = append(names, fmt.Sprintf("%d more", len(i.NeededBy)-most))
			break
		}
		names = append(names, string(id))
	}
	return text + "; needed by " + strings.Join(names, ", ")
}

// place is one instance on one node.
type instancePlace struct {
	node resources.NodeName
	id   resources.InstanceID
}

// interruptions compares what would follow a change with what happens anyway.
func interruptions(before *state.State, after, anyway *simulate.Result) []interruption {
	known := map[string]bool{}
	for _, step := range anyway.Steps {
		known[step.Key] = true
	}
	ended := map[instancePlace]transition.Kind{}
	left := movedLive(after.Steps)
	for _, step := range after.Steps {
		n := before.Nodes[step.Node]
		if known[step.Key] || n == nil {
			continue
		}
		ids := []resources.InstanceID{step.Instance}
		switch step.Kind {
		case transition.KindFence:
			ids = sortedInstances(n) // all of it ends with the node
		case transition.KindStop, transition.KindDemote:
		default:
			continue
		}
		for _, id := range ids {
			at := instancePlace{step.Node, id}
			if i := n.Instances[id]; i != nil && i.Role.Active() && !left[at] && (ended[at] == "" || ended[at] == transition.KindDemote) {
				ended[at] = step.Kind
			}
		}
	}
	byResource := map[resources.ResourceID]*interruption{}
	var order []resources.ResourceID
	for _, node := range before.NodeNames() {
		for _, id := range sortedInstances(before.Nodes[node]) {
			at := instancePlace{node, id}
			kind, hit := ended[at]
			if !hit {
				continue
			}
			found := byResource[id.Resource()]
			if found == nil {
				found = &interruption{Resource: id.Resource(), Running: len(running(before, id.Resource())), NeededBy: neededBy(before, id.Resource())}
				byResource[id.Resource()] = found
				order = append(order, id.Resource())
			}
			found.Copies++
			found.What = append(found.What, fate(before, after.After, at, kind))
		}
	}
	slices.Sort(order)
	list := make([]interruption, len(order))
	for i, id := range order {
		list[i] = *byResource[id]
	}
	return list
}

// movedLive are the places that instances have left by a live migration: what is
// stopped there is what is left of them.
func movedLive(steps []simulate.Step) map[instancePlace]bool {
	leaving, left := map[resources.InstanceID]resources.NodeName{}, map[instancePlace]bool{}
	for _, step := range steps {
		switch {
		case step.Failed:
		case step.Kind == transition.KindMigrateTo:
			leaving[step.Instance] = step.Node
		case step.Kind == transition.KindMigrateFrom:
			left[instancePlace{leaving[step.Instance], step.Instance}] = true
		}
	}
	return left
}

func sortedInstances(n *state.Node) []resources.InstanceID {
	ids := make([]resources.InstanceID, 0, len(n.Instances))
	for id := range n.Instances {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

// running are the nodes that a resource serves on.
func running(s *state.State, id resources.ResourceID) []instancePlace {
	var places []instancePlace
	for _, node := range s.NodeNames() {
		for _, instance := range sortedInstances(s.Nodes[node]) {
			if instance.Resource() == id && s.Nodes[node].Instances[instance].Role.Active() {
				places = append(places, instancePlace{node, instance})
			}
		}
	}
	return places
}

// fate says what becomes of an instance that was stopped or demoted.
func fate(before, after *state.State, at instancePlace, kind transition.Kind) string {
	was := before.Nodes[at.node].Instances[at.id].Role
	is := resources.RoleStopped
	if n := after.Nodes[at.node]; n != nil && n.Instances[at.id] != nil {
		is = n.Instances[at.id].Role
	}
	switch {
	case kind == transition.KindDemote && is.Active() && is != was:
		return "is demoted on " + string(at.node)
	case kind == transition.KindDemote:
		return "is demoted and promoted again on " + string(at.node)
	case is.Active():
		return "restarts on " + string(at.node)
	}
	// A primitive that serves elsewhere afterwards has moved.
	now := running(after, at.id.Resource())
	if len(running(before, at.id.Resource())) == 1 && len(now) == 1 {
		return fmt.Sprintf("moves from %s to %s", at.node, now[0].node)
	}
	if kind == transition.KindFence {
		return "ends with " + string(at.node)
	}
	return "stops on " + string(at.node)
}

// neededBy lists what runs and leans on a resource: what is ordered after it, or
// placed with it, and what leans on that, in the definition that is in force.
func neededBy(s *state.State, id resources.ResourceID) []resources.ResourceID {
	def := s.Definition.Resolved() // what tags stand for is written out
	seen := map[resources.ResourceID]bool{id: true}
	// parts are what a name in a constraint stands for.
	parts := func(name resources.ResourceID) []resources.ResourceID {
		if g, isGroup := def.Group(name); isGroup {
			return g.Members
		}
		if b, isBundle := def.Bundle(name); isBundle {
			return b.PartIDs()
		}
		if name == "" {
			return nil // a constraint of sets
		}
		return []resources.ResourceID{name}
	}
	for grown := true; grown; {
		grown = false
		lean := func(on, who []resources.ResourceID) {
			if !slices.ContainsFunc(on, func(id resources.ResourceID) bool { return seen[id] }) {
				return
			}
			for _, id := range who {
				grown = grown || !seen[id]
				seen[id] = true
			}
		}
		// chain lets each set lean on the one before, and where its members stand in
		// a row each of them on the one before.
		chain := func(sets []resources.ResourceSet) {
			for n, set := range sets {
				if n > 0 {
					lean(members(sets[n-1], parts), members(set, parts))
				}
				for k := 1; k < len(set.Resources) && resources.Or(set.Sequential, true); k++ {
					lean(parts(set.Resources[k-1]), parts(set.Resources[k]))
				}
			}
		}
		for _, o := range def.Orders {
			if o.Kind == "" || o.Kind == resources.OrderMandatory {
				lean(parts(o.First), parts(o.Then))
				chain(o.Sets)
			}
		}
		for _, c := range def.Colocations {
			if c.Score > 0 {
				lean(parts(c.With), parts(c.Resource))
				chain(c.Sets)
			}
		}
		for _, g := range def.Groups {
			for n := 1; n < len(g.Members); n++ {
				lean(g.Members[n-1:n], g.Members[n:n+1])
			}
		}
	}
	var list []resources.ResourceID
	for _, r := range def.Everything() {
		if r.ID != id && seen[r.ID] && len(running(s, r.ID)) > 0 {
			list = append(list, r.ID)
		}
	}
	return list
}

// members are the resources of a set, with those of its groups.
func members(set resources.ResourceSet, parts func(resources.ResourceID) []resources.ResourceID) []resources.ResourceID {
	var all []resources.ResourceID
	for _, name := range set.Resources {
		all = append(all, parts(name)...)
	}
	return all
}
