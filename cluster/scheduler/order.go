package scheduler

import (
	"fmt"
	"slices"

	"github.com/belay-ha/belay/cluster/transition"
	"github.com/belay-ha/belay/resources"
)

// order makes actions of then wait for actions of first. It comes from the
// definition, or from a group's list.
type order struct {
	id          string
	first, then []int // primitives
	firstOp     resources.Op
	thenOp      resources.Op
	kind        resources.OrderKind
	symmetrical bool
	requireAll  bool
	// anyOf holds the primitives of each resource of a set of which any one is
	// enough; nil where all of first are needed.
	anyOf      [][]int
	min        int // instances of first that are enough; 0: all that will run
	firstClone bool
	replicas   bool // first are the containers of a bundle: any of them will do
	// up and down say which instances concern each other, in the order itself
	// and in its inverse.
	up, down pairing
}

// pairing says which instances of two primitives an order is about.
type pairing uint8

const (
	pairAll  pairing = iota
	pairNode         // those on the same node (interleave)
	pairCopy         // those of one copy of a cloned group
)

func (how pairing) joins(a, b *inst) bool {
	switch how {
	case pairAll:
		return true
	case pairNode:
		return a.node == b.node
	case pairCopy:
		return a.node == b.node && a.copy == b.copy
	default:
		panic("scheduler: invalid pairing")
	}
}

// unpackOrders resolves the definition's orders and adds those within groups.
func (p *planner) unpackOrders() {
	for ui := range p.units {
		u := &p.units[ui]
		how := pairAll
		if u.clone != nil {
			how = pairCopy
		}
		if u.bundle != nil {
			p.bundleOrders(u)
			continue
		}
		for k := 1; k < len(u.prims) && !u.unordered; k++ {
			p.orders = append(p.orders, order{
				id: "group " + string(u.id), first: u.prims[k-1 : k], then: u.prims[k : k+1],
				firstOp: resources.OpStart, thenOp: resources.OpStart, kind: resources.OrderMandatory,
				symmetrical: true, requireAll: true, firstClone: u.clone != nil, up: how, down: how,
			})
			if u.promotable {
				last := p.orders[len(p.orders)-1]
				last.firstOp, last.thenOp = resources.OpPromote, resources.OpPromote
				p.orders = append(p.orders, last)
			}
		}
	}
	for i := range p.def.Orders {
		p.unpackOrder(&p.def.Orders[i])
	}
}

func (p *planner) unpackOrder(o *resources.Order) {
	if len(o.Sets) > 0 {
		p.unpackAnyOf(o)
		return
	}
	first, then := p.members(o.First), p.members(o.Then)
	if ui, found := p.byUnit[o.Then]; found && p.units[ui].bundle != nil && o.ThenAction != resources.OpPromote && o.ThenAction != resources.OpDemote {
		then = p.wholeBundle(&p.units[ui])
	}
	if len(first) == 0 || len(then) == 0 {
		return
	}
	fu, tu := &p.units[p.prims[first[0]].unit], &p.units[p.prims[then[0]].unit]
	r := order{
		id: "order " + o.ID, first: first, then: then, firstOp: o.FirstAction, thenOp: o.ThenAction, kind: o.Kind,
		requireAll: resources.Or(o.RequireAll, true), firstClone: fu.clone != nil || fu.bundle != nil, min: fu.min, replicas: fu.bundle != nil,
	}
	if r.kind == "" {
		r.kind = resources.OrderMandatory
	}
	if r.firstOp == "" {
		r.firstOp = resources.OpStart
	}
	if r.thenOp == "" {
		r.thenOp = r.firstOp
	}
	r.firstOp, r.thenOp = plain(r.firstOp, fu), plain(r.thenOp, tu)
	r.symmetrical = resources.Or(o.Symmetrical, r.kind != resources.OrderSerialize)
	if fu.clone != nil && tu.clone != nil {
		// Where some copies are enough, it does not matter which: none has a partner.
		if tu.interleave && r.requireAll && r.min == 0 {
			r.up = pairNode
		}
		if fu.interleave {
			r.down = pairNode
		}
	}
	p.orders = append(p.orders, r)
}

// unpackAnyOf resolves an order whose first set holds resources of which any one
// is enough, and whose second holds what waits for it.
func (p *planner) unpackAnyOf(o *resources.Order) {
	if len(o.Sets) != 2 || len(o.Sets[1].Resources) != 1 {
		return // Resolved makes no others
	}
	r := order{id: "order " + o.ID, then: p.members(o.Sets[1].Resources[0]), firstOp: o.Sets[0].Action, thenOp: o.Sets[1].Action, kind: o.Kind}
	for _, id := range o.Sets[0].Resources {
		if prims := p.members(id); len(prims) > 0 {
			r.anyOf = append(r.anyOf, prims)
			r.first = append(r.first, prims...)
		}
	}
	if len(r.first) == 0 || len(r.then) == 0 {
		return
	}
	if r.kind == "" {
		r.kind = resources.OrderMandatory
	}
	r.firstOp, r.thenOp = plain(r.firstOp, &p.units[p.prims[r.first[0]].unit]), plain(r.thenOp, &p.units[p.prims[r.then[0]].unit])
	r.symmetrical = resources.Or(o.Symmetrical, r.kind != resources.OrderSerialize)
	p.orders = append(p.orders, r)
}

