package policy

// eachPlace calls do for each node where a primitive of the resource will run.
func (r *resource) eachPlace(do func(*node)) {
	r.primitives(func(p *resource) {
		if p.assigned != nil {
			do(p.assigned)
		}
	})
}

// placed reports whether any part of the resource will run.
func (r *resource) placed() bool {
	found := false
	r.eachPlace(func(*node) { found = true })
	return found
}

// placeNext is the one node where the resource will run.
func (r *resource) placeNext() *node {
	n, _ := r.onlyNode(false)
	return n
}

// nextRoleOf is the highest role that the resource or a part of it will have.
func (r *resource) nextRoleOf() Role {
	highest := RoleUnknown
	r.primitives(func(p *resource) { highest = max(highest, p.nextRole) })
	return highest
}
