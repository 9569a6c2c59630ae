package scheduler

import (
	"strings"

	"github.com/belay-ha/belay/resources"
)

// colocation is an infinite one, which outlives placement: what must be with
// something stops when that cannot run after all, and what must be apart leaves
// before the other arrives. Its sides are indexes of primitives.
type colocation struct {
	id                string
	dep, with         int
	depRole, withRole resources.Role
	apart             bool
	attr              string
}

// unpackColocations resolves the definition's infinite colocations.
func (p *planner) unpackColocations() {
	for i := range p.def.Colocations {
		c := &p.def.Colocations[i]
		if c.Score < resources.Infinity && c.Score > -resources.Infinity {
			continue
		}
		dep, ok := p.side(c.Resource, false)
		with, found := p.side(c.With, c.Score >= resources.Infinity)
		if !ok || !found || p.prims[dep].unit == p.prims[with].unit {
			continue
		}
		p.colocations = append(p.colocations, colocation{
			id: c.ID, dep: dep, with: with, depRole: c.Role, withRole: c.WithRole, apart: c.Score < 0, attr: c.NodeAttribute,
		})
	}
}

// side finds the primitive that one end of a colocation means. A group stands
// for its first member; as the primary of an infinite score, for its last.
func (p *planner) side(id resources.ResourceID, primary bool) (prim int, ok bool) {
	if u, found := p.byUnit[id]; found {
		if p.units[u].bundle != nil {
			return 0, false // its replicas are where the engine put them
		}
		prims := p.units[u].prims
		if len(prims) == 0 {
			return 0, false
		}
		if primary {
			return prims[len(prims)-1], true
		}
		return prims[0], true
	}
	prim, ok = p.byPrim[id]
	return prim, ok
}

// value returns what a colocation compares on a node; "" matches nothing.
func (p *planner) value(n int, attr string) string {
	if attr == "" || attr == "#uname" {
		return string(p.nodes[n].name)
	}
	return strings.ToLower(p.nodes[n].attrs[attr])
}
