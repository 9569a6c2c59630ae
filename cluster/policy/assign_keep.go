package policy

// copyWishes are the tables of a copy's primitives before any copy is assigned.
type copyWishes []table

// allow reports whether nothing keeps the copy off the node.
func (w copyWishes) allow(n *node) bool {
	for _, t := range w {
		if t.score(n) < 0 {
			return false
		}
	}
	return true
}

// wishesOfCopies returns what copies that are told apart think of the nodes,
// before any is assigned. It returns nil where nobody asks: in Pacemaker's
// clusters, and for copies that are alike.
func (e *engine) wishesOfCopies(r *resource, copies []*resource) []copyWishes {
	if !e.in.Own || r.bndl == nil && !r.is(flagUnique) {
		return nil
	}
	wishes := make([]copyWishes, len(copies))
	for i, m := range copies {
		m.primitives(func(p *resource) { wishes[i] = append(wishes[i], p.allowed.clone()) })
	}
	return wishes
}

// keepCopies lets copies that are told apart stay where they run, if all that is
// asked for is that one of them runs there: with a copy that is to come it changes
// places, unless either may not run there. In Pacemaker copies of which some wish
// for the same node can change places with each transition, without end. A copy
// that is a group changes its place as a whole.
func (e *engine) keepCopies(copies []*resource, wishes []copyWishes) {
	if wishes == nil {
		return
	}
	for i, m := range copies {
		at, there := m.currentNode(), m.wholePlace()
		if at == nil || there == nil || there == at || !m.movable() {
			continue
		}
		for j, o := range copies {
			if o.wholePlace() != at || o.currentNode() == at || o.unmanagedPart() || !wishes[i].allow(at) || !wishes[j].allow(there) {
				continue
			}
			e.finalAssign(o, there, true)
			e.finalAssign(m, at, true)
			break
		}
	}
}

// wholePlace is the node where all of the resource will run, or nil.
func (r *resource) wholePlace() *node {
	var at *node
	whole := true
	r.primitives(func(p *resource) {
		if at == nil {
			at = p.assigned
		}
		whole = whole && p.assigned != nil && p.assigned == at
	})
	if !whole {
		return nil
	}
	return at
}

// movable reports whether the resource runs well and may be moved.
func (r *resource) movable() bool { return !r.anyIs(flagFailed) && !r.unmanagedPart() }

// unmanagedPart reports whether the resource or a part of it is left alone.
func (r *resource) unmanagedPart() bool {
	found := false
	r.walk(func(part *resource) { found = found || !part.is(flagManaged) })
	return found
}
