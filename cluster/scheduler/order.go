package scheduler

import (
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
