package scheduler

import (
	"cmp"
	"math"
	"slices"
	"strings"

	"github.com/belay-ha/belay/resources"
)

// colocation places dep relative to with. Members are indexes into their
// units' primitives.
type colocation struct {
	id                string
	dep, depMember    int
	with, withMember  int
	depRole, withRole resources.Role
	score             resources.Score
	attr              string
	influence         bool
}

// unpackColocations resolves the definition's colocations, the ones that bind
// first: infinite scores, then the others (Pacemaker applies them in that
// order). A score of 0 says nothing.
func (p *planner) unpackColocations() {
	for i := range p.def.Colocations {
		c := &p.def.Colocations[i]
		if c.Score == 0 {
			continue
		}
		dep, depMember, ok := p.side(c.Resource, c.Score, false)
		with, withMember, found := p.side(c.With, c.Score, true)
		if !ok || !found || dep == with {
			continue
		}
		critical := p.prims[p.units[dep].prims[depMember]].critical
		p.colocations = append(p.colocations, colocation{
			id: c.ID, dep: dep, depMember: depMember, with: with, withMember: withMember,
			depRole: c.Role, withRole: c.WithRole, score: c.Score, attr: c.NodeAttribute,
			influence: resources.Or(c.Influence, critical),
		})
	}
	slices.SortStableFunc(p.colocations, func(a, b colocation) int {
		return cmp.Or(cmp.Compare(b2i(finite(a.score)), b2i(finite(b.score))), cmp.Compare(p.units[b.with].priority, p.units[a.with].priority))
	})
	for i := range p.colocations {
		c := &p.colocations[i]
		p.units[c.dep].deps = append(p.units[c.dep].deps, i)
		p.units[c.with].withs = append(p.units[c.with].withs, i)
	}
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// side finds the unit and the member that one end of a colocation means. A
// group stands for its first member; as the primary of an infinite score, for
// its last.
func (p *planner) side(id resources.ResourceID, score resources.Score, primary bool) (unit, member int, ok bool) {
	if u, found := p.byUnit[id]; found {
		if primary && score >= resources.Infinity {
			member = len(p.units[u].prims) - 1
		}
		return u, member, len(p.units[u].prims) > 0
	}
	if i, found := p.byPrim[id]; found {
		u := p.prims[i].unit
		return u, slices.Index(p.units[u].prims, i), true
	}
	return 0, 0, false
}

// value returns what a colocation compares on a node; "" matches nothing.
func (p *planner) value(n int, attr string) string {
	if attr == "" || attr == "#uname" {
		return string(p.nodes[n].name)
	}
	return strings.ToLower(p.nodes[n].attrs[attr])
}

// beside returns the nodes that count as those where the primary runs in the
// wanted role, and whether it runs anywhere.
func (p *planner) beside(c *colocation) (match []bool, any bool) {
	u := &p.units[c.with]
	match = make([]bool, len(p.nodes))
	for k, n := range u.at {
		if n < 0 || !p.memberRuns(u, c.withMember, p.copyOf(u, k), n) || (c.withRole == resources.RolePromoted && !u.prom[k]) {
			continue
		}
		any = true
		if c.attr == "" {
			match[n] = true
			continue
		}
		value := p.value(n, c.attr)
		for other := range p.nodes {
			match[other] = match[other] || (value != "" && p.value(other, c.attr) == value)
		}
	}
	return match, any
}

// applyColocation adds to row what the placed primary means for the dependent.
// Finite scores are taken back if no usable node would remain.
func (p *planner) applyColocation(c *colocation, row []resources.Score, notes bool, role resources.Role) {
	if p.units[c.with].state != placed {
		return // colocations in a circle: the primary comes later and follows
	}
	match, any := p.beside(c)
	if !any && c.score < 0 {
		return
	}
	before := row
	if finite(c.score) {
		before = slices.Clone(row)
	}
	for n := range row {
		add := resources.Score(0)
		switch {
		case !any:
			add = -c.score
		case match[n] && c.score < resources.Infinity:
			add = c.score
		case !match[n] && c.score >= resources.Infinity:
			add = -resources.Infinity
		}
		row[n] = row[n].Add(add)
	}
	if finite(c.score) && p.anyUsable(before) && !p.anyUsable(row) {
		copy(row, before)
		return
	}
	if notes && p.opts.Explain {
		for n := range row {
			switch {
			case !any:
				p.note(c.dep, n, role, -c.score, "colocation ", c.id, ": ", string(p.units[c.with].id), " runs nowhere")
			case match[n] && c.score < resources.Infinity:
				p.note(c.dep, n, role, c.score, "colocation ", c.id)
			case !match[n] && c.score >= resources.Infinity:
				p.note(c.dep, n, role, -resources.Infinity, "colocation ", c.id)
			}
		}
	}
}

func (p *planner) anyUsable(row []resources.Score) bool {
	for n := range row {
		if row[n] >= 0 && p.nodes[n].usable() {
			return true
		}
	}
	return false
}

// wishes returns the unit's base row with what those who want to be with it
// wish, along the chain of dependents. The result must not be changed.
//
// It stays valid for the whole run: dependents are placed after what they
// depend on, but for loops, which count once.
func (p *planner) wishes(u int) []resources.Score {
	unit := &p.units[u]
	if unit.wish != nil {
		return unit.wish
	}
	unit.wish = p.base(u)
	if len(unit.withs) == 0 {
		return unit.wish
	}
	row := slices.Clone(unit.wish)
	for _, ci := range unit.withs {
		c := &p.colocations[ci]
		if c.depRole != resources.RolePromoted && c.withRole != resources.RolePromoted {
			p.addWish(c, row, 0)
		}
	}
	unit.wish = row
	return row
}

// addWish adds to the primary's row what one dependent wishes: for each node
// the best that the dependent finds where the attribute has the same value,
// times the colocation's strength.
func (p *planner) addWish(c *colocation, row []resources.Score, role resources.Role) {
	dep := &p.units[c.dep]
	if dep.state == placed || (!c.influence && p.unitActive(c.with)) || p.unitStopped(dep) {
		return
	}
	depRow := p.wishes(c.dep)
	before := slices.Clone(row)
	factor := float64(float32(c.score) / float32(resources.Infinity))
	for n := range row {
		best := p.bestBeside(depRow, n, c.attr)
		if factor < 0 && best < 0 {
			continue
		}
		row[n] = row[n].Add(scale(best, factor))
	}
	if p.anyUsable(before) && !p.anyUsable(row) {
		copy(row, before)
		return
	}
	if p.opts.Explain {
		for n := range row {
			if best := p.bestBeside(depRow, n, c.attr); best != 0 && (factor > 0 || best > 0) {
				p.note(c.with, n, role, scale(best, factor), "wish of ", string(dep.id), " by colocation ", c.id)
			}
		}
	}
}

func (p *planner) bestBeside(row []resources.Score, n int, attr string) resources.Score {
	if attr == "" {
		if !p.nodes[n].usable() {
			return -resources.Infinity
		}
		return row[n]
	}
	best, value := -resources.Infinity, p.value(n, attr)
	for other := range row {
		if p.nodes[other].usable() && value != "" && p.value(other, attr) == value {
			best = max(best, row[other])
		}
	}
	return best
}

// scale multiplies a score, away from zero at halves and never to zero.
func scale(s resources.Score, factor float64) resources.Score {
	if s == 0 || factor == 0 {
		return 0
	}
	product := float64(s) * factor
	rounded := resources.Score(math.Round(product))
	if rounded == 0 {
		rounded = resources.Score(math.Copysign(1, product))
	}
	return min(max(rounded, -resources.Infinity), resources.Infinity)
}

func finite(s resources.Score) bool { return s > -resources.Infinity && s < resources.Infinity }
