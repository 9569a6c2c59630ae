package policy

// order makes relations of all orderings, and makes them hold.
func (e *engine) order() {
	e.makeRelations()
	p := newPropagation(e)
	for i := len(e.actions) - 1; i >= 0; i-- {
		p.blockDependents(e.actions[i])
		p.run() // so that probes see what the orders of what is blocked are about
	}
	e.orderProbes()
	p.all()
	e.dropInvalid()
}

// makeRelations makes relations of all orderings.
func (e *engine) makeRelations() {
	// What is configured comes before what follows from the resources, so that
	// it is what a person is told.
	implied := e.orderings
	e.orderings = make([]ordering, 0, len(implied)+2*len(e.in.Orders))
	e.configuredOrders()
	e.orderings = append(e.orderings, implied...)

	e.expandOrderings()
	// Orders may have made starts that nothing else needs: probes come before
	// them too, and so before what follows from them.
	e.orderProbeStarts()
}

// dropInvalid drops orderings that cannot hold: of what is inside a guest with
// what holds the guest, and of two resources that would wait for each other's
// room to migrate.
func (e *engine) dropInvalid() {
	var walk loopWalk
	for i := len(e.actions) - 1; i >= 0; i-- {
		a := e.actions[i]
		for j := range a.before {
			rel := &a.before[j]
			if e.invalid(a, rel, &walk) {
				rel.flags = 0
			}
		}
	}
}

func (e *engine) invalid(a *action, rel *relation, walk *loopWalk) bool {
	if rel.flags == 0 || a.rsc == nil {
		return false
	}
	first := rel.action
	if rel.flags&guestOrder == 0 && first.rsc != nil && first.node != nil && first.node.guest() &&
		first.node.connection.container == a.rsc {
		e.warnOrder("invalid_order", a.rsc.id, "an order with "+first.rsc.id+", which runs inside, has no effect")
		return true
	}
	return rel.only(ifSameNodeOrTarget) && a.task == taskMigrateTo && walk.loops(e, a, rel)
}

// only reports whether a flag is all that an ordering consists of.
func (r *relation) only(f orderFlags) bool { return r.flags&^orderPlain == f }
