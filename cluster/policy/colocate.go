package policy

import (
	"cmp"
	"slices"
	"strings"

	"github.com/belay-ha/belay/resources"
)

// Ids of colocations that nobody configured.
const (
	colocateGroup     = "group"
	colocateContainer = "container"
)

// colocate adds a colocation to the lists of both its resources.
func (e *engine) colocate(c colocation) {
	if c.dependent == nil || c.primary == nil || c.score == 0 {
		return
	}
	if strings.EqualFold(c.attribute, attributeName) {
		c.attribute = ""
	}
	c.index = len(e.colocations)
	added := &c
	e.colocations = append(e.colocations, added)
	c.dependent.primaries = insertColocation(c.dependent.primaries, added, byPrimary)
	c.primary.dependents = insertColocation(c.primary.dependents, added, byDependent)
	if c.score <= -resources.Infinity {
		e.orderApart(c.dependent, c.dependentRole, c.primary, c.primaryRole)
		e.orderApart(c.primary, c.primaryRole, c.dependent, c.dependentRole)
	}
}

// insertColocation puts c into a sorted list, before its equals.
func insertColocation(list []*colocation, c *colocation, order func(a, b *colocation) int) []*colocation {
	at, _ := slices.BinarySearchFunc(list, c, order)
	return slices.Insert(list, at, c)
}

// byPrimary and byDependent order colocations by the resource on that side:
// by priority, then larger things first, then by id.
func byPrimary(a, b *colocation) int   { return compareInColocation(a.primary, b.primary) }
func byDependent(a, b *colocation) int { return compareInColocation(a.dependent, b.dependent) }

func compareInColocation(a, b *resource) int {
	if c := cmp.Compare(b.priority, a.priority); c != 0 {
		return c
	}
	if c := cmp.Compare(b.variant, a.variant); c != 0 {
		return c
	}
	if a.variant == Clone && a.is(flagPromotable) != b.is(flagPromotable) {
		if a.is(flagPromotable) {
			return -1
		}
		return 1
	}
	return strings.Compare(a.id, b.id)
}

// orderApart lets first lose its role before then gains its own, where the two
// must not be together and are on the same node.
func (e *engine) orderApart(first *resource, firstRole Role, then *resource, thenRole Role) {
	losing := []string{taskStop}
	switch firstRole {
	case RolePromoted:
		losing = []string{taskDemote}
	case RoleUnpromoted:
		losing = []string{taskStop, taskPromote}
	}
	gaining := []string{taskStart}
	switch thenRole {
	case RolePromoted:
		gaining = []string{taskPromote}
	case RoleUnpromoted:
		gaining = []string{taskStart, taskDemote}
	}
	for _, lose := range losing {
		for _, gain := range gaining {
			e.orderTasks(first, lose, then, gain, ifRequired)
		}
	}
}

// colocationsOf returns the colocations in which r takes part, its own and those
// of the collections that it is part of: where it is the dependent ("r with a
// primary"), and where it is the primary. The lists are sorted and are not the
// caller's to change.
func (e *engine) colocationsOf(r *resource) (primaries, dependents []*colocation) {
	return e.primariesOf(r), e.dependentsOf(r)
}

// colocationSide is one side of colocations: how to find and to sort them.
type colocationSide struct {
	of    func(*resource) []*colocation
	order func(a, b *colocation) int
	// heads reports whether the colocations of a group are those of a member.
	heads func(group, member *resource) bool
}

var (
	asDependent = colocationSide{
		of:    func(r *resource) []*colocation { return r.primaries },
		order: byPrimary,
		heads: firstOf,
	}
	asPrimary = colocationSide{
		of:    func(r *resource) []*colocation { return r.dependents },
		order: byDependent,
		heads: lastOf,
	}
)

// primariesOf returns the colocations of which r is the dependent.
func (e *engine) primariesOf(r *resource) []*colocation {
	if group := r.parent; group != nil && group.group != nil && !firstOf(group, r) {
		// Later members follow the first. Only where one before is not managed,
		// so that the chain is broken, they must know themselves.
		list := r.primaries
		if brokenBefore(group, r) {
			list = joinColocations(list, mandatoryOnly(group.primaries), byPrimary)
		}
		return list
	}
	return e.inherited(r, &asDependent)
}

