package policy

import "github.com/belay-ha/belay/resources"

// assignInstances gives nodes to at most max of the instances (of a clone, or a
// bundle's containers), at most perNode on each. Those that run well where they
// are come first and stay there, unless that would take an instance away from
// a node that is better.
func (e *engine) assignInstances(r *resource, instances []*resource, limit, perNode int) {
	usable := 0
	for i := range r.allowed {
		w := &r.allowed[i]
		w.count = 0
		if w.in && e.nodes[i].usable() {
			usable++
		}
	}
	fairShare := max(1, limit/max(1, usable))
	assigned := 0
	wishes := e.wishesOfCopies(r, instances)
	for _, m := range instances {
		if assigned >= limit {
			break
		}
		if at := e.placeToKeep(m, fairShare); at != nil && e.assignEarly(m, at, perNode, limit-assigned) {
			assigned++
		}
	}
	for _, m := range instances {
		if !m.is(flagUnassigned) {
			continue
		}
		if assigned >= limit {
			e.addScore(m, nil, -resources.Infinity, "enough instances")
		} else if e.assignInstance(m, nil, perNode) != nil {
			assigned++
		}
	}
	e.keepCopies(instances, wishes)
}

// placeToKeep is the node where an instance should preferably stay: it runs
// there without failure, the node can run resources, and has not got its share
// of instances yet.
func (e *engine) placeToKeep(m *resource, fairShare int) *node {
	if len(m.runningOn) == 0 || !m.is(flagUnassigned) || m.is(flagFailed) {
		return nil
	}
	at := m.currentNode()
	if !at.usable() || at.ownScore() < 0 {
		return nil
	}
	if w := m.parentWeight(at); w != nil && int(w.count) >= fairShare {
		return nil
	}
	return at
}

// assignEarly assigns an instance to the node where it is, if that remains the
// choice of an ordinary assignment. Each time that another node is chosen, one
// instance is set aside for that node and the assignment is done again, so that
// in the end nodes have the instances that they deserve, and as many of those
// as possible are the ones that run there already.
func (e *engine) assignEarly(m *resource, current *node, perNode, available int) bool {
	if w := m.allowed[current.index]; !w.in || w.score < 0 {
		return false
	}
	tables := e.saveTables(m, nil)
	counts := e.borrow(m.parent.allowed)
	var chosen *node
	for reserved := 0; reserved < available; {
		chosen = e.assignInstance(m, current, perNode)
		if chosen == current {
			break
		}
		m.restoreTables(tables)
		if chosen == nil {
			m.set(flagUnassigned)
			break
		}
		e.unassign(m)
		reserved++
		chosen = nil
	}
	copy(m.parent.allowed, counts)
	e.pool = append(append(e.pool, counts), tables...)
	if chosen == nil {
		return false
	}
	if w := m.parentWeight(chosen); w != nil {
		w.count++
	}
	return true
}

// assignInstance assigns one instance; with a preferred node only tentatively.
func (e *engine) assignInstance(m *resource, prefer *node, perNode int) *node {
	if m.is(flagAssigning) {
		return nil
	}
	e.banFull(m, perNode)
	chosen := e.assignResource(m, prefer, prefer != nil)
	if w := m.parentWeight(chosen); w != nil {
		w.count++
	}
	return chosen
}

// banFull bans an instance from the nodes that cannot take one more.
func (e *engine) banFull(m *resource, perNode int) {
	removed := m.is(flagRemoved | flagRemovedCopy)
	for i, n := range e.nodes {
		if !m.allowed[i].in {
			continue
		}
		w := m.parentWeight(n)
		if !removed && n.usable() && w != nil && w.score >= 0 && int(w.count) < perNode {
			continue
		}
		m.allowed[i].score = -resources.Infinity
		for _, member := range m.members {
			if member.allowed[i].in {
				member.allowed[i].score = -resources.Infinity
			}
		}
	}
}

// parentWeight is what the collection of an instance thinks of the node; nil
// where the node is not in its table.
func (r *resource) parentWeight(n *node) *weight {
	if n == nil {
		return nil
	}
	if r.parent != nil {
		r = r.parent
	}
	if w := &r.allowed[n.index]; w.in {
		return w
	}
	return nil
}

// saveTables copies the tables of an instance and of what is in it.
func (e *engine) saveTables(r *resource, saved []table) []table {
	saved = append(saved, e.borrow(r.allowed))
	for _, m := range r.members {
		saved = e.saveTables(m, saved)
	}
	return saved
}

// restoreTables takes the copies back, and returns those that are left.
func (r *resource) restoreTables(saved []table) []table {
	copy(r.allowed, saved[0])
	saved = saved[1:]
	for _, m := range r.members {
		saved = m.restoreTables(saved)
	}
	return saved
}
