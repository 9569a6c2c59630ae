package resources

// resolver writes out what names and sets stand for.
type resolver struct {
	d *Definition
	// means holds what tags and templates stand for.
	means map[ResourceID][]ResourceID
	// room is for how many more pairs; over are the paths of constraints that were
	// left out for want of it.
	room int
	over []string
}

// maxPairs is how many pairs the sets of a definition may stand for in all.
const maxPairs = 100_000

// fits takes room for what sets stand for.
func (x *resolver) fits(kind, id string, sets []ResourceSet, within bool) bool {
	n := pairsOf(sets, within, maxPairs+1)
	if n > x.room {
		x.over = append(x.over, kind+"["+id+"]")
		return false
	}
	x.room -= n
	return true
}

// alias reports whether a name stands for others.
func (x *resolver) alias(id ResourceID) bool { _, found := x.means[id]; return found }

// expand returns the set with what its names stand for.
func (x *resolver) expand(s ResourceSet) ResourceSet {
	var all []ResourceID
	for _, id := range s.Resources {
		if x.alias(id) {
			all = append(all, x.means[id]...)
		} else {
			all = append(all, id)
		}
	}
	s.Resources = all
	return s
}

// sets returns a constraint's sets: its own, or one for each of its two sides
// where one of these stands for others; nil where it is about two resources.
func (x *resolver) sets(given []ResourceSet, sides ...ResourceSet) []ResourceSet {
	if len(given) == 0 {
		aliased := false
		for _, s := range sides {
			aliased = aliased || x.alias(s.Resources[0])
		}
		if !aliased {
			return nil
		}
		given = sides
	}
	out := make([]ResourceSet, len(given))
	for i, s := range given {
		out[i] = x.expand(s)
	}
	return out
}

// side makes a set of one side of a constraint.
func side(id ResourceID, role Role, action Op) ResourceSet {
	apart := false
	return ResourceSet{Resources: []ResourceID{id}, Sequential: &apart, Role: role, Action: action}
}

func (x *resolver) constraints(out *Definition) {
	out.Orders, out.Colocations, out.Locations, out.Tickets = nil, nil, nil, nil
	for i := range x.d.Orders {
		out.Orders = x.order(out.Orders, &x.d.Orders[i])
	}
	for i := range x.d.Colocations {
		out.Colocations = x.colocation(out.Colocations, &x.d.Colocations[i])
	}
	for i := range x.d.Locations {
		out.Locations = x.location(out.Locations, &x.d.Locations[i])
	}
	for i := range x.d.Tickets {
		out.Tickets = x.ticket(out.Tickets, &x.d.Tickets[i])
	}
}

func (x *resolver) location(all []Location, l *Location) []Location {
	sets := x.sets(l.Sets, side(l.Resource, l.Role, ""))
	if sets == nil || l.Selector != nil {
		return append(all, *l)
	}
	if !x.fits("location", l.ID, sets, false) {
		return all
	}
	for _, s := range sets {
		one := *l
		one.Sets = nil
		one.Score = Or(s.Score, l.Score)
		if s.Role != RoleUnknown {
			one.Role = s.Role
		}
		for _, id := range s.Resources {
			one.Resource = id
			all = append(all, one)
		}
	}
	return all
}

func (x *resolver) ticket(all []TicketUse, t *TicketUse) []TicketUse {
	sets := x.sets(t.Sets, side(t.Resource, t.Role, ""))
	if sets == nil {
		return append(all, *t)
	}
	if !x.fits("ticket", t.ID, sets, false) {
		return all
	}
	for _, s := range sets {
		one := *t
		one.Sets = nil
		if s.Role != RoleUnknown {
			one.Role = s.Role
		}
		for _, id := range s.Resources {
			one.Resource = id
			all = append(all, one)
		}
	}
	return all
}