// dependentsOf returns the colocations of which r is the primary.
func (e *engine) dependentsOf(r *resource) []*colocation {
	return e.inherited(r, &asPrimary)
}

// inherited returns the colocations of r on one side, and those that reach it
// from above. The member that speaks for a group speaks for all in it.
func (e *engine) inherited(r *resource, s *colocationSide) []*colocation {
	list := s.of(r)
	if r.group != nil {
		list = memberColocations(list, r, r, s)
	}
	for above := r.parent; above != nil; above = above.parent {
		switch {
		case above.group != nil:
			if !s.heads(above, r) {
				return list
			}
			list = e.mergeColocations(list, s.of(above), s.order)
			list = memberColocations(list, above, r, s)
		case above.variant == Bundle:
			if e.bundleColocationsReach(above, r) {
				list = e.mergeColocations(list, s.of(above), s.order)
			}
			return list
		default:
			list = e.mergeColocations(list, s.of(above), s.order)
		}
	}
	return list
}

// memberColocations adds what is configured for members of a group other than
// one.
func memberColocations(list []*colocation, group, except *resource, s *colocationSide) []*colocation {
	if !group.group.colocated {
		return list
	}
	for _, m := range group.members {
		if m == except {
			continue
		}
		for _, c := range s.of(m) {
			if !c.implicit {
				list = insertColocation(slices.Clip(list), c, s.order)
			}
		}
	}
	return list
}

// mergeColocations joins the sorted list of a part with that of what it is a part of.
// In Pacemaker, by accident, only the first of the latter then counts, where the part
// has some itself: a bundle's container, which has its connection with it.
func (e *engine) mergeColocations(list, more []*colocation, order func(a, b *colocation) int) []*colocation {
	if !e.in.Own && len(list) > 0 && len(more) > 1 {
		more = slices.Repeat(more[:1], len(more))
	}
	return joinColocations(list, more, order)
}

// joinColocations joins two sorted lists. One of them is nearly always empty.
func joinColocations(list, more []*colocation, order func(a, b *colocation) int) []*colocation {
	switch {
	case len(more) == 0:
		return list
	case len(list) == 0:
		return more
	}
	joined := make([]*colocation, 0, len(list)+len(more))
	joined = append(joined, list...)
	for _, c := range more {
		joined = insertColocation(joined, c, order)
	}
	return joined
}

func mandatoryOnly(list []*colocation) []*colocation {
	var mandatory []*colocation
	for _, c := range list {
		if c.score >= resources.Infinity {
			mandatory = append(mandatory, c)
		}
	}
	return mandatory
}

// firstOf and lastOf report whether r is that member of the group.
func firstOf(group, r *resource) bool {
	return len(group.members) > 0 && group.members[0] == r
}

func lastOf(group, r *resource) bool {
	return len(group.members) > 0 && group.members[len(group.members)-1] == r
}

// brokenBefore reports whether a member of the group before r is unmanaged.
func brokenBefore(group, r *resource) bool {
	for _, m := range group.members {
		if m == r {
			return false
		}
		if !m.is(flagManaged) {
			return true
		}
	}
	return false
}

// influences reports whether what the dependent of a colocation prefers counts
// for where the primary goes.
func (c *colocation) influences(primary *resource) bool {
	if primary == nil {
		primary = c.primary
	}
	// The connection into a container is light, and the container is not: an
	// active container does not move because of its connection.
	if c.dependent.replicaConnection() && !primary.is(flagFailed) && len(primary.runningOn) == 1 {
		return false
	}
	return c.influence || len(primary.runningOn) == 0
}

// replicaConnection reports whether r is the connection to a bundle's guest
// node.
func (r *resource) replicaConnection() bool {
	return r.is(flagConnection) && r.is(flagReplicaPart)
}
