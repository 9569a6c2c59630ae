package policy

// assignGroup puts the members of a group on nodes, first to last. Where the
// members stay together it returns their node.
func (e *engine) assignGroup(r *resource, prefer *node, keepIfFailed bool) *node {
	if !r.is(flagUnassigned) {
		return r.assigned
	}
	if r.is(flagAssigning) {
		return nil
	}
	if len(r.members) == 0 {
		r.unset(flagUnassigned)
		return nil
	}
	r.set(flagAssigning)
	first := r.members[0]
	r.role = first.role
	var chosen *node
	for _, m := range r.members {
		n := e.assignResource(m, prefer, keepIfFailed)
		if chosen == nil {
			chosen = n
		}
	}
	e.setNextRole(r, first.nextRole, "first member")
	r.unset(flagAssigning | flagUnassigned)
	if !r.group.colocated {
		return nil
	}
	return chosen
}
