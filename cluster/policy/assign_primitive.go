package policy

import "github.com/belay-ha/belay/resources"

// assignPrimitive puts a primitive on a node.
func (e *engine) assignPrimitive(r *resource, prefer *node, keepIfFailed bool) *node {
	// Instances and members are assigned by what they are part of.
	if r.parent != nil && !r.parent.is(flagAssigning) {
		e.assignResource(r.parent, prefer, keepIfFailed)
	}
	if !r.is(flagUnassigned) {
		return r.assigned
	}
	if r.is(flagAssigning) {
		return nil // resources that are with each other in a circle
	}
	r.set(flagAssigning)
	e.heedColocations(r)
	e.limitRole(r)
	if e.opt.fencing && !e.haveFenceDevice {
		// Whatever happens to the nodes, nothing could be recovered safely.
		r.unset(flagManaged)
	}
	switch {
	case !r.is(flagManaged):
		e.setNextRole(r, r.role, "unmanaged")
		e.place(r, r.currentNode(), true, keepIfFailed)
	case e.opt.stopAll:
		e.place(r, nil, true, keepIfFailed)
	default:
		e.assignBest(r, prefer, keepIfFailed)
	}
	r.unset(flagAssigning)
	if r.is(flagConnection) {
		connectionAssigned(r)
	}
	return r.assigned
}

// heedColocations changes a primitive's scores by what it is with, which is
// assigned first, and by what is with it. Demands come before wishes, so that
// as many as possible are met.
func (e *engine) heedColocations(r *resource) {
	primaries, dependents := e.colocationsOf(r)
	for _, mandatory := range [...]bool{true, false} {
		for _, c := range primaries {
			if c.mandatory() == mandatory {
				e.heedPrimary(c, r)
			}
		}
		for _, c := range dependents {
			if c.mandatory() == mandatory {
				e.heedDependents(c, r)
			}
		}
	}
}

// mandatory reports whether a colocation is a demand.
func (c *colocation) mandatory() bool {
	return c.score >= resources.Infinity || c.score <= -resources.Infinity
}

// heedPrimary applies a colocation to its dependent, which is being assigned.
// Wishes to be apart, and colocations of a role that r may never have, are
// dropped if they leave no node.
func (e *engine) heedPrimary(c *colocation, r *resource) {
	var archive table
	if c.dependentRole >= RolePromoted || c.score < 0 && !c.mandatory() {
		archive = e.borrow(r.allowed)
	}
	if c.primary.is(flagUnassigned) {
		e.assignResource(c.primary, nil, false)
	}
	e.applyColocation(c, r, c.primary, true)
	if archive == nil {
		return
	}
	if !e.anyUsable(r.allowed) {
		e.noteChange(r, r.allowed, archive, c.id+" (taken back)")
		copy(r.allowed, archive)
	}
	e.giveBack(archive)
}

// limitRole bans what shall be stopped from all nodes, and keeps a partition
// that freezes from raising anything.
func (e *engine) limitRole(r *resource) {
	switch {
	case r.nextRole == RoleStopped:
		e.addScore(r, nil, -resources.Infinity, sourceTarget)
	case r.nextRole > r.role && !e.in.Quorum && e.opt.noQuorum == quorumFreeze:
		e.setNextRole(r, r.role, "no-quorum-policy=freeze")
	}
}

// connectionAssigned tells what is now known of the node behind a connection:
// that it will be there, or that it goes.
func connectionAssigned(r *resource) {
	n := r.remoteNode
	if n == nil {
		return
	}
	if r.assigned == nil || r.nextRole == RoleStopped {
		n.shutdown = true
		return
	}
	n.online = true
	if n.unseen {
		n.unclean = false // connecting will show what it is
	}
}
