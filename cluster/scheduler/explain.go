package scheduler

import (
	"cmp"
	"slices"
	"strings"

	"github.com/belay-ha/belay/cluster/transition"
	"github.com/belay-ha/belay/resources"
)

// explain writes the placements and the scores, in the definition's order.
func (p *planner) explain() {
	if !p.opts.Explain {
		return
	}
	for ui := range p.units {
		p.explainUnit(&p.units[ui])
	}
	p.explainScores()
}

func (p *planner) explainUnit(u *unit) {
	placement := transition.Placement{Resource: u.id, Role: resources.RoleStopped}
	if u.bundle != nil {
		p.explainBundle(u)
		return
	}
	runs := make([]bool, u.max)
	for _, key := range p.placedOf(u) {
		if key.prim != u.prims[0] {
			continue // the others of a group follow the first
		}
		here := placement
		if u.unique {
			here.Instance = resources.NumberedInstance(u.id, key.copy)
		}
		runs[key.copy] = true
		here.Node, here.Role, here.Reason = p.nodes[key.node].name, u.at[key], p.placedReason(key)
		p.t.Placements = append(p.t.Placements, here)
	}
	placement.Reason = p.unplacedReason(u)
	for copy := range runs {
		if runs[copy] || (!u.unique && slices.Contains(runs, true)) {
			continue
		}
		if u.unique {
			placement.Instance = resources.NumberedInstance(u.id, copy)
		}
		p.t.Placements = append(p.t.Placements, placement)
		if !u.unique {
			break
		}
	}
}

// explainBundle gives the place of each part.
func (p *planner) explainBundle(u *unit) {
	placed := map[int]bool{}
	for _, key := range p.placedOf(u) {
		placed[key.prim] = true
		p.t.Placements = append(p.t.Placements, transition.Placement{Resource: p.prims[key.prim].id, Node: p.nodes[key.node].name, Role: u.at[key], Reason: p.placedReason(key)})
	}
	for _, qi := range u.prims {
		if !placed[qi] {
			p.t.Placements = append(p.t.Placements, transition.Placement{Resource: p.prims[qi].id, Role: resources.RoleStopped, Reason: p.unplacedReason(u)})
		}
	}
}

// explainScores gives each primitive's scores. The copies of an anonymous clone
// differ in nothing but where they were put: the one on a node speaks for it.
func (p *planner) explainScores() {
	type key struct {
		resource string
		node     string
	}
	best, rules := map[key]int{}, p.locationRules()
	for i, s := range p.scores {
		id := s.Resource
		if base, _, numbered := strings.Cut(id, ":"); numbered && !p.numbered(base) {
			id = base
		}
		if base, _, _ := strings.Cut(id, ":"); !p.known(base) {
			continue // the connection of a remote node
		}
		k := key{id, s.Node}
		if old, found := best[k]; !found || (s.Placed && !p.scores[old].Placed) {
			best[k] = i
		}
	}
	for k, i := range best {
		s := p.scores[i]
		place := transition.Score{Resource: resources.ResourceID(k.resource), Node: resources.NodeName(k.node), Value: s.Value}
		promotion := transition.Score{Resource: place.Resource, Node: place.Node, Role: resources.RolePromoted}
		for _, part := range s.Parts {
			told := transition.Part{Source: part.Source, Value: part.Value, Rule: rules[part.Source]}
			if qi, known := p.byPrim[place.Resource]; known && told.Source == "target-role" && p.prims[qi].ticket != "" {
				told.Source = p.prims[qi].ticket
			}
			if part.Promotion {
				promotion.Value = promotion.Value.Add(part.Value)
				promotion.Parts = append(promotion.Parts, told)
			} else {
				place.Parts = append(place.Parts, told)
			}
		}
		p.t.Scores = append(p.t.Scores, place)
		if len(promotion.Parts) > 0 {
			p.t.Scores = append(p.t.Scores, promotion)
		}
	}
	slices.SortFunc(p.t.Scores, func(a, b transition.Score) int {
		return cmp.Or(cmp.Compare(p.rank(a.Resource), p.rank(b.Resource)), cmp.Compare(a.Resource, b.Resource), cmp.Compare(a.Role, b.Role), cmp.Compare(a.Node, b.Node))
	})
}

// locationRules returns the rules of locations, by what scores call these.
func (p *planner) locationRules() map[string]string {
	rules := map[string]string{}
	for i := range p.def.Locations {
		rules[locationSource(&p.def.Locations[i])] = p.def.Locations[i].Rule
	}
	return rules
}

func (p *planner) known(id string) bool {
	_, found := p.byPrim[resources.ResourceID(id)]
	return found
}

// numbered reports whether the copies of a primitive have numbers of their own.
func (p *planner) numbered(id string) bool {
	qi, found := p.byPrim[resources.ResourceID(id)]
	return found && p.units[p.prims[qi].unit].unique
}

// rank is a primitive's place in the definition.
func (p *planner) rank(id resources.ResourceID) int {
	base, _, _ := strings.Cut(string(id), ":")
	return p.byPrim[resources.ResourceID(base)]
}

func (p *planner) unplacedReason(u *unit) string {
	if p.unitStopped(u) && len(u.prims) > 0 {
		return p.prims[u.prims[0]].stopWhy
	}
	if !p.managed(u) {
		if held := p.heldBy(&p.prims[u.prims[0]], -1); held != nil {
			return held.Why + ", and it was not running"
		}
		return "it is unmanaged and was not running"
	}
	return "no node may run it"
}

func (p *planner) placedReason(key placeKey) string {
	i := p.at(key.prim, key.copy, key.node)
	switch {
	case i == nil:
		return ""
	case i.pinned:
		return "left as it is: " + i.pinWhy
	case i.why != "":
		return i.why
	case i.active():
		return "runs here"
	default:
		return "best score"
	}
}
