package policy

import (
	"slices"

	"github.com/belay-ha/belay/resources"
)

// colocateWithClone is applyColocation for a clone as the primary: dependent is
// a primitive (an instance or member where the constraint names a collection).
func (e *engine) colocateWithClone(c *colocation, dependent, primary *resource) {
	if primary.is(flagUnassigned) || dependent.variant != Primitive {
		return
	}
	if primary.is(flagPromotable) && c.primaryRole != RoleUnknown {
		if dependent.is(flagUnassigned) {
			e.colocateWithRole(c, dependent, primary)
			return
		}
		if c.dependentRole == RolePromoted {
			e.promoteWithRole(c, dependent, primary)
			return
		}
	}
	if e.interleavesWith(c) {
		e.colocateWithInstance(c, dependent, e.compatibleInstance(dependent, primary, RoleUnknown))
		return
	}
	if c.score >= resources.Infinity {
		var at []*node
		for _, m := range primary.members {
			if n := m.placeNext(); n != nil && !m.anyIs(flagBlocked) {
				at = append(at, n)
			}
		}
		e.keepTo(c, dependent, at)
		return
	}
	for _, m := range primary.members {
		e.applyColocation(c, dependent, m, false)
	}
}

// colocateWithBundle is applyColocation for a bundle as the primary.
func (e *engine) colocateWithBundle(c *colocation, dependent, primary *resource) {
	if primary.is(flagUnassigned) || dependent.variant != Primitive || primary.bndl == nil {
		return
	}
	if c.dependent.variant > Group {
		e.colocateWithInstance(c, dependent, e.compatibleInstance(dependent, primary, RoleUnknown))
		return
	}
	if c.score < resources.Infinity {
		for _, container := range primary.replicaContainers() {
			e.applyColocation(c, dependent, container, false)
		}
		return
	}
	var at []*node
	for _, part := range primary.bndl.replicas {
		if part.container == nil || part.container.is(flagBlocked) || part.container.assigned == nil {
			continue
		}
		if c.primaryRole == RolePromoted && (part.child == nil || part.child.nextRole < RolePromoted) {
			continue
		}
		at = append(at, part.container.assigned)
	}
	e.keepTo(c, dependent, at)
}

// bundleColocationsReach reports whether the colocations of a bundle are also
// those of a resource in it: of its containers always, of what runs inside only
// once roles are chosen, for which alone they then count.
func (e *engine) bundleColocationsReach(bundle, part *resource) bool {
	if bundle.bndl == nil {
		return false
	}
	child := bundle.bndl.child
	switch {
	case part.parent == bundle && part != child:
		return isContainer(bundle, part)
	case child == nil || !child.is(flagPromotable) || part.outermost() != child:
		return false
	case part == child:
		return child.clone != nil && child.clone.rolesSorted
	default:
		return !part.is(flagUnassigned)
	}
}

func isContainer(bundle, part *resource) bool {
	for _, rep := range bundle.bndl.replicas {
		if rep.container == part {
			return true
		}
	}
	return false
}

// interleavesWith reports whether each instance of the dependent goes with one
// of the primary's.
func (e *engine) interleavesWith(c *colocation) bool {
	if c.dependent.variant <= Group || !isTrue(c.dependent.meta["interleave"]) {
		return false
	}
	if c.dependent.perNode() != c.primary.perNode() {
		e.warn("interleave_sizes", c.id, c.dependent.id+" and "+c.primary.id+" do not have the same number of instances on a node")
		return false
	}
	return true
}

// perNode is how many instances of a collection a node may have.
func (r *resource) perNode() int {
	switch {
	case r.bndl != nil:
		return r.bndl.perHost
	case r.clone != nil:
		return r.clone.nodeMax
	default:
		return 1
	}
}

// colocateWithInstance places the dependent relative to the one instance that
// is its partner. Without one, it cannot run if it must be with one.
func (e *engine) colocateWithInstance(c *colocation, dependent, instance *resource) {
	switch {
	case instance != nil:
		e.applyColocation(c, dependent, instance, true)
	case c.score >= resources.Infinity:
		e.finalAssign(dependent, nil, true)
	}
}

// compatibleInstance finds an instance of a collection where r will be, or for
// an r without a node where it would like best to be, in a role if one is given.
// What is in a container that will be nowhere has no node in the eyes of a bundle.
func (e *engine) compatibleInstance(r, collection *resource, role Role) *resource {
	if at := r.placeNext(); at != nil && (collection.bndl == nil || at.hostOf() != nil) {
		return instanceIn(collection, at, role)
	}
	if collection.bndl == nil {
		return e.nearestInstance(r, collection, role)
	}
	for _, n := range e.sortedNodes(r) {
		if m := instanceIn(collection, n, role); m != nil {
			return m
		}
	}
	return nil
}

