package policy

import "github.com/belay-ha/belay/resources"

// place is what an id at some place in nodes' histories stands for.
type place struct {
	id string
	r  *resource
	// clone is the anonymous clone whose copies' operations bear the id.
	clone *resource
}

// findAt finds what the id at a place in a node's history stands for. Histories
// of different nodes are alike: mostly it is what was there before.
func (e *engine) findAt(at int, id string) *place {
	for at >= len(e.foundAt) {
		e.foundAt = append(e.foundAt, make([]place, max(len(e.all), at+1-len(e.foundAt)))...)
	}
	found := &e.foundAt[at]
	if found.id != id || id == "" {
		*found = place{id: id, clone: e.anonymous[baseOf(id)]}
	}
	if found.r == nil {
		found.r = e.find(id)
	}
	return found
}

// findRecorded returns the instance that an id in a node's history stands for,
// or nil if it is no longer configured. The numbers of anonymous instances
// carry no meaning there.
func (e *engine) findRecorded(n *node, at int, id string) *resource {
	found := e.findAt(at, id)
	r, clone := found.r, found.clone
	switch {
	case r == nil:
		if clone == nil {
			return nil
		}
	case r.variant != Primitive:
		return nil
	default:
		clone = r.collection()
	}
	if clone.variant == Clone && !clone.is(flagUnique) {
		if clone.bundled() {
			r = childOn(clone.parent, n)
		} else {
			r = e.instanceFor(clone, n, baseOf(id))
		}
	}
	if r != nil && r.id != id {
		r.historyID = id
	}
	return r
}

// childOn is the instance of a bundle's primitive that a guest is for.
func childOn(bundle *resource, n *node) *resource {
	for _, rep := range bundle.bndl.replicas {
		if rep.node == n {
			return rep.child
		}
	}
	return nil
}

// instanceFor chooses the instance of an anonymous clone that a node's history
// is about: the one that is known to be there, else a free one, else one too
// many.
func (e *engine) instanceFor(clone *resource, n *node, base string) *resource {
	var found, free *resource
	onlyThere := false
	for _, instance := range clone.members {
		at, known := instance.firstPlace()
		if known {
			if at != n {
				continue
			}
			found = instance.part(base)
			if found != nil && len(found.runningOn) > 0 {
				// More than one history on the node: the clone used to be unique.
				onlyThere, found = true, nil
			}
			if found != nil {
				break
			}
			continue
		}
		if !onlyThere && free == nil && !instance.is(flagBlocked) {
			free = instance.part(base)
			if free != nil && free.pendingNode != nil && free.pendingNode != n {
				free = nil
			}
		}
	}
	if found == nil && !onlyThere {
		found = free
	}
	// Nobody waits for a lost node's instance if no fencing is needed: then
	// another node may have its number.
	if found != nil && !found.is(flagNeedsFencing) && (!n.online || n.unclean) &&
		!n.guest() && clone.clone.max != e.known {
		found = nil
	}
	if found != nil {
		return found
	}
	extra := e.addInstance(clone)
	if extra == nil {
		return nil
	}
	return extra.part(base)
}

// firstPlace is a node where the instance, or something in it, is active or has
// a pending operation.
func (r *resource) firstPlace() (n *node, known bool) {
	if len(r.runningOn) > 0 {
		return r.runningOn[0], true
	}
	if r.pendingNode != nil {
		return r.pendingNode, true
	}
	for _, m := range r.members {
		if n, known = m.firstPlace(); known {
			return n, true
		}
	}
	return nil, false
}

// part is what of an instance has the base id: itself, or a member.
func (r *resource) part(base string) *resource {
	if r.base == base && r.variant == Primitive {
		return r
	}
	for _, m := range r.members {
		if found := m.part(base); found != nil {
			return found
		}
	}
	return nil
}

// addRemoved makes a resource for a history whose resource is not configured
// any more: it is to be stopped, and to be forgotten.
func (e *engine) addRemoved(h *ResourceHistory) *resource {
	config := &ResourceConfig{
		ID: h.Resource, Variant: Primitive, Class: h.Class, Provider: h.Provider, Type: h.Type,
	}
	if h.Container != "" {
		config.Meta = []AttributeSet{{Pairs: []Pair{{"container", h.Container}}}}
	}
	r := e.unpackResource(config, nil, noNumber)
	if r == nil {
		return nil
	}
	if n := e.nodeBy[r.id]; n != nil && r.is(flagConnection) {
		e.known = max(e.known, n.born+1)
		e.linkConnection(r)
		n.shutdown = true
	}
	if h.Container != "" {
		r.set(flagRemovedCopy)
	}
	r.set(flagRemoved)
	e.top = append(e.top, r)
	if e.opt.stopRemoved {
		e.addScore(r, nil, -resources.Infinity, "removed")
	} else {
		r.unset(flagManaged)
	}
	return r
}
