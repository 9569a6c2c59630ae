package policy

import (
	"strings"

	"github.com/belay-ha/belay/resources"
)

// attributeName is the attribute by which things are on the same node.
const attributeName = "#uname"

// effect is what a colocation does at a point of the run.
type effect uint8

const (
	affectsNothing effect = iota
	affectsLocation
	affectsRole
)

// colocationEffect says what a colocation is good for now. Until the dependent
// is placed it is about nodes; then, of an instance that may be promoted, about
// its role. A preview pretends that nothing is placed.
func colocationEffect(c *colocation, dependent, primary *resource, preview bool) effect {
	if !preview && primary.is(flagUnassigned) {
		return affectsNothing
	}
	actor, other := dependent.inContainer(), primary.inContainer()
	if c.dependentRole >= RoleUnpromoted && actor.parent != nil &&
		actor.parent.is(flagPromotable) && !actor.is(flagUnassigned) {
		return affectsRole
	}
	switch {
	case !preview && !dependent.is(flagUnassigned):
		return affectsNothing
	case c.dependentRole != RoleUnknown && c.dependentRole != actor.nextRole:
		return affectsNothing
	case c.primaryRole != RoleUnknown && c.primaryRole != other.nextRole:
		return affectsNothing
	}
	return affectsLocation
}

// inContainer returns what a replica's container holds: containers are never
// promoted, what is in them may be. Other resources return themselves.
func (r *resource) inContainer() *resource {
	if r.parent == nil || r.parent.bndl == nil {
		return r
	}
	for _, rep := range r.parent.bndl.replicas {
		if rep.container == r && rep.child != nil {
			return rep.child
		}
	}
	return r
}

// applyColocation makes a dependent heed its primary, as far as the primary is
// decided: in its scores while it is being placed, in its promotion score
// after. forDependent is for callers that have the dependent in hand, which may
// be a group.
func (e *engine) applyColocation(c *colocation, dependent, primary *resource, forDependent bool) {
	if forDependent && dependent.group != nil {
		e.colocateGroup(c, dependent, primary)
		return
	}
	if dependent.variant != Primitive {
		return // instances are colocated, not what they are instances of
	}
	switch primary.variant {
	case Primitive:
		switch colocationEffect(c, dependent, primary, false) {
		case affectsLocation:
			e.colocateScores(c, dependent, primary)
		case affectsRole:
			e.colocatePromotion(c, dependent, primary)
		}
	case Group:
		e.colocateWithGroup(c, dependent, primary)
	case Clone:
		e.colocateWithClone(c, dependent, primary)
	case Bundle:
		e.colocateWithBundle(c, dependent, primary)
	}
}

// colocateGroup applies a colocation to a group as the dependent: to its first
// member if the others follow it, else to each.
func (e *engine) colocateGroup(c *colocation, group, primary *resource) {
	if len(group.members) == 0 {
		return
	}
	if !group.group.colocated {
		if c.score < resources.Infinity {
			for _, m := range group.members {
				e.applyColocation(c, m, primary, true)
			}
		}
		return
	}
	first := group.members[0]
	before := first.promotion
	e.applyColocation(c, first, primary, true)
	// What the first member may become, the group may.
	if after := first.promotion; after != before {
		change := after
		if after > -resources.Infinity && after < resources.Infinity {
			change = after - before
		}
		group.promotion = group.promotion.Add(change)
	}
}

// colocateWithGroup applies a colocation with a group as the primary. Who must
// be with it must be with all of it, hence with its last member.
func (e *engine) colocateWithGroup(c *colocation, dependent, group *resource) {
	if group.is(flagUnassigned) || len(group.members) == 0 {
		return
	}
	mandatory := c.score >= resources.Infinity
	switch {
	case group.group.colocated && mandatory:
		e.applyColocation(c, dependent, group.members[len(group.members)-1], false)
	case group.group.colocated:
		e.applyColocation(c, dependent, group.members[0], false)
	case !mandatory:
		for _, m := range group.members {
			e.applyColocation(c, dependent, m, false)
		}
	}
}

