package policy

// wishesOfCopies returns what copies that are told apart think of the nodes,
// before any is assigned. It returns nil where nobody asks: in Pacemaker's
// clusters, and for copies that are alike.
func (e *engine) wishesOfCopies(r *resource, copies []*resource) []table {
	if !e.in.Own || r.bndl == nil && !r.is(flagUnique) {
		return nil
	}
	wishes := make([]table, len(copies))
	for i, m := range copies {
		wishes[i] = m.allowed.clone()
	}
	return wishes
}

// keepCopies lets copies that are told apart stay where they run, if all that is
// asked for is that one of them runs there: with a copy that is to come it changes
// places, unless either may not run there. In Pacemaker copies of which some wish
// for the same node can change places with each transition, without end.
func (e *engine) keepCopies(copies []*resource, wishes []table) {
	if wishes == nil {
		return
	}
	for i, m := range copies {
		at := m.currentNode()
		if at == nil || m.assigned == nil || m.assigned == at || len(m.members) > 0 || !m.is(flagManaged) || m.is(flagFailed) {
			continue
		}
		for j, o := range copies {
			if o.assigned != at || o.currentNode() == at || !o.is(flagManaged) ||
				wishes[i].score(at) < 0 || wishes[j].score(m.assigned) < 0 {
				continue
			}
			there := m.assigned
			e.finalAssign(o, there, true)
			e.finalAssign(m, at, true)
			break
		}
	}
}
