package policy

import "github.com/belay-ha/belay/resources"

// Utilization: resources use amounts of what nodes have. capacity is what a
// node has left, by name; what it does not name it has none of.

// consume takes what a resource uses from a node's capacity.
func (e *engine) consume(n *node, r *resource) {
	for name, amount := range r.utilization {
		if _, has := n.capacity[name]; has {
			n.capacity[name] -= amount
		}
	}
}

// release gives it back.
func (e *engine) release(n *node, r *resource) {
	for name, amount := range r.utilization {
		if _, has := n.capacity[name]; has {
			n.capacity[name] += amount
		}
	}
}

// compareCapacity is negative if a has more left of more things than b.
func compareCapacity(a, b *node) int {
	result := 0
	for name, amount := range a.capacity {
		result += compareAmounts(amount, b.capacity[name])
	}
	for name, amount := range b.capacity {
		if _, compared := a.capacity[name]; !compared {
			result += compareAmounts(0, amount)
		}
	}
	return result
}

func compareAmounts(a, b int) int {
	switch {
	case a > b:
		return -1
	case a < b:
		return 1
	}
	return 0
}

// fits reports whether a node has enough left.
func fits(n *node, use map[string]int) bool {
	for name, amount := range use {
		if amount > n.capacity[name] {
			return false
		}
	}
	return true
}

// limitToCapacity bans a primitive from nodes that cannot hold it together with
// what must be with it. If no node can hold all of that, the limit is the
// primitive alone, and the node with most room is returned.
func (e *engine) limitToCapacity(r *resource) (roomiest *node) {
	if e.opt.strategy == placeDefault {
		return nil
	}
	use := e.useOfAll(r)
	any := false
	if e.places == nil {
		e.places = tablePlaces(e.nodes)
	}
	for _, i := range e.places {
		n := e.nodes[i]
		if !e.canHold(r, n) {
			continue
		}
		any = any || fits(n, use)
		if roomiest == nil || compareCapacity(n, roomiest) < 0 {
			roomiest = n
		}
	}
	if any {
		roomiest = nil
	} else {
		use = r.utilization
	}
	for _, n := range e.nodes {
		if e.canHold(r, n) && !fits(n, use) {
			e.addScore(r, n, -resources.Infinity, sourceCapacity)
		}
	}
	return roomiest
}

func (e *engine) canHold(r *resource, n *node) bool {
	w := r.allowed[n.index]
	return w.in && w.score >= 0 && n.usable()
}

// useOfAll sums up what r and all that must be with it will use, without what
// is assigned already.
func (e *engine) useOfAll(r *resource) map[string]int {
	chain := companions{e: e, origin: r, seen: map[*resource]bool{}}
	chain.add(r)
	use := map[string]int{}
	for _, other := range chain.list {
		chain.sum(other, use)
	}
	return use
}

// companions are a resource and what must be with it.
type companions struct {
	e      *engine
	origin *resource
	seen   map[*resource]bool
	list   []*resource
}

// add follows demands to be together in both directions.
func (s *companions) add(r *resource) {
	if s.seen[r] && r.group == nil {
		return
	}
	if r.group != nil {
		if s.seen[r] {
			return
		}
		s.seen[r] = true
		s.list = append(s.list, r)
		if r.group.colocated || r.parent != nil && r.parent.variant == Clone {
			for _, m := range r.members {
				s.add(m)
			}
			return
		}
	} else {
		s.seen[r] = true
		s.list = append(s.list, r)
	}
	primaries, dependents := s.e.colocationsOf(r)
	for _, c := range primaries {
		if c.primary != s.origin && s.joins(c, r, c.primary) {
			s.add(c.primary)
		}
	}
	for _, c := range dependents {
		// Which instance a dependent joins is open.
		loose := r.variant >= Clone && c.dependent.variant < Clone
		if c.dependent != s.origin && !loose && s.joins(c, c.dependent, r) {
			s.add(c.dependent)
		}
	}
}

func (s *companions) joins(c *colocation, dependent, primary *resource) bool {
	return c.score >= resources.Infinity && colocationEffect(c, dependent, primary, true) == affectsLocation
}

// sum adds what an unassigned resource uses; what is in the list itself is not
// counted again as part of something else. Of clones one instance counts.
func (s *companions) sum(r *resource, use map[string]int) {
	if !r.is(flagUnassigned) {
		return
	}
	switch {
	case r.variant == Primitive:
		for name, amount := range r.utilization {
			use[name] += amount
		}
	case r.group != nil:
		members := r.members
		if !r.group.colocated && (r.parent == nil || r.parent.variant != Clone) && len(members) > 1 {
			members = members[:1]
		}
		for _, m := range members {
			if !s.seen[m] {
				s.sum(m, use)
			}
		}
	case r.variant == Clone:
		if len(r.members) > 0 && !s.hasPartOf(r) {
			s.sum(r.members[0], use)
		}
	case r.bndl != nil:
		if reps := r.bndl.replicas; len(reps) > 0 && reps[0].container != nil {
			s.sum(reps[0].container, use)
		}
	}
}

// hasPartOf reports whether an instance, or a member of one, is in the list.
func (s *companions) hasPartOf(clone *resource) bool {
	for _, instance := range clone.members {
		if s.seen[instance] {
			return true
		}
		for _, m := range instance.members {
			if s.seen[m] {
				return true
			}
		}
	}
	return false
}
