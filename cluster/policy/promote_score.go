package policy

import (
	"github.com/belay-ha/belay/resources"
)

// promotionView is what is known of a promotable clone's instances, by the id
// of a member (of a cloned group) and by node. It answers in constant time what
// would otherwise be looked for in all instances.
type promotionView struct {
	members map[string]*memberView
}

type memberView struct {
	// active is the first instance that is active on a node, known whether the
	// state of any instance was found out there.
	active []*resource
	known  []bool
}

func (e *engine) newPromotionView(r *resource) *promotionView {
	v := &promotionView{members: map[string]*memberView{}}
	for _, m := range r.members {
		m.primitives(func(p *resource) {
			mv := v.members[p.base]
			if mv == nil {
				mv = &memberView{active: make([]*resource, len(e.nodes)), known: make([]bool, len(e.nodes))}
				v.members[p.base] = mv
			}
			for _, n := range p.runningOn {
				if mv.active[n.index] == nil {
					mv.active[n.index] = p
				}
			}
			if len(p.knownOn) > 0 {
				for _, n := range e.nodes {
					if p.knownOn.has(n) {
						mv.known[n.index] = true
					}
				}
			}
		})
	}
	return v
}

// addPromotionScores adds the promotion scores of nodes to what instances think
// of them, so that instances go where they can be promoted. Those with the
// highest scores choose their nodes first.
func (e *engine) addPromotionScores(r *resource) {
	if r.clone == nil || r.clone.scoresMerged {
		return
	}
	r.clone.scoresMerged = true
	view := e.newPromotionView(r)
	for _, m := range r.members {
		for i, n := range e.nodes {
			w := &m.allowed[i]
			if !w.in || !n.usable() {
				continue
			}
			score, _ := e.promotionScore(m, n, view)
			if score > 0 {
				w.score = w.score.Add(score)
				e.note(m, n, sourcePromotion, score)
			}
			m.promotion = max(m.promotion, score)
		}
	}
}

// promotionScore is the promotion score of an instance on a node (of a group,
// the sum of its members'), and whether any was given.
func (e *engine) promotionScore(r *resource, n *node, view *promotionView) (sum resources.Score, given bool) {
	if r.variant != Primitive {
		for _, m := range r.members {
			score, has := e.promotionScore(m, n, view)
			sum += score
			given = given || has
		}
		return sum, given
	}
	if !promotionCounts(r, n, view) {
		return 0, false
	}
	name := r.historyID
	if name == "" {
		name = r.id
	}
	text, has := e.promotionAttribute(r, n, name)
	if !has && !r.is(flagUnique) && r.base != r.id {
		text, has = e.promotionAttribute(r, n, r.base)
	}
	if !has {
		return 0, false
	}
	return parseScoreOr(text, 0), true
}

// promotionCounts reports whether the score that a node gives is about this
// instance: it runs there, or was looked for there and none runs there, or
// nothing is known of it at all.
func promotionCounts(r *resource, n *node, view *promotionView) bool {
	w := r.allowed[n.index]
	if !w.in || w.score < 0 {
		return false
	}
	if !r.is(flagUnique) {
		if mv := view.members[r.base]; mv != nil {
			active := mv.active[n.index]
			if active == r || active == nil && mv.known[n.index] {
				return true
			}
		}
	}
	if len(r.runningOn) == 0 && !r.knownSomewhere() {
		return true
	}
	return len(r.knownOn) > 0 && r.knownOn.has(n) || r.activeOn(n)
}

func (r *resource) knownSomewhere() bool {
	for _, word := range r.knownOn {
		if word != 0 {
			return true
		}
	}
	return false
}

// promotionAttribute reads the node attribute that holds the promotion score.
func (e *engine) promotionAttribute(r *resource, n *node, name string) (string, bool) {
	return e.nodeAttribute(n, "master-"+name, r.meta["container-attribute-target"], !r.is(flagUnassigned))
}
