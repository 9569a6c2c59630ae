package policy

// act creates the actions that lead from the present state to the decided one:
// first what finds out the state, then each resource's way, then what the nodes
// need. Actions that nothing calls for yet are created as optional ones: the
// orderings may make them necessary.
func (e *engine) act() {
	e.runDeferredChecks()
	if e.opt.probes {
		e.probe()
	}
	if e.opt.stopRemoved {
		for _, r := range e.top {
			e.clearRemovedFailures(r)
		}
	}
	for _, r := range e.top {
		e.actResource(r)
	}
	e.orderProbeStarts()
	e.orderLoads()
	e.orderRemoteActions()
	e.fenceAndShutDown()
}

// actResource creates the actions of a resource and of all its members.
func (e *engine) actResource(r *resource) {
	if r.variant == Primitive {
		e.actPrimitive(r)
	} else {
		e.actCollection(r)
	}
}

// clearRemovedFailures forgets the failures of a resource that is no longer
// configured, before it is stopped.
func (e *engine) clearRemovedFailures(r *resource) {
	if !r.is(flagRemoved) {
		return
	}
	for _, n := range e.nodes {
		if !n.online {
			continue
		}
		if count, _ := e.failures(r, n); count == 0 {
			continue
		}
		a := e.clearFailures(r, n, "it is removed")
		e.addOrdering(ordering{first: a, thenRsc: r, thenTask: taskStop, flags: orderPlain})
	}
}
