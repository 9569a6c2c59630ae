package policy

import "slices"

// probe creates the actions that find out where resources are active, wherever
// that is not known. A start waits for all probes of its resource.
func (e *engine) probe() {
	for _, n := range e.nodes {
		switch {
		case !n.online:
			if e.remoteLost(n) {
				e.fenceNode(n, "the connection is unrecoverable", false)
			}
		case n.unclean || n.noProbes:
		default:
			for _, r := range e.top {
				e.probeOn(r, n)
			}
		}
	}
}

// probeOn creates the probes of a resource on a node and reports whether there
// are any.
func (e *engine) probeOn(r *resource, n *node) bool {
	switch r.variant {
	case Primitive:
		return e.probePrimitive(r, n)
	case Clone:
		return e.probeClone(r, n)
	case Bundle:
		return e.probeBundle(r, n)
	default:
		return e.probeAll(r.members, n)
	}
}

func (e *engine) probeAll(list []*resource, n *node) bool {
	any := false
	for _, r := range list {
		any = e.probeOn(r, n) || any
	}
	return any
}

// probeClone probes every instance of a unique clone, and one of an anonymous
// clone: which one a node has means nothing.
func (e *engine) probeClone(r *resource, n *node) bool {
	if len(r.members) == 0 {
		return false
	}
	if r.is(flagExclusive) {
		w := r.weightOf(n)
		if !w.in || w.discovery != discoverExclusive {
			if n.index < len(r.allowed) {
				r.allowed[n.index].in = false
			}
			return false
		}
	}
	if r.clone != nil && !r.clone.probed {
		r.clone.probed = true
		sortByNumber(r.members) // placing and promoting have shuffled them
	}
	if r.is(flagUnique) {
		return e.probeAll(r.members, n)
	}
	for _, m := range r.members {
		if m.probedOn(n) {
			return e.probeOn(m, n)
		}
	}
	for _, m := range r.members {
		if m.placeNext() == n {
			return e.probeOn(m, n)
		}
	}
	return e.probeOn(r.members[0], n)
}

// probedOn reports whether anything in the resource was looked for on the node.
func (r *resource) probedOn(n *node) bool {
	if r.variant == Primitive {
		return r.known(n)
	}
	for _, m := range r.members {
		if m.probedOn(n) {
			return true
		}
	}
	return false
}

// known reports whether the resource's state on the node is known.
func (r *resource) known(n *node) bool {
	return n.index>>6 < len(r.knownOn) && r.knownOn.has(n)
}

// weightOf is what the resource thinks of the node.
func (r *resource) weightOf(n *node) weight {
	if n.index < len(r.allowed) {
		return r.allowed[n.index]
	}
	return weight{}
}

// probePrimitive probes a primitive on a node unless that is not needed, or not
// wanted.
func (e *engine) probePrimitive(r *resource, n *node) bool {
	if r.known(n) || r.is(flagRemoved) || r.container != nil && !r.is(flagConnection) {
		return false
	}
	if n.remote() && (r.is(flagFenceDevice) || r.is(flagConnection) || n.guest() && guestConnectionIn(r) != nil) {
		return false
	}
	w := r.weightOf(n)
	if r.is(flagExclusive) || r.collection().is(flagExclusive) {
		if !w.in || w.discovery != discoverExclusive {
			return false
		}
	} else if w.discovery == discoverNever { // of bundles' nodes also where they are not in the table
		return false
	}
	if n.guest() && !e.probeGuest(r, n) {
		return false
	}
	e.makeProbeRoom(r)
	a := e.makeAction(r, taskMonitor, taskMonitor, 0, n, false) // once for each node
	a.unset(actOptional)                                        // also of what is not managed
	e.orderAfterUnfencing(r, n, a, orderPlain)
	if !r.activeOn(n) {
		a.expected = rcNotRunning
	} else if r.role == RolePromoted {
		a.expected = rcPromoted
	}
	return true
}