// needs lists what an order needs: each of one of the lists.
func (o *order) needs() [][]int {
	if o.anyOf != nil {
		return o.anyOf
	}
	return [][]int{o.first}
}

// plain turns promote and demote of what cannot be promoted into start and
// stop.
func plain(op resources.Op, u *unit) resources.Op {
	switch {
	case u.promotable:
		return op
	case op == resources.OpPromote:
		return resources.OpStart
	case op == resources.OpDemote:
		return resources.OpStop
	default:
		return op
	}
}

func inverse(op resources.Op) resources.Op {
	switch op {
	case resources.OpStart:
		return resources.OpStop
	case resources.OpStop:
		return resources.OpStart
	case resources.OpPromote:
		return resources.OpDemote
	case resources.OpDemote:
		return resources.OpPromote
	default:
		return ""
	}
}

// raises returns the role that an operation leads up to, if it does.
func raises(op resources.Op) (resources.Role, bool) {
	switch op {
	case resources.OpStart:
		return resources.RoleStarted, true
	case resources.OpPromote:
		return resources.RolePromoted, true
	default:
		return 0, false
	}
}

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

// orderPairs calls do for each pair of actions, one of first and one of then.
func (p *planner) orderPairs(o *order, how pairing, firstOp, thenOp resources.Op, do func(first, then int32)) {
	for _, fi := range o.first {
		for _, fk := range p.prims[fi].insts {
			f := &p.insts[fk]
			before := p.actionFor(f, firstOp)
			if before < 0 {
				continue
			}
			for _, ti := range o.then {
				for _, tk := range p.prims[ti].insts {
					t := &p.insts[tk]
					if next := p.actionFor(t, thenOp); next >= 0 && how.joins(f, t) {
						do(before, next)
					}
				}
			}
		}
	}
}

// actionFor returns the instance's action that an order's operation means, or
// -1. An instance that is stopped without being demoted is lowered by its stop.
func (p *planner) actionFor(i *inst, op resources.Op) int32 {
	switch op {
	case resources.OpStart:
		return i.acts[actStart]
	case resources.OpStop:
		return i.acts[actStop]
	case resources.OpPromote:
		return i.acts[actPromote]
	case resources.OpDemote:
		if i.acts[actDemote] < 0 && i.now == resources.RolePromoted {
			return i.acts[actStop]
		}
		return i.acts[actDemote]
	default:
		return -1
	}
}

// orderByDefinition adds the edges of every order but the serializing ones.
func (p *planner) orderByDefinition() {
	for k := range p.orders {
		o := &p.orders[k]
		if o.kind == resources.OrderSerialize {
			continue
		}
		optional := o.kind == resources.OrderOptional
		if !p.alreadyEnough(o) {
			p.orderPairs(o, o.up, o.firstOp, o.thenOp, func(first, then int32) { p.edge(first, then, optional) })
		}
		if o.symmetrical && !optional {
			p.downBeforeUp(o)
		}
		if o.symmetrical {
			back := order{first: o.then, then: o.first}
			p.orderPairs(&back, o.down, inverse(o.thenOp), inverse(o.firstOp), func(first, then int32) { p.edge(first, then, optional) })
		}
	}
}

// downBeforeUp: what restarts because first comes up anew goes down before that.
// Otherwise first could be up again by the next plan, which would then see no
// reason to restart anything.
func (p *planner) downBeforeUp(o *order) {
	_, up := raises(o.firstOp)
	wanted, raised := raises(o.thenOp)
	if !up || !raised {
		return
	}
	for _, ti := range o.then {
		for _, tk := range p.prims[ti].insts {
			t := &p.insts[tk]
			comesBack := t.restart || (t.repromote && wanted == resources.RolePromoted)
			down := p.actionFor(t, inverse(o.thenOp))
			if !comesBack || t.tgt < wanted || down < 0 {
				continue
			}
			for _, fi := range o.first {
				for _, fk := range p.prims[fi].insts {
					f := &p.insts[fk]
					alone := p.actionFor(f, inverse(o.firstOp)) < 0 // else its own way down waits already
					if alone && o.up.joins(f, t) && (!o.firstClone || f.node == t.node) {
						p.edge(down, p.actionFor(f, o.firstOp), false)
					}
				}
			}
		}
	}
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

// serialize keeps actions apart that must never run at once, in whichever order
// the rest of the plan already has.
func (p *planner) serialize() {
	if !slices.ContainsFunc(p.orders, func(o order) bool { return o.kind == resources.OrderSerialize }) {
		return
	}
	rank := p.topological()
	for k := range p.orders {
		o := &p.orders[k]
		if o.kind != resources.OrderSerialize {
			continue
		}
		p.orderPairs(o, pairAll, o.firstOp, o.thenOp, func(first, then int32) {
			if rank[first] > rank[then] {
				first, then = then, first
			}
			p.edge(first, then, false)
		})
	}
}
