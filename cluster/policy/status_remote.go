package policy

// judgeRemote decides whether a remote or guest node can be reached: its
// connection tells, and for a guest its container and host.
func (e *engine) judgeRemote(n *node) {
	conn := n.connection
	if conn == nil {
		n.online = false
		return
	}
	container := conn.container
	var host *node
	if container != nil && len(conn.runningOn) == 1 {
		host = conn.runningOn[0]
	}
	if conn.role == RoleStarted {
		n.online = true
		if conn.nextRole == RoleStopped {
			n.shutdown = true
		}
	}
	switch {
	case container != nil && container.is(flagFailed):
		n.online, n.resetNeeded = false, true
	case conn.is(flagFailed):
		n.online = false
	case conn.role == RoleStopped || container != nil && container.role == RoleStopped:
		n.online, n.resetNeeded = false, false
	case host != nil && !host.online && host.unclean:
		n.online, n.resetNeeded = false, true
	}
}

// unpackRemoteState reads a remote node's own part of the status.
func (e *engine) unpackRemoteState(n *node, s *NodeStatus) {
	n.remoteMaintenance = s.RemoteMaintenance
	if !n.resetNeeded {
		n.unclean, n.unseen = false, false
	}
	e.addTransient(n, s)
	n.shutdown = n.shutdown || n.asksShutdown()
	n.standby = n.standby || isTrue(n.attrs["standby"])
	if isTrue(n.attrs["maintenance"]) || n.connection != nil && !n.connection.is(flagManaged) {
		n.maintenance = true
	}
	word, asked := n.attrs["resource-discovery-enabled"]
	if asked && !isTrue(word) && (n.guest() || e.opt.fencing) {
		n.noProbes = true
	}
}

// finishRemotes stops the connections of remote nodes that shut down, and
// judges those of which there is no history.
func (e *engine) finishRemotes() {
	for _, n := range e.nodes {
		if !n.remote() {
			continue
		}
		if n.shutdown && n.connection != nil {
			n.connection.nextRole = RoleStopped
		}
		if !n.unpacked {
			e.judgeRemote(n)
		}
	}
}
