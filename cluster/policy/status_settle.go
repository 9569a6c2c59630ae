package policy

import "github.com/belay-ha/belay/resources"

const minusInfinity = -resources.Infinity

// settle draws the conclusions from a history that was read: where the resource
// is, and what its failures call for.
func (p *past) settle() {
	e, r, n := p.e, p.r, p.n
	active := r.role.active()
	if r.role != RoleUnknown {
		for at := r; at != nil; at = at.parent {
			at.knownOn.add(n)
			if at.is(flagUnique) {
				break
			}
		}
	}
	if active && !n.online && !n.maintenance && r.is(flagManaged) {
		p.fenceOffline()
	}
	failed := p.respond != respondIgnore
	if n.unclean {
		// What was there may start elsewhere once the node is fenced.
		p.respond = respondIgnore
	}
	p.enact(active)
	if r.is(flagFailed) && r.is(flagConnection) {
		if remote := e.nodeBy[r.id]; remote != nil && remote.unclean {
			remote.unseen = false
		}
	}
	if active {
		e.addRunning(r, n, failed)
		switch p.respond {
		case respondIgnore:
		case respondDemote, respondBlock:
			r.set(flagFailed)
		default:
			r.set(flagFailed | flagStopIfFailed)
		}
	} else if r.historyID != baseOf(r.historyID) {
		r.historyID = ""
	} else {
		for _, stop := range e.findActions(r, taskStop, 0, n) {
			stop.set(actOptional)
		}
	}
	// That the source stopped says nothing of the target of a migration.
	if r.role == RoleStopped && len(r.runningOn) > 0 && r.migrateTo != nil && r.migrateFrom == n {
		r.role = RoleStarted
	}
}

// fenceOffline has a node fenced that is gone with the resource active on it.
func (p *past) fenceOffline() {
	e, r, n := p.e, p.r, p.n
	reason := r.id + " is thought to be active there"
	switch {
	case n.guest():
		r.set(flagFailed | flagStopIfFailed)
	case !e.opt.fencing:
		return
	case n.remote() && n.connection != nil && !n.connection.is(flagFailed):
		// The node is spared if its connection can be made from elsewhere.
		n.unseen = true
		reason = r.id + " is active there (fencing will be revoked if remote connection can be re-established elsewhere)"
	}
	e.fenceNode(n, reason, false)
}

// enact does what the worst of the failures calls for.
func (p *past) enact(active bool) {
	e, r, n := p.e, p.r, p.n
	switch p.respond {
	case respondDemote:
		r.set(flagFailed)
		e.demoteAction(r, n, false)
	case respondFence:
		e.fenceNode(n, r.id+" failed there", false)
	case respondStandby:
		n.standby, n.standbyOnFail = true, true
	case respondBlock:
		r.unset(flagManaged)
		r.set(flagBlocked)
	case respondBan:
		e.addScore(r, n, minusInfinity, "__action_migration_auto__")
	case respondStop:
		r.nextRole = RoleStopped
	case respondRestart:
		if active {
			r.set(flagFailed | flagStopIfFailed)
			e.stopAction(r, n, false)
		}
	case respondRestartContainer:
		p.stopContainer(active)
	case respondResetRemote:
		p.resetRemote(active)
	}
}

// stopContainer stops what the failed resource runs in. A bundle's connection
// may be elsewhere than its container, which is perhaps not known yet.
func (p *past) stopContainer(active bool) {
	e, r := p.e, p.r
	r.set(flagFailed | flagStopIfFailed)
	switch {
	case r.container != nil && r.bundled():
		e.containersToStop = append(e.containersToStop, r.container)
	case r.container != nil:
		e.stopAction(r.container, p.n, false)
	case active:
		e.stopAction(r, p.n, false)
	}
}

// resetRemote fences the node of a failed connection.
func (p *past) resetRemote(active bool) {
	e, r := p.e, p.r
	r.set(flagFailed | flagStopIfFailed)
	if e.opt.fencing && r.is(flagConnection) {
		if n := e.nodeBy[r.id]; n != nil && n.remote() && !n.guest() && !n.wasFenced {
			e.fenceNode(n, "remote connection is unrecoverable", false)
		}
	}
	if active {
		e.stopAction(r, p.n, false)
	}
	if r.reconnect > 0 {
		r.nextRole = RoleStopped
	}
}

// addRunning notes that the resource is active on the node. failed says that
// something is wrong with it there.
func (e *engine) addRunning(r *resource, n *node, failed bool) {
	if r.activeOn(n) {
		return
	}
	r.runningOn = append(r.runningOn, n)
	if r.variant == Primitive {
		n.running = append(n.running, r)
		if !failed {
			e.addPriority(r, n)
		}
		if n.maintenance {
			r.unset(flagManaged)
			r.set(flagMaintenance)
		}
	}
	if !r.is(flagManaged) {
		e.addScore(r, n, resources.Infinity, sourceUnmanaged)
		for p := r.parent; p != nil; p = p.parent {
			p.runningOn = append(p.runningOn, n)
		}
		return
	}
	if r.multiplyActive() {
		e.applyMultiple(r)
	}
	if r.parent != nil {
		e.addRunning(r.parent, n, false)
	}
}

// multiplyActive reports whether a primitive is active more than once. What
// needs no fencing may be on nodes that are lost.
func (r *resource) multiplyActive() bool {
	if r.variant != Primitive {
		return false
	}
	count := 0
	for _, n := range r.runningOn {
		if r.is(flagNeedsFencing) || n.alive() {
			count++
		}
	}
	return count > 1
}

// applyMultiple applies multiple-active where it takes a resource, or the
// collection that it is in, out of the cluster's hands.
func (e *engine) applyMultiple(r *resource) {
	switch r.multiple {
	case multipleStopOnly:
		e.banEverywhere(r, "multiply active")
	case multipleBlock:
		blocked := []*resource{r}
		if p := r.parent; p != nil && (p.variant == Group || p.variant == Bundle) && p.multiple == multipleBlock {
			blocked = append(blocked, p.members...)
		}
		for _, m := range blocked {
			m.unset(flagManaged)
			m.set(flagBlocked)
		}
	}
}

// addPriority counts a resource's priority for the node where it runs, and for
// the hosts of a guest node.
func (e *engine) addPriority(r *resource, n *node) {
	priority := r.priority
	if priority == 0 {
		return
	}
	if r.role == RolePromoted {
		priority++
	}
	n.priority += priority
	if n.guest() {
		for _, host := range n.connection.container.runningOn {
			host.priority += priority
		}
	}
}
