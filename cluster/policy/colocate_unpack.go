package policy

import "github.com/belay-ha/belay/resources"

// unpackColocations turns configured colocations into pairs.
func (e *engine) unpackColocations() {
	for i := range e.in.Colocations {
		c := &e.in.Colocations[i]
		if !e.holds(c.Lifetime, ruleContext{}) {
			continue
		}
		if len(c.Sets) > 0 {
			e.unpackColocationSets(c)
		} else {
			e.unpackColocation(c)
		}
	}
}

func (e *engine) unpackColocation(c *ColocationConfig) {
	dependent, primary := e.constrained(c.Dependent), e.constrained(c.Primary)
	if dependent == nil || primary == nil {
		missing := c.Primary
		if dependent == nil {
			missing = c.Dependent
		}
		e.warn("unknown_resource", c.ID, "no resource "+missing)
		return
	}
	e.colocatePair(c, c.ID, dependent, primary, c.DependentRole, c.PrimaryRole, e.parseScore(c.Score, c.ID))
}

// colocatePair makes one colocation, unless a role is wrong.
func (e *engine) colocatePair(c *ColocationConfig, id string, dependent, primary *resource, dependentRole, primaryRole string, score resources.Score) {
	first, ok := parseConstraintRole(dependentRole)
	second, ok2 := parseConstraintRole(primaryRole)
	if !ok || !ok2 {
		e.warn("bad_role", c.ID, "no role: "+dependentRole+" "+primaryRole)
		return
	}
	influence := dependent.is(flagCritical)
	if c.Influence != nil {
		influence = *c.Influence
	}
	attribute := ""
	if len(c.Sets) == 0 {
		attribute = c.NodeAttribute
	}
	e.colocate(colocation{
		id: id, dependent: dependent, primary: primary,
		dependentRole: first, primaryRole: second,
		score: score, attribute: attribute, influence: influence,
	})
}

// parseConstraintRole reads a role in a constraint; started means any.
func parseConstraintRole(word string) (Role, bool) {
	role := parseRole(word)
	switch {
	case role == RoleUnknown:
		return role, word == ""
	case role == RoleStarted:
		return RoleUnknown, true
	}
	return role, true
}

// unpackColocationSets colocates within each set, and each set with the one
// after it.
func (e *engine) unpackColocationSets(c *ColocationConfig) {
	score := e.parseScore(c.Score, c.ID)
	for i := range c.Sets {
		e.colocateWithinSet(c, &c.Sets[i], score)
		if i > 0 && score != 0 {
			e.colocateSets(c, &c.Sets[i-1], &c.Sets[i], score)
		}
	}
}

// colocateWithinSet chains the members of a set, or keeps all of them apart.
func (e *engine) colocateWithinSet(c *ColocationConfig, set *Set, score resources.Score) {
	if set.Score != "" {
		score = e.parseScore(set.Score, c.ID)
	}
	if score == 0 || !set.sequential() {
		return
	}
	id := set.ID
	if id == "" {
		id = c.ID
	}
	members := e.setResources(c.ID, set)
	for i, r := range members {
		if i == 0 {
			continue
		}
		if score > 0 {
			e.colocatePair(c, id, r, members[i-1], set.Role, set.Role, score)
			continue
		}
		for _, other := range members[:i] {
			if other == r {
				break
			}
			e.colocatePair(c, id, r, other, set.Role, set.Role, score)
		}
	}
}

// setResources returns a set's resources up to the first that does not exist.
func (e *engine) setResources(subject string, set *Set) []*resource {
	members := make([]*resource, 0, len(set.Resources))
	for _, id := range set.Resources {
		r := e.constrained(id)
		if r == nil {
			e.warn("unknown_resource", subject, "no resource "+id)
			break
		}
		members = append(members, r)
	}
	return members
}

func (s *Set) sequential() bool { return s.Sequential == nil || *s.Sequential }

// colocateSets colocates the resources of one set with those of the next. Of a
// sequential set, its end stands for all.
func (e *engine) colocateSets(c *ColocationConfig, first, second *Set, score resources.Score) {
	dependents, ok := e.setEnd(c.ID, first, true)
	primaries, ok2 := e.setEnd(c.ID, second, false)
	if !ok || !ok2 {
		return
	}
	for _, dependent := range dependents {
		for _, primary := range primaries {
			e.colocatePair(c, c.ID, dependent, primary, first.Role, second.Role, score)
		}
	}
}