// colocation places each set with the next: the first of a sequential one stands
// for all that is placed, the last for all that it is placed with.
func (x *resolver) colocation(all []Colocation, c *Colocation) []Colocation {
	sets := x.sets(c.Sets, side(c.Resource, c.Role, ""), side(c.With, c.WithRole, ""))
	if sets == nil {
		return append(all, *c)
	}
	if !x.fits("colocation", c.ID, sets, c.Score < 0) {
		return all
	}
	one := *c
	one.Sets = nil
	for i := range sets {
		all = colocateWithin(all, one, &sets[i])
		if i == 0 {
			continue
		}
		dependents, with := sets[i-1].Resources, sets[i].Resources
		if sets[i-1].sequential() && len(dependents) > 0 {
			dependents = dependents[:1]
		}
		if sets[i].sequential() && len(with) > 0 {
			with = with[len(with)-1:]
		}
		one.Role, one.WithRole = sets[i-1].Role, sets[i].Role
		for _, one.Resource = range dependents {
			for _, one.With = range with {
				all = append(all, one)
			}
		}
	}
	return all
}

// colocateWithin chains a sequential set's members, or keeps each from all others.
func colocateWithin(all []Colocation, one Colocation, s *ResourceSet) []Colocation {
	one.Score = Or(s.Score, one.Score)
	if !s.sequential() || one.Score == 0 {
		return all
	}
	one.Role, one.WithRole = s.Role, s.Role
	for i := range s.Resources {
		from := 0
		if one.Score > 0 {
			from = max(i-1, 0)
		}
		one.Resource = s.Resources[i]
		for _, one.With = range s.Resources[from:i] {
			all = append(all, one)
		}
	}
	return all
}

// order puts each set before the next. Of one that is said to be sequential only
// the nearest member counts.
func (x *resolver) order(all []Order, o *Order) []Order {
	first, then := o.actions()
	sets := x.sets(o.Sets, side(o.First, 0, first), side(o.Then, 0, then))
	if sets == nil {
		return append(all, *o)
	}
	if !x.fits("order", o.ID, sets, o.Kind == OrderSerialize) {
		return all
	}
	one := *o
	one.Sets = nil
	if len(o.Sets) == 0 && o.RequireAll != nil {
		sets[0].RequireAll = o.RequireAll // one that a tag means is enough, too
	}
	for i := range sets {
		all = orderWithin(all, one, &sets[i])
		if i > 0 {
			all = orderSets(all, one, &sets[i-1], &sets[i])
		}
	}
	return all
}

// orderWithin orders the members of a set: each after the one before it, or none
// beside another.
func orderWithin(all []Order, one Order, s *ResourceSet) []Order {
	one.FirstAction, one.ThenAction = s.action(), s.action()
	for i := range s.Resources {
		one.First = s.Resources[i]
		switch rest := s.Resources[i+1:]; {
		case one.Kind == OrderSerialize:
			for _, one.Then = range rest {
				all = append(all, one)
			}
		case s.sequential() && len(rest) > 0:
			one.Then = rest[0]
			all = append(all, one)
		}
	}
	return all
}

func orderSets(all []Order, one Order, first, then *ResourceSet) []Order {
	one.FirstAction, one.ThenAction = first.action(), then.action()
	firsts, thens := first.Resources, then.Resources
	if Or(then.Sequential, false) && len(thens) > 0 && !first.anyOne() {
		thens = thens[:1]
	}
	if first.anyOne() && len(firsts) > 1 {
		for _, one.Then = range thens {
			some := one
			some.First = ""
			some.Sets = []ResourceSet{{Resources: firsts, RequireAll: first.RequireAll, Action: one.FirstAction}, side(one.Then, 0, one.ThenAction)}
			all = append(all, some)
		}
		return all
	}
	if first.anyOne() {
		one.RequireAll = first.RequireAll
	}
	if Or(first.Sequential, false) && len(firsts) > 0 {
		firsts = firsts[len(firsts)-1:]
	}
	for _, one.First = range firsts {
		for _, one.Then = range thens {
			all = append(all, one)
		}
	}
	return all
}
