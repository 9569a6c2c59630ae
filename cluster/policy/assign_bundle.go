package policy

import "github.com/belay-ha/belay/resources"

// assignBundle finds hosts for a bundle's containers, then for what goes with
// each of them, and puts the instances of what runs inside into the containers.
// What its containers are with may be with the bundle in turn, and assign it from
// within: Pacemaker then assigns those containers whose turn has not come yet, and
// counts anew what each host has.
func (e *engine) assignBundle(r *resource, prefer *node, keepIfFailed bool) *node {
	if !r.is(flagUnassigned) || e.in.Own && r.is(flagAssigning) || r.bndl == nil {
		return nil
	}
	r.set(flagAssigning)
	containers := r.replicaContainers()
	e.sortInstances(containers)
	e.assignInstances(r, containers, r.bndl.max, r.bndl.perHost)
	for _, part := range r.bndl.replicas {
		e.assignReplica(part, prefer, keepIfFailed)
	}
	if child := r.bndl.child; child != nil {
		for i, n := range e.nodes {
			if r.bndl.owns(n) {
				child.allowed[i].score = 0
			} else {
				child.allowed[i].score = -resources.Infinity
			}
		}
		e.assignResource(child, prefer, keepIfFailed)
	}
	r.unset(flagUnassigned | flagAssigning)
	return nil
}

// assignReplica assigns what belongs to a container that has been assigned.
func (e *engine) assignReplica(part *replica, prefer *node, keepIfFailed bool) {
	if part.ip != nil {
		e.assignResource(part.ip, prefer, keepIfFailed)
	}
	if part.connection != nil {
		host := part.container.assigned
		if host != nil && host.remote() && host.connection != nil {
			// A connection to a container on a remote node goes through that node's
			// own connection, which only one cluster node can have.
			e.colocate(colocation{
				id: "#replica-remote-with-host-remote", dependent: part.connection, primary: host.connection,
				score: resources.Infinity, influence: true, implicit: true,
			})
		}
		e.assignResource(part.connection, prefer, keepIfFailed)
	}
	child := part.child
	if child == nil {
		return
	}
	for i, n := range e.nodes {
		if n != part.node {
			child.allowed[i].score = -resources.Infinity
		} else if e.thresholdReached(child, n) == nil {
			child.allowed[i].score = resources.Infinity
		}
	}
	// The clone's own assignment must not begin before all its instances have
	// their nodes.
	if child.parent != nil {
		child.parent.set(flagAssigning)
		defer child.parent.unset(flagAssigning)
	}
	e.assignResource(child, part.node, keepIfFailed)
}

// owns reports whether a node is one of the bundle's own.
func (b *bundleInfo) owns(n *node) bool {
	for _, part := range b.replicas {
		if part.node == n {
			return true
		}
	}
	return false
}
