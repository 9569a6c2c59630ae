package resources

import (
	"slices"
	"strings"
)

// step is one action of one resource in the graph of mandatory orders. A group
// has two: it begins before its first member and is done after its last.
type step struct {
	id   ResourceID
	op   Op
	done bool
}

func (s step) String() string { return string(s.op) + " " + string(s.id) }

type orderGraph struct {
	edges map[step][]Edge[step]
	order []step // every step, as first seen
}

// add puts from before to. by is the path of the constraint that wants it so; ""
// inside of groups and resources.
func (g *orderGraph) add(from, to step, by string) {
	for _, s := range []step{from, to} {
		if _, seen := g.edges[s]; !seen {
			g.edges[s] = nil
			g.order = append(g.order, s)
		}
	}
	g.edges[from] = append(g.edges[from], Edge[step]{to, by})
}

// cycles reports mandatory orders that wait for each other, one for each knot.
func (v *validator) cycles() {
	g := v.orderGraph()
	for _, cycle := range Cycles(g.order, g.edges) {
		if len(cycle.Edges) == 2 && cycle.Edges[0].To.id == cycle.From.id {
			continue // "cannot wait for itself" is said already
		}
		at, words := "", []string{cycle.From.String()}
		for _, e := range cycle.Edges {
			if e.By != "" {
				at = e.By
			}
			if words[len(words)-1] != e.To.String() {
				words = append(words, e.To.String())
			}
		}
		if at == "" {
			continue // a group within itself: said already
		}
		v.add(ProblemCycle, at, "make one of them kind optional, or remove it", "these orders wait for each other: %s", strings.Join(words, " -> "))
	}
}

func (v *validator) orderGraph() *orderGraph {
	g := &orderGraph{edges: map[step][]Edge[step]{}}
	paths := v.paths("order", len(v.def.Orders), len(v.resolved.Orders))
	for _, o := range v.resolved.Orders {
		at := paths(o.ID)
		if o.Kind != OrderMandatory && o.Kind != "" || o.First == o.Then || len(o.Sets) > 0 {
			continue
		}
		first, then := o.actions()
		g.add(v.ends(o.First, first), v.begins(o.Then, then), at)
	}
	for _, group := range v.def.Groups {
		v.groupSteps(g, group)
	}
	for _, id := range v.promotables() {
		g.add(v.ends(id, OpStart), v.begins(id, OpPromote), "")
		g.add(v.ends(id, OpDemote), v.begins(id, OpStop), "")
	}
	return g
}

// paths hands out the paths of resolved constraints: where sets were written out,
// several have one path.
func (v *validator) paths(kind string, written, resolved int) func(id string) string {
	if written == resolved {
		var paths Paths
		return func(id string) string { return paths.Next(kind, id) }
	}
	return func(id string) string { return kind + "[" + id + "]" }
}

func (v *validator) promotables() []ResourceID {
	var ids []ResourceID
	for _, r := range v.def.Resources {
		if v.promotable(r.ID) {
			ids = append(ids, r.ID)
		}
	}
	for _, b := range v.def.Bundles {
		if v.promotable(b.ID) {
			ids = append(ids, b.ID)
		}
	}
	for _, g := range v.def.Groups {
		if v.promotable(g.ID) {
			ids = append(ids, g.ID)
		}
	}
	return ids
}

func (v *validator) begins(id ResourceID, op Op) step { return step{id: id, op: op} }

func (v *validator) ends(id ResourceID, op Op) step {
	_, isGroup := v.group[id]
	return step{id: id, op: op, done: isGroup}
}

// groupSteps orders a group's members: up in their order, down in reverse.
func (v *validator) groupSteps(g *orderGraph, group Group) {
	for _, op := range []Op{OpStart, OpPromote, OpStop, OpDemote} {
		members := slices.Clone(group.Members)
		if op == OpStop || op == OpDemote {
			slices.Reverse(members)
		}
		last := v.begins(group.ID, op)
		for _, m := range members {
			if !Or(group.Ordered, true) { // none waits for another
				g.add(v.begins(group.ID, op), v.begins(m, op), "")
				g.add(v.begins(m, op), v.ends(group.ID, op), "")
				continue
			}
			g.add(last, v.begins(m, op), "")
			last = v.begins(m, op)
		}
		g.add(last, v.ends(group.ID, op), "")
	}
}
