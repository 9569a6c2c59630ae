package scheduler

import (
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/cluster/transition"
	"github.com/belay-ha/belay/resources"
)

// place is where a location's score goes: to a whole unit, or to one of its
// primitives (prim -1: the unit).
type place struct{ unit, prim int }

// unpackLocations turns locations and moves into rows of scores, and finds
// where nobody probes.
func (p *planner) unpackLocations() {
	exclusive := map[int][]bool{} // by primitive: the nodes that an exclusive location names
	for i := range p.def.Locations {
		l := &p.def.Locations[i]
		matched, ok := p.locationNodes(l)
		if !ok {
			continue
		}
		for _, to := range p.located(l) {
			p.locate(l, to, matched, exclusive)
		}
	}
	for qi := range p.prims {
		named, found := exclusive[qi]
		if !found {
			continue
		}
		for n := range p.nodes {
			if !named[n] {
				p.ban(qi, n, "resource_discovery exclusive elsewhere")
				p.hide(qi, n)
			}
		}
	}
	p.unpackMoves()
}

// located returns what a location places.
func (p *planner) located(l *resources.Location) []place {
	if l.Selector != nil {
		var all []place
		for i := range p.prims {
			if l.Selector.Matches(p.prims[i].res) {
				all = append(all, place{p.prims[i].unit, i})
			}
		}
		return all
	}
	if u, found := p.byUnit[l.Resource]; found {
		return []place{{u, -1}}
	}
	if i, found := p.byPrim[l.Resource]; found {
		return []place{{p.prims[i].unit, i}}
	}
	return nil
}

func (p *planner) locationNodes(l *resources.Location) ([]bool, bool) {
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
		matched[n] = rule.Match(p.nodes[n].attrs)
	}
	return matched, true
}

func (p *planner) locate(l *resources.Location, to place, matched []bool, exclusive map[int][]bool) {
	u := &p.units[to.unit]
	prims := u.prims
	row := u.row
	if to.prim >= 0 {
		prims, row = []int{to.prim}, p.prims[to.prim].row
	}
	if l.Role == resources.RolePromoted {
		first := &p.prims[prims[0]]
		if first.promo == nil {
			first.promo = make([]resources.Score, len(p.nodes))
		}
		row = first.promo
	}
	for n, match := range matched {
		if !match {
			continue
		}
		row[n] = row[n].Add(l.Score)
		u.named[n] = true
		p.note(to.unit, n, l.Role, l.Score, "location ", l.ID)
		if l.Discovery == resources.DiscoveryNever {
			for _, qi := range prims {
				p.hide(qi, n)
			}
		}
	}
	if l.Discovery == resources.DiscoveryExclusive {
		for _, qi := range prims {
			if exclusive[qi] == nil {
				exclusive[qi] = make([]bool, len(p.nodes))
			}
			for n, match := range matched {
				exclusive[qi][n] = exclusive[qi][n] || match
			}
		}
	}
}

// unpackMoves turns operators' temporary wishes into infinite scores.
func (p *planner) unpackMoves() {
	for _, u := range p.placing {
		p.unpackMove(p.s.Moves[p.units[u].id], u)
		for _, qi := range p.units[u].prims {
			if id := p.prims[qi].id; id != p.units[u].id {
				p.unpackMove(p.s.Moves[id], u)
			}
		}
	}
}

func (p *planner) unpackMove(m *state.Move, u int) {
	if m == nil {
		return
	}
	if !m.Until.IsZero() {
		if !p.now.Before(m.Until) {
			return
		}
		p.recheck(m.Until)
	}
	row := p.units[u].row
	if n, found := p.byNode[m.To]; found {
		row[n] = row[n].Add(resources.Infinity)
		p.units[u].named[n] = true
		p.note(u, n, 0, resources.Infinity, "move by ", m.By)
	}
	if n, found := p.byNode[m.From]; found {
		row[n] = -resources.Infinity
		p.note(u, n, 0, -resources.Infinity, "move away by ", m.By)
	}
}

// ban keeps a primitive off a node.
func (p *planner) ban(prim, node int, source string) {
	p.prims[prim].row[node] = -resources.Infinity
	if p.opts.Explain && p.prims[prim].unit >= 0 {
		p.note(p.prims[prim].unit, node, 0, -resources.Infinity, source)
	}
}

func (p *planner) hide(prim, node int) {
	if p.prims[prim].hidden == nil {
		p.prims[prim].hidden = make([]bool, len(p.nodes))
	}
	p.prims[prim].hidden[node] = true
}
