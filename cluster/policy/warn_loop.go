package policy

import (
	"fmt"
	"strings"

	"github.com/belay-ha/belay/resources"
)

// Loops of constraints are no errors: a colocation that closes one is overlooked
// while the other places, and of contradicting orders one is left out of the
// graph. Whoever wrote them should know.

// warnColocationLoops tells which resources are placed by each other. What is in a
// group or clone counts as the outermost resource.
func (e *engine) warnColocationLoops() {
	a := asks{edges: map[string][]resources.Edge[string]{}}
	for _, c := range e.colocations {
		from, to := c.dependent.outermost().id, c.primary.outermost().id
		if from != to && c.id != colocateGroup && c.id != colocateContainer {
			a.add(from, to, c.id)
		}
	}
	a.loops("with", func(subject, text string) {
		e.warn("colocation_loop", subject, "these colocations go round in a circle, and are obeyed up to where it closes: "+text)
	})
}

// warnOrderLoops tells which tasks wait for each other by what was configured:
// asked are the orderings that the constraints have led to, by their ids.
func (e *engine) warnOrderLoops(asked map[string][]ordering) {
	a := asks{edges: map[string][]resources.Edge[string]{}}
	for _, c := range e.in.Orders {
		for _, o := range asked[c.ID] {
			// The reverse of an order goes round where the order does.
			if o.firstRsc != nil && o.thenRsc != nil && o.flags != serialize && o.flags&thenImpliesFirst == 0 {
				a.add(o.thenTask+" "+o.thenRsc.id, ended(o.firstRsc, o.firstTask), c.ID)
			}
		}
		delete(asked, c.ID)
	}
	for _, r := range e.all {
		if r == nil || r.variant != Group || r.parent != nil {
			continue
		}
		last := taskStart + " " + r.id
		for _, m := range r.members {
			a.add(taskStart+" "+m.id, last, r.id)
			last = taskStart + " " + m.id
		}
		a.add(ended(r, taskStart), last, r.id)
	}
	a.loops("after", func(subject, text string) {
		e.warnOrder("order_loop", subject, "these orders go round in a circle, and one of them is overlooked: "+text)
	})
}

// ended is the name of a task whose end is waited for: a group's is that of its
// last member's.
func ended(r *resource, task string) string {
	if r.variant == Group && task == taskStart {
		return task + " all of " + r.id
	}
	return task + " " + r.id
}

// asks collects what waits for what, and by which constraint.
type asks struct {
	order []string
	edges map[string][]resources.Edge[string]
}

func (a *asks) add(from, to, by string) {
	for _, name := range []string{from, to} {
		if _, known := a.edges[name]; !known {
			a.edges[name] = nil
			a.order = append(a.order, name)
		}
	}
	a.edges[from] = append(a.edges[from], resources.Edge[string]{To: to, By: by})
}

// loops calls tell with the first constraint of each loop, and all of it in words.
func (a *asks) loops(join string, tell func(subject, text string)) {
	for _, loop := range resources.Cycles(a.order, a.edges) {
		parts, from := make([]string, len(loop.Edges)), loop.From
		for i, e := range loop.Edges {
			parts[i] = fmt.Sprintf("%s %s %s (%s)", from, join, e.To, e.By)
			from = e.To
		}
		tell(loop.Edges[0].By, strings.Join(parts, ", "))
	}
}