// colocateScores changes the dependent's scores by where the primary was put.
func (e *engine) colocateScores(c *colocation, dependent, primary *resource) {
	if primary.assigned == nil && c.score < 0 {
		return // nothing to keep away from
	}
	work := e.borrow(dependent.allowed)
	same := e.matcher(c, primary.assigned, primary, dependent)
	for _, n := range e.nodes {
		w := &work[n.index]
		switch {
		case !w.in:
		case primary.assigned == nil:
			w.score = w.score.Add(-c.score)
		case same(n):
			// A demand is met here, which is no reason to prefer the node.
			if c.score < resources.Infinity {
				w.score = w.score.Add(c.score)
			}
		case c.score >= resources.Infinity:
			w.score = -resources.Infinity
		}
	}
	mandatory := c.score <= -resources.Infinity || c.score >= resources.Infinity
	if mandatory || e.anyUsable(work) { // a wish must not stop it altogether
		e.noteChange(dependent, dependent.allowed, work, c.id)
		copy(dependent.allowed, work)
	}
	e.giveBack(work)
}

// matcher returns a test for nodes that are together with a primary's node in
// the sense of a colocation.
func (e *engine) matcher(c *colocation, at *node, primary, dependent *resource) func(*node) bool {
	if at == nil {
		return func(*node) bool { return false }
	}
	if c.attribute == "" && !at.remote() && !hostAttributes(dependent) {
		return func(n *node) bool { return n == at }
	}
	value, known := e.colocationAttribute(at, c.attribute, primary)
	return func(n *node) bool {
		other, has := e.colocationAttribute(n, c.attribute, dependent)
		return known == has && (!known || strings.EqualFold(value, other))
	}
}

// colocatePromotion changes the promotion score of an instance by where the
// primary is and what it becomes.
func (e *engine) colocatePromotion(c *colocation, dependent, primary *resource) {
	if dependent.assigned == nil {
		return
	}
	if primary.assigned != nil && c.primaryRole != RoleUnknown && c.primaryRole != primary.inContainer().nextRole {
		return
	}
	change := c.score
	if !e.together(c, dependent, primary) {
		if c.score < resources.Infinity || c.dependentRole != RolePromoted {
			return
		}
		change = -change // it must not be promoted here
	} else if c.dependentRole == RoleUnpromoted {
		change = -change
	}
	dependent.promotion = dependent.promotion.Add(change)
	e.notePromotion(dependent, dependent.assigned, c.id, change)
}

// together reports whether both sides of a colocation were put together.
func (e *engine) together(c *colocation, dependent, primary *resource) bool {
	value, known := e.colocationAttribute(dependent.assigned, c.attribute, dependent)
	other, has := e.colocationAttribute(primary.assigned, c.attribute, primary)
	return known == has && (!known || strings.EqualFold(value, other))
}

// colocationAttribute returns a node's value of a colocation's attribute, as r
// sees it. A bundle's member is on its host as far as colocations go.
func (e *engine) colocationAttribute(n *node, attribute string, r *resource) (value string, known bool) {
	if n == nil {
		return "", false
	}
	if attribute == "" {
		attribute = attributeName
	}
	target := ""
	if r != nil {
		target = r.meta["container-attribute-target"]
		if n.ofBundle() && insideBundle(r) {
			target = "host"
		}
	}
	return e.nodeAttribute(n, attribute, target, true)
}

// hostAttributes reports whether r may see other attributes of a guest node
// than the node's own.
func hostAttributes(r *resource) bool {
	return insideBundle(r) || r.meta["container-attribute-target"] != ""
}

// insideBundle reports whether r is, or is part of, what a bundle's containers
// hold.
func insideBundle(r *resource) bool {
	top := r.outermost()
	return top.parent != nil && top.parent.bndl != nil && top.parent.bndl.child == top
}

// nodeAttribute returns a node attribute. Where the target is host, a guest
// node's attributes are those of the node that its container was assigned to,
// or is on now.
func (e *engine) nodeAttribute(n *node, name, target string, assigned bool) (value string, known bool) {
	if n.guest() && strings.EqualFold(target, "host") {
		container := n.connection.container
		switch {
		case assigned:
			n = container.assigned
		case len(container.runningOn) > 0:
			n = container.runningOn[0]
		default:
			n = nil
		}
		if n == nil {
			return "", false
		}
	}
	value, known = n.attrs[name]
	return value, known
}

// borrow returns a copy of a table; giveBack takes one that nobody uses any
// more.
func (e *engine) borrow(t table) table {
	if last := len(e.pool) - 1; last >= 0 {
		work := e.pool[last]
		e.pool = e.pool[:last]
		copy(work, t)
		return work
	}
	return t.clone()
}

func (e *engine) giveBack(t table) {
	if len(t) == len(e.nodes) && len(e.pool) < 64 {
		e.pool = append(e.pool, t)
	}
}
