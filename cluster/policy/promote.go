package policy

import (
	"cmp"

	"github.com/belay-ha/belay/resources"
)

// Reasons for roles, as setNextRole is told.
const (
	whyUnpromoted = "unpromoted instance"
	whyPromoted   = "promoted instance"
	whyStopped    = "stopped instance"
)

// setRoles chooses which instances of a promotable clone are promoted. They all
// have their nodes.
func (e *engine) setRoles(r *resource) {
	if r.clone == nil {
		return
	}
	for i := range r.allowed {
		r.allowed[i].count = 0 // counts promoted instances now
	}
	view := e.newPromotionView(r)
	for _, m := range r.members {
		e.setPromotionPriority(r, m, view)
	}
	e.sortForPromotion(r)
	promoted := 0
	for _, m := range r.members {
		if e.choosePromotion(r, m, promoted) {
			promoted++
		}
	}
	r.clone.promoted = promoted
}

// setPromotionPriority computes how much an instance deserves promotion where
// it will run.
func (e *engine) setPromotionPriority(r, m *resource, view *promotionView) {
	if m.currentRole() == RoleStarted {
		m.walk(func(part *resource) {
			if part.role == RoleStarted {
				part.role = RoleUnpromoted
			}
		})
	}
	at := m.placeNext()
	if at == nil {
		return
	}
	next := m.nextRoleOf()
	switch next {
	case RoleStarted, RoleUnknown:
		score, given := e.promotionScore(m, at, view)
		if !given {
			// Without a word in favour of promotion there is none, but a location
			// for the promoted role is enough.
			score = -1
		}
		m.promotion = score
		e.notePromotion(m, at, sourcePromotion, score)
	case RoleUnpromoted, RoleStopped:
		m.promotion = -resources.Infinity
	}
	lists := [][]*location{m.locations, r.locations}
	if r.parent != nil {
		lists = append(lists, r.parent.locations) // of a bundle
	}
	for _, list := range lists {
		for _, l := range list {
			if score, says := l.at(at); says && l.role == RolePromoted {
				m.promotion = m.promotion.Add(score)
				e.notePromotion(m, at, l.id, score)
			}
		}
	}
	for _, c := range e.primariesOf(m) {
		e.applyColocation(c, m, c.primary, true)
	}
	if m.merit = m.promotion; next == RolePromoted {
		m.merit = resources.Infinity
	}
}

// sortForPromotion sorts the instances so that those to be promoted come first.
// For that the clone's table becomes: what its instances deserve on each node,
// and what is colocated with promoted instances thinks of it.
func (e *engine) sortForPromotion(r *resource) {
	if r.clone.rolesSorted {
		return
	}
	r.clone.rolesSorted = true
	r.set(flagUpdating)
	for _, m := range r.members {
		if at := m.placeNext(); at != nil && m.merit >= 0 {
			r.allowed.add(at, m.merit)
		}
	}
	e.mergeForPromotion(r)
	for _, t := range r.tickets {
		if t.role == RolePromoted && (t.ticket == nil || !t.ticket.granted || t.ticket.standby) {
			for i, n := range e.nodes {
				r.allowed[i].in = true
				e.ban(r, n, sourceNoTicket)
			}
		}
	}
	for _, m := range r.members {
		at := m.placeNext()
		if !m.is(flagManaged) && m.nextRole == RolePromoted {
			m.merit = resources.Infinity
		} else if at != nil && m.merit >= 0 && r.allowed[at.index].in {
			m.merit = r.allowed[at.index].score
		}
	}
	keys := make(map[*resource]*instanceKey, len(r.members))
	for _, m := range r.members {
		keys[m] = e.newInstanceKey(m)
	}
	mergeSort(r.members, func(a, b *resource) int {
		if c := cmp.Compare(b.merit, a.merit); c != 0 {
			return c
		}
		if c := cmp.Compare(b.currentRole(), a.currentRole()); c != 0 {
			return c
		}
		return e.compareInstances(keys[a], keys[b])
	})
	r.unset(flagUpdating)
}

// mergeForPromotion adds the wishes of what is with promoted instances to the
// clone's table. What these are with is placed already: it has its say in what
// each instance deserves, and must not have it twice.
func (e *engine) mergeForPromotion(r *resource) {
	_, dependents := e.colocationsOf(r)
	for _, c := range dependents {
		if c.primaryRole == RolePromoted && c.influences(nil) {
			e.mergeDependents(c.dependent, r, c, c.factor(), mergeOptional|mergeNoNegative)
		}
	}
}

// choosePromotion decides about one instance, after those that deserve it more.
func (e *engine) choosePromotion(r, m *resource, promoted int) bool {
	at := (*node)(nil)
	if m.merit >= 0 && (promoted < r.clone.promotedMax || !r.is(flagManaged)) {
		at = e.promotionNode(r, m)
	}
	frozen := m.role < RolePromoted && !e.in.Quorum && e.opt.noQuorum == quorumFreeze
	if at == nil || frozen {
		m.walk(func(part *resource) {
			if part.placed() {
				e.setNextRole(part, RoleUnpromoted, whyUnpromoted)
			} else {
				e.setNextRole(part, RoleStopped, whyStopped)
			}
		})
		return false
	}
	r.allowed[at.index].count++
	m.walk(func(part *resource) {
		if part.nextRole == RoleUnknown {
			e.setNextRole(part, RolePromoted, whyPromoted)
		}
	})
	return true
}

// promotionNode is the node where the instance (all its members, of a group)
// can be promoted; nil if it cannot.
func (e *engine) promotionNode(r, m *resource) *node {
	for _, part := range m.members {
		if e.promotionNode(r, part) == nil {
			return nil
		}
	}
	at := m.placeNext()
	managed := m.is(flagManaged)
	switch {
	case at == nil:
		return nil
	case !managed:
		if m.currentRole() != RolePromoted {
			return nil
		}
	case m.promotion < 0 || !at.usable():
		return nil
	case at.guest() && at.connection.container.placeNext() == nil:
		return nil
	}
	w := r.allowed[at.index]
	if !w.in || managed && int(w.count) >= r.clone.promotedNodeMax {
		return nil
	}
	return at
}