// nearestInstance is the instance of a clone on that of r's nodes which r likes
// best. Most clones have an instance on each node, so the instances are looked
// through once rather than for every node.
func (e *engine) nearestInstance(r, clone *resource, role Role) *resource {
	var best *resource
	var bestNode *node
	for _, m := range clone.members {
		at := m.placeNext()
		if at == nil || at == bestNode || !r.allowed[at.index].in || m.anyIs(flagBlocked) {
			continue
		}
		if role != RoleUnknown && m.nextRoleOf() != role {
			continue
		}
		if best == nil || e.compareNodes(at, bestNode, r.usableScore(at), r.usableScore(bestNode), nil) < 0 {
			best, bestNode = m, at
		}
	}
	return best
}

// usableScore is the score of a node, as far as it can run resources.
func (r *resource) usableScore(n *node) resources.Score {
	if !n.usable() {
		return -resources.Infinity
	}
	return r.allowed[n.index].score
}

// hostOf is the node that holds the container of a bundle's node; other nodes
// stand for themselves. It is nil for a container that will be nowhere.
func (n *node) hostOf() *node {
	if n.ofBundle() {
		return n.connection.container.placeNext()
	}
	return n
}

// sortedNodes lists the nodes of a resource's table, best first.
func (e *engine) sortedNodes(r *resource) []*node {
	list := make([]*node, 0, len(e.nodes))
	for i, n := range e.nodes {
		if r.allowed[i].in {
			list = append(list, n)
		}
	}
	slices.SortStableFunc(list, func(a, b *node) int { return e.compareNodes(a, b, r.usableScore(a), r.usableScore(b), nil) })
	return list
}

func instanceIn(collection *resource, at *node, role Role) *resource {
	if collection.bndl != nil {
		// Containers are on hosts, and what goes with them may be in others.
		if at = at.hostOf(); at == nil {
			return nil
		}
	}
	for _, m := range collection.instances() {
		if role != RoleUnknown && m.nextRoleOf() != role {
			continue
		}
		if m.placeNext() == at && !m.anyIs(flagBlocked) {
			return m
		}
	}
	return nil
}

// keepTo bans a resource from all nodes but those given.
func (e *engine) keepTo(c *colocation, r *resource, at []*node) {
	allowed := make([]bool, len(e.nodes))
	for _, n := range at {
		allowed[n.index] = true
	}
	for i, n := range e.nodes {
		if !allowed[i] {
			e.ban(r, n, c.id)
		}
	}
}

// colocateWithRole places a resource relative to those instances of a
// promotable clone that will have the colocation's role.
func (e *engine) colocateWithRole(c *colocation, dependent, primary *resource) {
	must := c.score >= resources.Infinity
	var at []*node
	var scores []resources.Score
	for _, m := range primary.members {
		n := m.placeNext()
		if n == nil || m.nextRoleOf() != c.primaryRole {
			continue
		}
		if !must {
			e.addWhereEqual(c, dependent, primary, n)
		}
		at = append(at, n)
		scores = append(scores, m.scoreAtPlace())
	}
	// Promoted with promoted says nothing about instances that are not promoted.
	if !must || c.dependentRole == RolePromoted && c.primaryRole == RolePromoted {
		return
	}
	e.keepTo(c, dependent, at)
	for i, n := range at {
		if !slices.Contains(at[i+1:], n) { // of several instances the last counts
			dependent.allowed.add(n, scores[i])
			e.note(dependent, n, c.id, scores[i])
		}
	}
}

// scoreAtPlace is what an instance thinks of the node that it has.
func (r *resource) scoreAtPlace() resources.Score {
	score := resources.Score(0)
	found := false
	r.primitives(func(p *resource) {
		if !found && p.assigned != nil {
			found, score = true, p.allowed.score(p.assigned)
		}
	})
	return score
}

// addWhereEqual adds the colocation's score to the nodes that have the same
// value of its attribute as the primary's node.
func (e *engine) addWhereEqual(c *colocation, dependent, primary *resource, at *node) {
	same := e.matcher(c, at, primary, dependent)
	for i, n := range e.nodes {
		w := &dependent.allowed[i]
		if w.in && same(n) {
			w.score = w.score.Add(c.score)
			e.note(dependent, n, c.id, c.score)
		}
	}
}

// promoteWithRole adds the colocation to what an instance deserves, which has
// its node, if an instance of the primary will have the role there.
func (e *engine) promoteWithRole(c *colocation, dependent, primary *resource) {
	if e.compatibleInstance(dependent, primary, c.primaryRole) != nil {
		dependent.promotion = dependent.promotion.Add(c.score)
	} else if c.score >= resources.Infinity {
		dependent.promotion = -resources.Infinity
	}
}
