package policy

// connectionState is how far a remote node can be reached.
type connectionState uint8

const (
	connectionUnknown connectionState = iota // it will be tried
	connectionAlive
	connectionResting // not reachable until the connection has moved
	connectionFailed  // not reachable, and will not be
	connectionStopped // taken down in good order
)

// connectionState says how far a remote node's connection can be counted on.
func (e *engine) connectionState(n *node) connectionState {
	c := n.connection
	host := c.currentNode()
	switch {
	case c.nextRole == RoleStopped || c.assigned == nil:
		return e.lostConnectionState(n, host)
	case host == nil:
		return connectionUnknown
	case host.unclean || !host.online:
		return connectionResting // maybe it can be recovered elsewhere
	case len(c.runningOn) > 1 && c.migrateFrom != nil && c.migrateTo != nil:
		return connectionResting
	default:
		return connectionAlive
	}
}

// lostConnectionState is the state of a connection that will run nowhere.
func (e *engine) lostConnectionState(n, host *node) connectionState {
	c := n.connection
	switch {
	case host != nil && host.unclean:
		return connectionFailed
	case !c.is(flagFailed):
		return connectionStopped
	case c.nextRole == RoleStopped && c.reconnect > 0 && n.wasFenced && !n.asksShutdown():
		// Only when the interval is over can it be tried again.
		return connectionUnknown
	default:
		return connectionFailed
	}
}

// remoteLost reports whether the node is a remote node whose connection failed
// for good.
func (e *engine) remoteLost(n *node) bool {
	return n.remote() && n.connection != nil && n.connection.container == nil &&
		e.connectionState(n) == connectionFailed
}

// orderRemoteActions fits what happens on remote and guest nodes to what happens
// to their connections. It may find that nodes have to be fenced.
func (e *engine) orderRemoteActions() {
	if !e.haveRemotes {
		return
	}
	for i := len(e.actions) - 1; i >= 0; i-- {
		a := e.actions[i]
		if a.rsc == nil {
			continue
		}
		if a.rsc.is(flagConnection) && a.task == taskClearFailures {
			e.addOrdering(ordering{first: a, thenRsc: a.rsc, thenTask: taskStart, flags: orderPlain})
			continue
		}
		n := a.node
		if n == nil || !n.remote() || a.is(actPseudo) || n.connection == nil {
			continue
		}
		if a.task == taskStart {
			e.orderLeavingForRemote(a)
		}
		if n.connection.container != nil {
			e.orderOnGuest(a)
		} else {
			e.orderOnRemote(a)
		}
	}
}

// orderLeavingForRemote keeps a resource where it is until the connection to its
// new node is up.
func (e *engine) orderLeavingForRemote(start *action) {
	for _, stop := range start.rsc.actions {
		if stop.task == taskStop && stop.node != start.node {
			e.addOrdering(ordering{firstRsc: start.node.connection, firstTask: taskStart, then: stop, flags: orderPlain})
		}
	}
}

// afterConnection lets the action wait for the start of a connection (or of its
// container), without which it cannot happen.
func (e *engine) afterConnection(r *resource, a *action, flags orderFlags) {
	e.addOrdering(ordering{firstRsc: r, firstTask: taskStart, then: a, flags: guestOrder | firstBlocksThen | flags})
}

// beforeDisconnect lets the connection's stop wait for the action.
func (e *engine) beforeDisconnect(a *action, r *resource, flags orderFlags) {
	e.addOrdering(ordering{first: a, thenRsc: r, thenTask: taskStop, flags: guestOrder | flags})
}

// orderOnRemote orders an action on a remote node.
func (e *engine) orderOnRemote(a *action) {
	c, state := a.node.connection, e.connectionState(a.node)
	switch a.task {
	case taskStart, taskPromote:
		flags := orderFlags(0)
		if state == connectionFailed {
			flags = firstImpliesThen
		}
		e.afterConnection(c, a, flags)
	case taskStop, taskMigrateTo, taskMigrateFrom:
		switch {
		case state == connectionAlive:
			e.beforeDisconnect(a, c, thenImpliesFirst)
		case state == connectionFailed:
			// Only fencing stops it now, and the stop follows from that.
			e.fenceNode(a.node, "resources are active but connection is unrecoverable", false)
		case c.nextRole == RoleStopped:
			e.beforeDisconnect(a, c, thenImpliesFirst)
		default:
			e.afterConnection(c, a, 0)
		}
	case taskDemote:
		// Where the connection goes down, the order of the stop is enough.
		if state == connectionResting || state == connectionUnknown {
			e.afterConnection(c, a, 0)
		}
	default:
		e.orderOtherOnRemote(a, state)
	}
}

// orderOtherOnRemote orders monitors and whatever else happens on a remote node.
func (e *engine) orderOtherOnRemote(a *action, state connectionState) {
	c := a.node.connection
	if a.interval > 0 {
		// A new connection knows nothing of old monitors.
		e.afterConnection(c, a, firstImpliesThen)
		return
	}
	if a.task == taskMonitor && state == connectionFailed {
		e.fenceNode(a.node, "resources are in unknown state and connection is unrecoverable", false)
	}
	if state == connectionStopped && c.currentNode() != nil {
		e.beforeDisconnect(a, c, firstBlocksThen) // look before it goes down
	} else {
		e.afterConnection(c, a, 0)
	}
}

// orderOnGuest orders an action on a guest node.
func (e *engine) orderOnGuest(a *action) {
	c := a.node.connection
	container := c.container
	if container.is(flagFailed) {
		e.fenceNode(a.node, "container failed", false)
	}
	switch a.task {
	case taskStart, taskPromote:
		e.afterConnection(container, a, firstImpliesThen) // what recovers the container recovers it
		e.afterConnection(c, a, 0)
	case taskStop, taskDemote, taskMigrateTo, taskMigrateFrom:
		// If the container failed, its stop implies this.
		if !container.is(flagFailed) {
			e.beforeDisconnect(a, c, 0)
		}
	default:
		if a.interval == 0 {
			e.afterConnection(c, a, 0)
		} else if a.task == taskMonitor || a.task == taskNotify {
			e.afterConnection(c, a, firstImpliesThen)
		}
	}
}
