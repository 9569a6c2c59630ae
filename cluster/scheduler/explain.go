package scheduler

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/belay-ha/belay/cluster/transition"
	"github.com/belay-ha/belay/resources"
)

type scoreKey struct {
	unit, node int
	role       resources.Role
}

// note records what gave a part of a score. It costs nothing unless an
// explanation was asked for.
func (p *planner) note(unit, node int, role resources.Role, value resources.Score, source ...string) {
	if !p.opts.Explain || value == 0 {
		return
	}
	s := p.score(unit, node, role)
	s.Parts = append(s.Parts, transition.Part{Source: strings.Join(source, ""), Value: value})
}

func (p *planner) score(unit, node int, role resources.Role) *transition.Score {
	if role != resources.RolePromoted {
		role = resources.RoleUnknown
	}
	if p.explains == nil {
		p.explains = map[scoreKey]*transition.Score{}
	}
	key := scoreKey{unit, node, role}
	if p.explains[key] == nil {
		p.explains[key] = &transition.Score{Resource: p.units[unit].id, Node: p.nodes[node].name, Role: role}
	}
	return p.explains[key]
}

// scored records the sums that a placement was made by.
func (p *planner) scored(unit int, row []resources.Score, role resources.Role) {
	if !p.opts.Explain {
		return
	}
	for n := range row {
		p.score(unit, n, role).Value = row[n]
	}
}

func (p *planner) scoredPromotion(unit int, value []resources.Score) {
	if !p.opts.Explain {
		return
	}
	for k, n := range p.units[unit].at {
		if n >= 0 {
			p.score(unit, n, resources.RolePromoted).Value = value[k]
		}
	}
}

// explain writes the placements and the scores, in the definition's order.
func (p *planner) explain() {
	if !p.opts.Explain {
		return
	}
	for ui := range p.units {
		u := &p.units[ui]
		for k, n := range u.at {
			placement := transition.Placement{Resource: u.id, Role: resources.RoleStopped, Reason: p.unplacedReason(u)}
			if u.unique {
				placement.Instance = resources.NumberedInstance(u.id, k)
			}
			if n >= 0 {
				placement.Node, placement.Role, placement.Reason = p.nodes[n].name, resources.RoleStarted, p.placedReason(u, k, n)
				if u.prom[k] {
					placement.Role = resources.RolePromoted
				}
			}
			p.t.Placements = append(p.t.Placements, placement)
		}
	}
	keys := slices.SortedFunc(maps.Keys(p.explains), func(a, b scoreKey) int {
		return cmp.Or(cmp.Compare(a.unit, b.unit), cmp.Compare(a.role, b.role), cmp.Compare(a.node, b.node))
	})
	for _, key := range keys {
		p.t.Scores = append(p.t.Scores, *p.explains[key])
	}
}

func (p *planner) unplacedReason(u *unit) string {
	if p.unitStopped(u) && len(u.prims) > 0 {
		return p.prims[u.prims[0]].stopWhy
	}
	if !p.managed(u) {
		return "it is unmanaged and was not running"
	}
	return "no node may run it"
}

func (p *planner) placedReason(u *unit, k, n int) string {
	i := p.at(u.prims[0], p.copyOf(u, k), n)
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
