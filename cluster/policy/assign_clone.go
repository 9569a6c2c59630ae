package policy

// assignClone finds nodes for the instances of a clone, and their roles if it
// is promotable. What it is colocated with is assigned before. It returns nil:
// a clone is on no one node.
func (e *engine) assignClone(r *resource, prefer *node, keepIfFailed bool) *node {
	if !r.is(flagUnassigned) || r.is(flagAssigning) || r.clone == nil {
		return nil
	}
	r.set(flagAssigning)
	if r.is(flagPromotable) {
		e.addPromotionScores(r)
	}
	for _, c := range e.primariesOf(r) {
		e.assignResource(c.primary, prefer, keepIfFailed)
	}
	for _, c := range e.dependentsOf(r) {
		e.heedDependents(c, r)
	}
	e.sortInstances(r.members)
	e.assignInstances(r, r.members, r.clone.max, r.clone.nodeMax)
	if r.is(flagPromotable) {
		e.setRoles(r)
	}
	r.unset(flagUnassigned | flagAssigning)
	return nil
}