// setEnd returns the resources that stand for a set: the first or last of a
// sequential one, all that exist of others. It is false where that one does not
// exist.
func (e *engine) setEnd(subject string, set *Set, first bool) ([]*resource, bool) {
	ids := set.Resources
	if set.sequential() && len(ids) > 0 {
		if first {
			ids = ids[:1]
		} else {
			ids = ids[len(ids)-1:]
		}
	}
	var found []*resource
	for _, id := range ids {
		if r := e.constrained(id); r != nil {
			found = append(found, r)
		} else {
			e.warn("unknown_resource", subject, "no resource "+id)
		}
	}
	return found, len(found) > 0
}

// colocateImplicitly adds what follows from the shape of a resource: members of
// a group stay with the one before, and what runs in a container, or connects
// to it, with the container. Places that can never do are ruled out.
func (e *engine) colocateImplicitly(r *resource) {
	if r.bndl != nil {
		e.colocateReplicas(r)
		return
	}
	if r.variant == Primitive {
		e.colocateContained(r)
		return
	}
	for i, m := range r.members {
		e.colocateImplicitly(m)
		if i > 0 && r.group != nil && r.group.colocated {
			e.colocate(colocation{
				id: colocateGroup, dependent: m, primary: r.members[i-1],
				score: resources.Infinity, influence: m.is(flagCritical), implicit: true,
			})
		}
	}
}

// colocateReplicas does so for the parts of a bundle.
func (e *engine) colocateReplicas(r *resource) {
	for _, rep := range r.bndl.replicas {
		if rep.container == nil {
			continue
		}
		e.colocateImplicitly(rep.container)
		if rep.ip != nil {
			e.colocateImplicitly(rep.ip)
			e.colocate(colocation{
				id: colocateContainer, dependent: rep.ip, primary: rep.container,
				score: resources.Infinity, influence: true, implicit: true,
			})
		}
		if rep.connection != nil {
			e.colocateImplicitly(rep.connection)
		}
	}
	if r.bndl.child != nil {
		e.colocateImplicitly(r.bndl.child)
	}
}

// nearContainer is how much the connection of a bundle's replica wants to be on
// its container's host. It need not: the host may be a remote node, which
// cannot hold connections.
const nearContainer resources.Score = 10000

// colocateContained handles a primitive in a container, and whatever may not
// run on remote nodes.
func (e *engine) colocateContained(r *resource) {
	if !r.is(flagManaged) {
		return
	}
	if r.container != nil {
		e.colocateWithContainer(r)
	}
	if r.is(flagConnection) || r.is(flagFenceDevice) {
		e.avoidRemotes(r)
	}
}

func (e *engine) colocateWithContainer(r *resource) {
	var inside *resource // the connection of the node that r must be on
	switch {
	case r.is(flagConnection):
		if !r.replicaConnection() {
			e.avoidRemotes(r.container) // no guests on guests
		}
	case r.container.is(flagConnection):
		inside = r.container
	default:
		inside = guestConnectionIn(r.container)
	}
	if inside != nil {
		for _, n := range e.nodes {
			if n.connection != inside {
				e.ban(r, n, sourceContainer)
			}
		}
		return
	}
	score := resources.Infinity
	if r.replicaConnection() {
		score = nearContainer
	}
	e.colocate(colocation{
		id: colocateContainer, dependent: r, primary: r.container,
		score: score, influence: true, implicit: true,
	})
}

// guestConnectionIn returns the connection of the guest node that a container
// makes, or nil if it makes none.
func guestConnectionIn(container *resource) *resource {
	for _, r := range container.contains {
		if r.is(flagConnection) {
			return r
		}
	}
	return nil
}

// avoidRemotes keeps a resource off remote and guest nodes.
func (e *engine) avoidRemotes(r *resource) {
	for _, n := range e.nodes {
		if n.connection != nil {
			e.ban(r, n, sourceRemote)
		}
	}
}
