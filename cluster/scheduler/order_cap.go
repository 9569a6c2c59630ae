package scheduler

import (
	"fmt"
	"slices"

	"github.com/belay-ha/belay/cluster/transition"
	"github.com/belay-ha/belay/resources"
)

// capTargets takes back targets whose mandatory predecessors will not be there.
// What depends on them follows, until nothing changes.
func (p *planner) capTargets() {
	for changed := true; changed; {
		changed = false
		for k := range p.orders {
			if o := &p.orders[k]; o.kind == resources.OrderMandatory && p.capByOrder(o) {
				changed = true
			}
		}
		for k := range p.colocations {
			if c := &p.colocations[k]; !c.apart && p.capByColocation(c) {
				changed = true
			}
		}
		changed = p.capInner() || changed
	}
}

// capByColocation takes back what would run without the primary that it must be
// with: the primary was placed, but an order keeps it from running.
func (p *planner) capByColocation(c *colocation) (changed bool) {
	needed, wanted := max(c.withRole, resources.RoleStarted), max(c.depRole, resources.RoleStarted)
	dep, with := c.dep, c.with
	for _, k := range p.prims[dep].insts {
		d := &p.insts[k]
		if d.tgt < wanted || d.pinned {
			continue
		}
		beside := slices.ContainsFunc(p.prims[with].insts, func(k int) bool {
			w := &p.insts[k]
			return w.tgt >= needed && !p.nodes[w.node].unclean && (w.node == d.node || (c.attr != "" && p.value(w.node, c.attr) == p.value(d.node, c.attr)))
		})
		if beside {
			continue
		}
		d.tgt = resources.RoleStopped
		if wanted == resources.RolePromoted {
			d.tgt = resources.RoleStarted
		}
		d.why = fmt.Sprintf("colocation %s: %s is not %s here", c.id, p.prims[with].id, needed)
		p.problem(transition.Problem{
			Code: "colocation_unmet", Severity: transition.SeverityWarning, Node: p.nodes[d.node].name, Resource: p.prims[dep].id,
			Text: fmt.Sprintf("%s may not be %s here: %s", d.id, wanted, d.why),
		})
		changed = true
	}
	return changed
}

func (p *planner) capByOrder(o *order) (changed bool) {
	needed, up := raises(o.firstOp)
	wanted, raised := raises(o.thenOp)
	if !up || !raised {
		return false
	}
	enough := o.up == pairAll && p.enough(o, needed, nil)
	for _, qi := range o.then {
		for _, k := range p.prims[qi].insts {
			t := &p.insts[k]
			if t.tgt < wanted || t.pinned || enough || (o.up != pairAll && p.enough(o, needed, t)) {
				continue
			}
			if !o.symmetrical && t.cur >= wanted && !t.restart {
				continue // it is past the point that the order is about
			}
			t.tgt = resources.RoleStopped
			if wanted == resources.RolePromoted {
				t.tgt = resources.RoleStarted
			}
			t.why = fmt.Sprintf("%s: %s is not %s", o.id, p.prims[o.first[0]].id, needed)
			if o.anyOf != nil {
				t.why = fmt.Sprintf("%s: none of its %d is %s", o.id, len(o.anyOf), needed)
			}
			p.problem(transition.Problem{
				Code: "order_unmet", Severity: transition.SeverityWarning, Node: p.nodes[t.node].name, Resource: p.prims[qi].id,
				Text: fmt.Sprintf("%s may not be %s here: %s", t.id, wanted, t.why),
			})
			changed = true
		}
	}
	return changed
}

// enough reports whether first will be in the needed role, as far as it
// concerns t (nil: at all).
func (p *planner) enough(o *order, needed resources.Role, t *inst) bool {
	return slices.ContainsFunc(o.needs(), func(first []int) bool { return p.allThere(o, first, needed, t) })
}

func (p *planner) allThere(o *order, first []int, needed resources.Role, t *inst) bool {
	count := 0
	for k, qi := range first {
		if !o.replicas {
			count = 0
		}
		for _, k := range p.prims[qi].insts {
			if f := &p.insts[k]; f.tgt >= needed && !p.nodes[f.node].unclean && (t == nil || o.up.joins(f, t)) {
				count++
			}
		}
		if o.replicas && k < len(first)-1 {
			continue
		}
		if count < max(o.min, 1) && !(t != nil && count > 0) {
			return false
		}
	}
	return true
}
