package scheduler

import (
	"github.com/belay-ha/belay/cluster/policy"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/cluster/transition"
	"github.com/belay-ha/belay/resources"
)

// unpackLocations turns locations and moves into what the policy engine places
// by, and finds where nobody probes.
func (p *planner) unpackLocations() {
	exclusive := map[int][]bool{} // by primitive: the nodes that an exclusive location names
	for i := range p.def.Locations {
		l := &p.def.Locations[i]
		located := p.located(l)
		if asksParams(l) {
			for _, id := range located { // the rule holds for each by itself
				if matched, ok := p.locationNodes(l, resources.ResourceID(id)); ok {
					p.locate(l, []string{id}, matched, exclusive)
				}
			}
			continue
		}
		matched, ok := p.locationNodes(l, "")
		if !ok {
			continue
		}
		if _, inner := p.inner[l.Node]; inner { // the engine knows it by name only
			p.locations = append(p.locations, policy.LocationConfig{
				ID: locationSource(l), Sets: []policy.Set{{Resources: located}}, Discovery: string(l.Discovery), Node: string(l.Node), Score: l.Score.String(), Role: policyRole(l.Role),
			})
			continue
		}
		p.locate(l, located, matched, exclusive)
	}
	for qi := range p.prims {
		named, found := exclusive[qi]
		if !found {
			continue
		}
		for n := range p.nodes {
			if !named[n] {
				p.hide(qi, n)
			}
		}
	}
	p.unpackMoves()
}

// locate places what a location is about by the nodes that it matches.
func (p *planner) locate(l *resources.Location, located []string, matched []bool, exclusive map[int][]bool) {
	p.locations = append(p.locations, policy.LocationConfig{
		ID: locationSource(l), Sets: []policy.Set{{Resources: located}}, Discovery: string(l.Discovery), Rules: p.locationScores(l, matched),
	})
	p.discover(l, located, matched, exclusive)
}

// locationSource is what scores call a location.
func locationSource(l *resources.Location) string { return "location " + l.ID }

// asksParams reports whether a location's rule compares with parameters of what it
// places.
func asksParams(l *resources.Location) bool {
	if l.Rule == "" {
		return false
	}
	rule, err := resources.ParseRule(l.Rule)
	return err == nil && rule.Asks().Params
}

// locationScores says how much the matched nodes are worth: all the same, or each
// what its attribute says. Nodes without the attribute match no more.
func (p *planner) locationScores(l *resources.Location, matched []bool) []policy.LocationRule {
	if l.ScoreAttribute == "" {
		return []policy.LocationRule{{Nodes: matched, Score: l.Score.String(), Role: policyRole(l.Role)}}
	}
	var rules []policy.LocationRule
	for n := range matched {
		value, given := p.nodes[n].attrs[l.ScoreAttribute]
		if matched[n] = matched[n] && given; !matched[n] {
			continue
		}
		only := make([]bool, len(matched))
		only[n] = true
		rules = append(rules, policy.LocationRule{Nodes: only, Score: value, Role: policyRole(l.Role)})
	}
	return rules
}

// located returns what a location places.
func (p *planner) located(l *resources.Location) []string {
	if l.Selector == nil {
		if p.members(l.Resource) == nil && !p.def.Remote(resources.NodeName(l.Resource)) {
			return nil
		}
		return []string{string(l.Resource)}
	}
	var all []string
	if chosen := l.Selector.IDs(); chosen != nil {
		for ui := range p.units {
			if chosen(p.units[ui].id) {
				all = append(all, string(p.units[ui].id))
			}
		}
		return all
	}
	for i := range p.prims {
		if l.Selector.Matches(p.prims[i].res) {
			all = append(all, string(p.prims[i].id))
		}
	}
	return all
}

// locationNodes returns the nodes that a location matches for a resource, which its
// rule may ask for parameters: those of a group are none.
func (p *planner) locationNodes(l *resources.Location, id resources.ResourceID) ([]bool, bool) {
	matched := make([]bool, len(p.nodes))
	if l.Rule == "" {
		n, found := p.byNode[l.Node]
		if found {
			matched[n] = true
		}
		return matched, true // an exclusive location names even an absent node
	}
	rule, err := resources.ParseRule(l.Rule)
	if err != nil {
		p.problem(transition.Problem{
			Code: "bad_rule", Severity: transition.SeverityWarning, Resource: l.Resource,
			Text: "location " + l.ID + " is ignored: " + err.Error(),
		})
		return nil, false
	}
	for n := range p.nodes {
		at := resources.Scene{Attributes: p.nodes[n].attrs, Now: p.now}
		if qi, found := p.byPrim[id]; found {
			at.Params = p.resourceOn(&p.prims[qi], n).Params
		}
		matched[n] = rule.MatchIn(at)
	}
	p.recheck(rule.Changes(p.now))
	return matched, true
}

// discover hides what a location wants not to be looked for from the nodes, and
// notes the nodes of exclusive ones.
func (p *planner) discover(l *resources.Location, located []string, matched []bool, exclusive map[int][]bool) {
	if l.Discovery != resources.DiscoveryNever && l.Discovery != resources.DiscoveryExclusive {
		return
	}
	for _, id := range located {
		for _, qi := range p.members(resources.ResourceID(id)) {
			if exclusive[qi] == nil && l.Discovery == resources.DiscoveryExclusive {
				exclusive[qi] = make([]bool, len(p.nodes))
			}
			for n, match := range matched {
				switch {
				case !match:
				case l.Discovery == resources.DiscoveryNever:
					p.hide(qi, n)
				default:
					exclusive[qi][n] = true
				}
			}
		}
	}
}

// prefer adds a score for a resource on a node.
func (p *planner) prefer(source string, id resources.ResourceID, n int, score resources.Score) {
	p.locations = append(p.locations, policy.LocationConfig{ID: source, Resource: string(id), Node: string(p.nodes[n].name), Score: score.String()})
}

// unpackMoves turns operators' temporary wishes into infinite scores.
func (p *planner) unpackMoves() {
	for ui := range p.units {
		u := &p.units[ui]
		p.unpackMove(p.s.Moves[u.id], u.id)
		for _, qi := range u.prims {
			if id := p.prims[qi].id; id != u.id {
				p.unpackMove(p.s.Moves[id], u.id)
			}
		}
	}
}

func (p *planner) unpackMove(m *state.Move, id resources.ResourceID) {
	if m == nil {
		return
	}
	if !m.Until.IsZero() {
		if !p.now.Before(m.Until) {
			return
		}
		p.recheck(m.Until)
	}
	if n, found := p.byNode[m.To]; found {
		p.prefer("move by "+m.By, id, n, resources.Infinity)
	}
	if n, found := p.byNode[m.From]; found {
		p.prefer("move away by "+m.By, id, n, -resources.Infinity)
	}
}

// ban keeps a primitive off a node.
func (p *planner) ban(prim, node int, source string) {
	if p.prims[prim].unit >= 0 {
		p.prefer(source, p.prims[prim].id, node, -resources.Infinity)
	}
}

func (p *planner) hide(prim, node int) {
	if p.prims[prim].hidden == nil {
		p.prims[prim].hidden = make([]bool, len(p.nodes))
	}
	p.prims[prim].hidden[node] = true
}