// makeProbeRoom allocates the probes of a resource on all nodes in one piece: they
// are made node by node and looked at resource by resource. Of a clone each copy is
// probed on few nodes.
func (e *engine) makeProbeRoom(r *resource) {
	if r.probed || r.collection().variant >= Clone {
		return
	}
	r.probed = true
	room := 0
	for _, n := range e.nodes {
		if n.online && !r.known(n) {
			room++
		}
	}
	r.spare, r.actions = make([]action, room), slices.Grow(r.actions, room)
}

// probeGuest reports whether a resource has to be probed on a guest node. It has
// not where the guest is down, or about to go down: then the start only has to
// come after what happens to the guest.
func (e *engine) probeGuest(r *resource, n *node) bool {
	top, guest := r.collection(), n.connection.container
	if guest.role == RoleStopped {
		if guest.assigned != nil && !guest.known(guest.assigned) {
			e.orderTasks(guest, taskMonitor, top, taskStart, orderPlain)
		}
		return false
	}
	moves := guest.role > RoleStopped && guest.assigned != nil && !guest.activeOn(guest.assigned)
	if n.resetNeeded || n.unclean || guest.is(flagFailed) || guest.nextRole == RoleStopped || moves {
		e.orderTasks(guest, taskStop, top, taskStart, orderPlain)
		return false
	}
	return true
}

// probeBundle probes the parts of a bundle.
func (e *engine) probeBundle(r *resource, n *node) bool {
	if r.bndl == nil {
		return false
	}
	any := false
	for _, part := range r.bndl.replicas {
		if part.ip != nil && e.probeOn(part.ip, n) {
			any = true
		}
		if part.child != nil && part.node == n && e.probeOn(part.child, n) {
			any = true
		}
		if part.container == nil {
			continue
		}
		if e.probeOn(part.container, n) {
			any = true
			e.orderReplicaStarts(r, part)
		}
		if part.connection != nil && e.probeOn(part.connection, n) {
			any = true
			// Only where the container runs can its connection be looked for.
			if a := part.connection.activeAction(taskMonitor, 0, n); a != nil {
				e.addOrdering(ordering{firstRsc: part.container, firstTask: taskStart, then: a, flags: probeOrder})
			}
		}
	}
	return any
}

// orderReplicaStarts keeps the other containers of a bundle from being started
// on a node where this one is still being looked for, if a node may have only
// one.
func (e *engine) orderReplicaStarts(r *resource, part *replica) {
	if part.startsOrdered || r.bndl.perHost != 1 {
		return
	}
	part.startsOrdered = true
	for _, other := range r.bndl.replicas {
		if other != part && other.container != nil {
			e.orderTasks(part.container, taskMonitor, other.container, taskStart, orderPlain|ifSameNode)
		}
	}
}

// orderProbeStarts lets starts and reloads wait for the probes. A start that
// waits for a probe that cannot be made does not happen, unless the resource is
// active already.
func (e *engine) orderProbeStarts() {
	var then []*action
	for _, r := range e.all {
		if r.variant != Primitive {
			continue
		}
		top := r.collection()
		if top.variant != Clone {
			top = r
		}
		then = then[:0]
		for _, a := range top.actions {
			if a.key == taskStart || a.key == taskReload && top == r {
				then = append(then, a)
			}
		}
		if len(then) == 0 {
			continue
		}
		for _, probe := range r.actions {
			// One without a node only stands for a probe that is not needed.
			if probe.isProbe() && probe.node != nil {
				e.orderProbeStart(probe, then, len(top.runningOn) > 0)
			}
		}
	}
}

func (e *engine) orderProbeStart(probe *action, then []*action, active bool) {
	for _, a := range then {
		flags := orderPlain
		if a.key == taskStart && !active && !probe.is(actRunnable) {
			flags |= firstBlocksThen
		}
		e.orderActions(probe, a, flags)
	}
}

// isProbe reports whether the action looks for a primitive.
func (a *action) isProbe() bool {
	return a.task == taskMonitor && a.interval == 0 && a.rsc != nil && a.rsc.variant == Primitive
}
