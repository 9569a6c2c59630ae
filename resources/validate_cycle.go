package resources

import (
	"fmt"
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
	edges map[step][]step
	order []step // every step, as first seen
	// by names the constraint behind an edge; edges inside groups and resources
	// have none.
	by map[[2]step]string
}

func (g *orderGraph) add(from, to step, by string) {
	for _, s := range []step{from, to} {
		if _, seen := g.edges[s]; !seen {
			g.edges[s] = nil
			g.order = append(g.order, s)
		}
	}
	g.edges[from] = append(g.edges[from], to)
	if _, taken := g.by[[2]step{from, to}]; !taken {
		g.by[[2]step{from, to}] = by
	}
}

// cycles reports mandatory orders that wait for each other, one for each knot.
func (v *validator) cycles() {
	g := v.orderGraph()
	for _, knot := range g.knots() {
		cycle := g.cycleIn(knot)
		if len(cycle) == 2 && cycle[0].id == cycle[1].id {
			continue // "cannot wait for itself" is said already
		}
		at, words := "", make([]string, 0, len(cycle)+1)
		for i, s := range cycle {
			if by := g.by[[2]step{s, cycle[(i+1)%len(cycle)]}]; by != "" {
				at = by
			}
			if len(words) == 0 || words[len(words)-1] != s.String() {
				words = append(words, s.String())
			}
		}
		if at == "" {
			continue // a group within itself: said already
		}
		if words[len(words)-1] != words[0] {
			words = append(words, words[0])
		}
		v.add(ProblemCycle, at, "make one of them kind optional, or remove it", "these orders wait for each other: %s", strings.Join(words, " -> "))
	}
}

func (v *validator) orderGraph() *orderGraph {
	g := &orderGraph{edges: map[step][]step{}, by: map[[2]step]string{}}
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
			g.add(last, v.begins(m, op), "")
			last = v.begins(m, op)
		}
		g.add(last, v.ends(group.ID, op), "")
	}
}

// knots returns the strongly connected sets of more than one step (Tarjan's
// algorithm), each in the order of the definition.
func (g *orderGraph) knots() [][]step {
	t := tarjan{graph: g, index: map[step]int{}, low: map[step]int{}, on: map[step]bool{}}
	for _, s := range g.order {
		if _, seen := t.index[s]; !seen {
			t.visit(s)
		}
	}
	return t.knots
}

type tarjan struct {
	graph      *orderGraph
	index, low map[step]int
	on         map[step]bool
	stack      []step
	knots      [][]step
}

func (t *tarjan) visit(s step) {
	t.index[s] = len(t.index)
	t.low[s] = t.index[s]
	t.stack = append(t.stack, s)
	t.on[s] = true
	for _, next := range t.graph.edges[s] {
		if _, seen := t.index[next]; !seen {
			t.visit(next)
			t.low[s] = min(t.low[s], t.low[next])
		} else if t.on[next] {
			t.low[s] = min(t.low[s], t.index[next])
		}
	}
	if t.low[s] != t.index[s] {
		return
	}
	from := slices.Index(t.stack, s)
	knot := slices.Clone(t.stack[from:])
	t.stack = t.stack[:from]
	for _, member := range knot {
		t.on[member] = false
	}
	if len(knot) > 1 {
		t.knots = append(t.knots, knot)
	}
}

// cycleIn returns a shortest cycle through the knot's first step.
func (g *orderGraph) cycleIn(knot []step) []step {
	start := knot[0]
	came := map[step]step{}
	queue := []step{start}
	for len(queue) > 0 {
		s := queue[0]
		queue = queue[1:]
		for _, next := range g.edges[s] {
			if next == start {
				return walkBack(came, start, s)
			}
			if _, seen := came[next]; !seen && slices.Contains(knot, next) {
				came[next] = s
				queue = append(queue, next)
			}
		}
	}
	panic(fmt.Sprintf("resources: %v is in no cycle", start))
}

func walkBack(came map[step]step, start, end step) []step {
	cycle := []step{end}
	for s := end; s != start; {
		s = came[s]
		cycle = append(cycle, s)
	}
	slices.Reverse(cycle)
	return cycle
}
