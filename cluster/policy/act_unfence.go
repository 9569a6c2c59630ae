package policy

// orderAfterUnfencing lets an action wait for the unfencing of its node, where
// the resource needs that. Fencing devices wait too: an agent that unfences
// often cannot even look at a node that is fenced. The unfencing itself is only
// required if the node was never unfenced; else each new resource would cost an
// unfencing.
func (e *engine) orderAfterUnfencing(r *resource, n *node, a *action, flags orderFlags) {
	if !r.is(flagNeedsUnfencing) && !(r.is(flagFenceDevice) && e.haveUnfencing) {
		return
	}
	unfence := e.fenceAction(n, fenceOn, true, "", false)
	e.orderActions(unfence, a, flags)
	if !n.unfenced() {
		e.unfence(n, "required by "+r.id+" "+a.task)
	}
}

// unfenced reports whether the node has been unfenced since it was fenced.
func (n *node) unfenced() bool {
	at, ok := n.attrs["#node-unfenced"]
	return ok && at != "0"
}

// unfence makes the unfencing of a node necessary.
func (e *engine) unfence(n *node, reason string) {
	if e.haveUnfencing && n.online && !n.unclean && !n.shutdown {
		e.fenceAction(n, fenceOn, false, reason, false)
	}
}

// unfenceForChange unfences the node after a change of a fencing device.
func (e *engine) unfenceForChange(r *resource, n *node, reason string) {
	if !e.haveUnfencing || !r.is(flagFenceDevice) {
		return
	}
	if n != nil && n.online && !n.unclean && !n.shutdown {
		e.unfence(n, reason)
		return
	}
	for i, w := range r.allowed {
		if w.in {
			e.unfence(e.nodes[i], reason)
		}
	}
}

// orderRestartVsUnfencing lets the resource stop before any unfencing of a node
// where it may run, and start after it.
func (e *engine) orderRestartVsUnfencing(r *resource) {
	for i, w := range r.allowed {
		if !w.in {
			continue
		}
		unfence := e.fenceAction(e.nodes[i], fenceOn, true, "", false)
		e.addOrdering(ordering{firstRsc: r, firstTask: taskStop, then: unfence, flags: orderPlain | ifSameNode})
		e.addOrdering(ordering{first: unfence, thenRsc: r, thenTask: taskStart,
			flags: firstImpliesSameNodeThen | ifSameNode})
	}
}
