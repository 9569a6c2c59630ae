package policy

// orderPrimitive asks for the orderings that every primitive has, and for what
// follows from its being in a container.
func (e *engine) orderPrimitive(r *resource) {
	if !r.is(flagManaged) {
		return
	}
	e.orderTasks(r, taskStop, r, taskStart, orderPlain|firstImpliesThen|intermediateStop)
	if r.collection().is(flagPromotable) || r.role > RoleUnpromoted {
		e.orderTasks(r, taskDemote, r, taskStop, promotedImpliesFirst)
		e.orderTasks(r, taskStart, r, taskPromote, firstBlocksThen)
	}
	// A history is not deleted where a probe is about to write it.
	e.orderTasks(r, taskDelete, r, taskMonitor, ifSameNode|thenCancelsFirst)

	if e.haveUnfencing && !r.is(flagFenceDevice) && r.is(flagNeedsUnfencing) {
		e.orderRestartVsUnfencing(r)
	}
	if len(r.utilization) > 0 && e.opt.strategy != placeDefault {
		e.orderLoad(r)
	}
	if r.container != nil {
		e.orderContained(r)
	}
}

// orderLoad makes sure that what leaves a node has gone before what comes takes
// its capacity.
func (e *engine) orderLoad(r *resource) {
	for _, n := range r.runningOn {
		e.addOrdering(ordering{firstRsc: r, firstTask: taskStop, then: e.loadGone(n), flags: ifSameNodeOrTarget})
	}
	for i, w := range r.allowed {
		if w.in {
			e.loadGone(e.nodes[i])
		}
	}
}

// loadGone marks that all that leaves a node has left it.
func (e *engine) loadGone(n *node) *action {
	a := e.singleton(taskLoadGone, taskLoadGone, n, false)
	a.set(actPseudo | actRunnable)
	return a
}

// orderLoads lets what comes to a node wait until what leaves it has gone. It is
// called when it is known what comes.
func (e *engine) orderLoads() {
	if e.opt.strategy == placeDefault {
		return
	}
	for _, r := range e.all {
		if r.variant != Primitive || len(r.utilization) == 0 || !r.is(flagManaged) || r.assigned == nil {
			continue
		}
		gone := e.findSingleton(taskLoadGone, r.assigned)
		for _, a := range r.actions {
			if a.key == taskStart && a.node == r.assigned || a.key == taskMigrateTo {
				e.orderActions(gone, a, ifSameNodeOrTarget)
			}
		}
	}
}

// orderContained orders a resource with the container that it is in: a guest's
// connection, a part of a bundle, or what is configured to run in a guest. The
// last has its orderings from being on the guest node.
func (e *engine) orderContained(r *resource) {
	container := r.container
	if r.is(flagConnection) {
		// A container that was cleaned up is probed: let that show whether it still
		// runs before its connection is recovered.
		e.orderTasks(container, taskMonitor, r, taskStop, orderPlain)
	} else if container.is(flagConnection) || guestConnectionIn(container) != nil {
		return
	}
	e.orderTasks(container, taskStart, r, taskStart, firstImpliesThen|firstBlocksThen)
	e.orderTasks(r, taskStop, container, taskStop, thenImpliesFirst)
}
