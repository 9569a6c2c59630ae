package policy

import "strings"

// fenceAndShutDown creates what the nodes need: fencing of those that are
// unclean, and the shutdown of those that asked for it. The DC comes last.
func (e *engine) fenceAndShutDown() {
	managed := false
	for _, r := range e.all {
		managed = managed || r.is(flagManaged)
	}
	var fenced, shut []*action
	var dcDown *action
	for _, n := range e.nodes {
		if n.guest() {
			if n.resetNeeded && managed && e.canFence(n) {
				e.fenceGuest(n)
			}
			continue
		}
		switch {
		case managed && n.unclean && e.canFence(n):
			a := e.fenceAction(n, "", false, "node is unclean", false)
			e.orderAfterFencing(a)
			if n.dc {
				dcDown = a
				break
			}
			if !e.opt.concurrent && len(fenced) > 0 {
				e.orderActions(fenced[len(fenced)-1], a, orderPlain)
			}
			fenced = append(fenced, a)
		case !n.remote() && n.online && n.shutdown:
			a := e.shutDown(n)
			if n.dc {
				dcDown = a
			} else {
				shut = append(shut, a)
			}
		}
	}
	e.orderDCLast(dcDown, fenced, shut)
}

// orderDCLast lets whatever happens to the DC come after what happens to the
// other nodes, so that the one that watches over it stays. A fencing of the DC
// does not wait for shutdowns: they may have to wait for it.
func (e *engine) orderDCLast(dcDown *action, fenced, shut []*action) {
	if dcDown == nil {
		return
	}
	if dcDown.task == taskShutdown {
		for _, a := range shut {
			e.orderActions(a, dcDown, orderPlain)
		}
	}
	if !e.opt.concurrent && len(fenced) > 0 {
		fenced = fenced[len(fenced)-1:] // they wait for one another
	}
	for _, a := range fenced {
		e.orderActions(a, dcDown, orderPlain)
	}
}

// shutDown creates the end of a node's work, after all that stops on it.
func (e *engine) shutDown(n *node) *action {
	down := e.singleton(taskShutdown, taskShutdown, n, false)
	for _, a := range e.actions {
		if a.rsc == nil || a.node != n || a.task != taskStop || n.maintenance {
			continue
		}
		// What is not managed stays as it is; the node leaves nevertheless. A stop
		// that is blocked keeps the node.
		if a.rsc.is(flagMaintenance) || !a.rsc.is(flagManaged) && !a.rsc.is(flagBlocked) {
			continue
		}
		a.unset(actOptional)
		e.addOrdering(ordering{first: a, then: down, flags: orderPlain | firstBlocksThen})
	}
	return down
}

// fenceGuest creates the fencing of a guest node. It happens by the restart of
// its container; the action only marks the point for what waits for it.
func (e *engine) fenceGuest(n *node) {
	container := n.connection.container
	stop := e.firstAction(container, taskStop, nil)
	op := "off"
	if e.firstAction(container, taskStart, nil) != nil {
		op = "reboot"
	}
	a := e.fenceAction(n, op, false, "guest is unclean", false)
	a.set(actPseudo | actRunnable)
	switch {
	case stop != nil && stop.is(actPseudo) && stop.node != nil:
		// The container goes down with its host.
		host := e.fenceAction(stop.node, "", false, "", false)
		e.orderActions(host, a, firstBlocksThen|firstImpliesThen)
	case stop != nil:
		e.orderActions(stop, a, firstBlocksThen|firstImpliesThen)
	default:
		// The guest is thought to be down, maybe only because its history was
		// cleaned up. The connection's stop comes after a probe of the container.
		if stop := e.firstAction(n.connection, taskStop, nil); stop != nil {
			e.orderActions(stop, a, orderPlain)
		}
	}
	e.orderAfterFencing(a)
}

// orderAfterFencing puts what a fencing affects behind it: starts that need it,
// and stops that it implies.
func (e *engine) orderAfterFencing(fence *action) {
	for _, r := range e.all {
		if r.variant == Primitive && r.is(flagManaged) {
			e.startsAfterFencing(r, fence)
			e.stopsByFencing(r, fence)
		}
	}
}

// startsAfterFencing lets what may only start when all is well wait for the
// fencing; anything else only if it may run on the node that is fenced.
func (e *engine) startsAfterFencing(r *resource, fence *action) {
	n := fence.node
	for _, a := range r.actions {
		switch a.needs {
		case requiresFencing, requiresUnfencing:
			e.orderActions(fence, a, orderPlain)
		case requiresQuorum:
			if a.task == taskStart && r.weightOf(n).in && !r.knownThere(n) {
				e.orderActions(fence, a, orderPlain|firstBlocksThen)
			}
		}
	}
}

// knownThere reports whether the state on the node is known of the resource or
// of the anonymous clone whose instance it is.
func (r *resource) knownThere(n *node) bool {
	p := r.parent
	return r.known(n) || p != nil && p.variant == Clone && !p.is(flagUnique) && p.known(n)
}

// stopsByFencing makes pseudo-actions of the stops and demotions that the
// fencing implies: they could never be carried out.
func (e *engine) stopsByFencing(r *resource, fence *action) {
	n := fence.node
	// What runs in a guest goes down with it, so its stop is never before.
	after := r.is(flagNeedsFencing) || n.guest()
	top := r.collection()
	bundled := top.parent != nil
	for _, a := range e.findActions(r, taskStop, 0, n) {
		a.set(actPseudo | actRunnable)
		if after {
			// In a bundle that would be a loop; the bundle's own stop waits.
			if !bundled {
				e.orderActions(fence, a, guestOrder)
			}
			e.orderActions(fence, e.firstAction(top, taskStop, nil), guestOrder)
		}
		if r.is(flagNotify) {
			e.notifyAfterFencing(a, r, fence)
		}
	}
	for _, a := range e.findActions(r, taskDemote, 0, n) {
		if n.online && !n.unclean && !r.is(flagFailed) {
			continue
		}
		a.set(actPseudo | actRunnable)
		if after && !bundled {
			e.orderActions(fence, a, guestOrder|orderPlain)
		}
	}
}

// fenceParamsChanged reports whether a device that unfences the node would do so
// with other parameters than it did.
func (e *engine) fenceParamsChanged(fence *action) bool {
	n := fence.node
	all, ok := n.attrs["#digests-all"]
	if !ok {
		return false
	}
	changed := false
	for _, r := range e.all {
		if r.variant == Primitive && r.is(flagFenceDevice) && r.config != nil &&
			(r.is(flagNeedsUnfencing) || r.meta["provides"] == "unfencing") {
			changed = e.deviceChanged(r, n, all, n.attrs["#digests-secure"]) || changed
		}
	}
	return changed
}

// secretFenceParams are left out of the digest that shows whether more than
// secrets changed.
const secretFenceParams = " passwd password user "

func (e *engine) deviceChanged(r *resource, n *node, all, secure string) bool {
	now := e.opParams(r, n, "stonith-on", 0)
	label := r.id + ":" + r.config.Type + ":"
	if strings.Contains(all, label+digestOf(now.all)) {
		return false
	}
	for _, old := range []bool{false, true} {
		if strings.Contains(secure, label+digestOf(now.secure(r, secretFenceParams, old))) {
			return false
		}
	}
	return true
}
