package scheduler

import (
	"fmt"
	"slices"

	"github.com/belay-ha/belay/resources"
)

// markRestarts restarts what runs on something that restarts or only starts
// now, until nothing changes.
//
// Where first is a clone and then is not paired with it by node, an active then
// restarts only for the copy on its own node: healthy instances do not ripple
// because of a copy elsewhere.
func (p *planner) markRestarts() {
	for changed := true; changed; {
		changed = false
		for k := range p.orders {
			if o := &p.orders[k]; o.kind == resources.OrderMandatory && o.symmetrical && !p.alreadyEnough(o) && p.restartByOrder(o) {
				changed = true
			}
		}
	}
}

func (p *planner) restartByOrder(o *order) (changed bool) {
	needed, up := raises(o.firstOp)
	wanted, raised := raises(o.thenOp)
	if !up || !raised {
		return false
	}
	var cycling []int
	for _, qi := range o.first {
		if p.prims[qi].unprobed {
			return false // what nobody has looked at restarts nothing
		}
		for _, k := range p.prims[qi].insts {
			if p.cycles(&p.insts[k], needed) {
				cycling = append(cycling, k)
			}
		}
	}
	if len(cycling) == 0 {
		return false
	}
	for _, qi := range o.then {
		for _, k := range p.prims[qi].insts {
			t := &p.insts[k]
			if t.pinned || t.restart || t.cur < wanted || t.tgt < wanted || (wanted == resources.RolePromoted && t.repromote) {
				continue
			}
			for _, fk := range cycling {
				f := &p.insts[fk]
				if !o.up.joins(f, t) || (o.firstClone && f.node != t.node) {
					continue
				}
				t.restart = wanted == resources.RoleStarted
				t.repromote = !t.restart
				t.why = fmt.Sprintf("%s: %s restarts", o.id, f.id)
				if !f.active() {
					t.why = fmt.Sprintf("%s: %s starts first", o.id, f.id)
				}
				changed = true
				break
			}
		}
	}
	return changed
}

// cycles reports whether the instance comes into the needed role anew.
func (p *planner) cycles(f *inst, needed resources.Role) bool {
	if f.tgt < needed || f.pinned || p.nodes[f.node].unclean {
		return false
	}
	if needed == resources.RolePromoted && f.repromote {
		return true
	}
	// An operation in flight still counts: then waits for its end.
	return f.restart || f.cur < needed || f.now < needed
}

// alreadyEnough reports whether an order that does not ask for all of first's
// instances is satisfied by those that run and go on running.
func (p *planner) alreadyEnough(o *order) bool {
	if o.requireAll && o.min == 0 {
		return false
	}
	needed, up := raises(o.firstOp)
	return up && slices.ContainsFunc(o.needs(), func(first []int) bool { return p.allGoOn(o, first, needed) })
}

// allGoOn reports whether enough instances run in the needed role and go on.
func (p *planner) allGoOn(o *order, first []int, needed resources.Role) bool {
	for _, qi := range first {
		count := 0
		for _, k := range p.prims[qi].insts {
			if f := &p.insts[k]; f.now >= needed && f.cur >= needed && f.tgt >= needed && !f.restart && f.probed && !p.nodes[f.node].unclean {
				count++
			}
		}
		if count < max(o.min, 1) {
			return false
		}
	}
	return true
}
