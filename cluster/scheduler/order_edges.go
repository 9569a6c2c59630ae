package scheduler

import (
	"slices"

	"github.com/belay-ha/belay/resources"
)

// orderedAct is an action that an order is about, with the instance that it is of.
type orderedAct struct {
	act  int32
	inst *inst
}

// orderedActs lists what the instances of primitives do that an operation means.
func (p *planner) orderedActs(prims []int, op resources.Op) []orderedAct {
	var all []orderedAct
	for _, qi := range prims {
		for _, k := range p.prims[qi].insts {
			i := &p.insts[k]
			if at := p.actionFor(i, op); at >= 0 {
				all = append(all, orderedAct{at, i})
			}
		}
	}
	return all
}

// orderPairs calls do for each pair of actions that concern each other, one of
// first and one of then. Only where all concern all, the pairs are as many as the
// product.
func (p *planner) orderPairs(o *order, how pairing, firstOp, thenOp resources.Op, do func(first, then int32)) {
	firsts := p.orderedActs(o.first, firstOp)
	if len(firsts) == 0 {
		return
	}
	thens := p.orderedActs(o.then, thenOp)
	if how == pairAll || len(firsts) == 1 || len(thens) == 1 {
		for _, then := range thens {
			joinPairs(firsts, then, how, do)
		}
		return
	}
	onNode := make(map[int][]orderedAct, len(firsts))
	for _, first := range firsts {
		onNode[first.inst.node] = append(onNode[first.inst.node], first)
	}
	for _, then := range thens {
		joinPairs(onNode[then.inst.node], then, how, do)
	}
}

func joinPairs(firsts []orderedAct, then orderedAct, how pairing, do func(first, then int32)) {
	for _, first := range firsts {
		if how.joins(first.inst, then.inst) {
			do(first.act, then.act)
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
