package scheduler

import (
	"cmp"
	"slices"

	"github.com/belay-ha/belay/resources"
)

// placeAnonymous chooses the nodes of a clone whose copies are all alike: those
// that must stay, then the best by score, those where it runs first.
func (p *planner) placeAnonymous(ui int) {
	u := &p.units[ui]
	if len(u.prims) == 0 {
		return
	}
	active := make([]int, len(p.nodes)) // 0 inactive, 1 failed, 2 healthy
	for n := range p.nodes {
		i := p.at(u.prims[0], 0, n)
		switch {
		case i == nil || !i.active():
		case i.failed:
			active[n] = 1
		default:
			active[n] = 2
		}
		if p.pinnedAt(u, n) {
			u.at = append(u.at, n)
		}
	}
	if p.unitStopped(u) || !p.managed(u) {
		return
	}
	row := p.rowFor(ui)
	p.scored(ui, row, 0)
	var open []int
	for n := range row {
		if row[n] >= 0 && p.nodes[n].usable() && !slices.Contains(u.at, n) {
			open = append(open, n)
		}
	}
	slices.SortStableFunc(open, func(a, b int) int {
		return cmp.Or(cmp.Compare(row[b], row[a]), cmp.Compare(active[b], active[a]), cmp.Compare(p.nodes[a].load, p.nodes[b].load))
	})
	free := max(u.max-len(u.at), 0)
	for _, n := range open[:min(free, len(open))] {
		u.at = append(u.at, n)
		p.nodes[n].load += len(u.prims)
	}
	slices.Sort(u.at)
}

// pinnedAt reports whether a copy of an anonymous clone must stay on the node.
func (p *planner) pinnedAt(u *unit, n int) bool {
	for _, qi := range u.prims {
		if i := p.at(qi, 0, n); i != nil && i.pinned && i.active() && !p.nodes[n].unclean {
			return true
		}
	}
	return false
}

// placeNumbered chooses a node for each number of a globally unique clone:
// first those that can stay where they run, then the rest, spread.
func (p *planner) placeNumbered(ui int) {
	u := &p.units[ui]
	u.at = make([]int, u.max)
	siblings := make([]int, len(p.nodes))
	for k := range u.at {
		u.at[k] = p.pinnedOn(u, k)
		if u.at[k] >= 0 {
			siblings[u.at[k]]++
		}
	}
	if p.unitStopped(u) || !p.managed(u) {
		return
	}
	row := p.rowFor(ui)
	p.scored(ui, row, 0)
	fair := p.fairShare(u, row)
	home := make([]int, u.max)
	for k := range home {
		home[k] = -1
		if n, _ := p.home(u.prims[0], k); n >= 0 && row[n] >= 0 && p.nodes[n].usable() {
			home[k] = n
		}
		if n := home[k]; n >= 0 && u.at[k] < 0 && siblings[n] < fair && !p.outbid(u, row, n, siblings) {
			p.settle(u, k, n, siblings)
		}
	}
	// Those that run choose before those that do not, so that none of these
	// takes a place that one of those keeps.
	for _, running := range []bool{true, false} {
		for k := range u.at {
			if u.at[k] < 0 && (home[k] >= 0) == running {
				p.settleBest(u, k, home[k], row, siblings)
			}
		}
	}
}

// settleBest puts a copy on the best node with room, if there is one.
func (p *planner) settleBest(u *unit, k, home int, row []resources.Score, siblings []int) {
	best := -1
	for n := range row {
		if row[n] < 0 || !p.nodes[n].usable() || siblings[n] >= u.nodeMax {
			continue
		}
		if best < 0 || p.roomier(row, n, best, home, siblings) {
			best = n
		}
	}
	if best >= 0 {
		p.settle(u, k, best, siblings)
	}
}

func (p *planner) settle(u *unit, k, n int, siblings []int) {
	u.at[k] = n
	siblings[n]++
	p.nodes[n].load += len(u.prims)
}

// fairShare is how many copies may stay on one node.
func (p *planner) fairShare(u *unit, row []resources.Score) int {
	usable := 0
	for n := range row {
		if row[n] >= 0 && p.nodes[n].usable() {
			usable++
		}
	}
	if usable == 0 {
		return 0
	}
	return min(max(u.max/usable, 1), u.nodeMax)
}

// outbid reports whether a node with room suits the copy better than the one
// where it runs, stickiness counted in.
func (p *planner) outbid(u *unit, row []resources.Score, current int, siblings []int) bool {
	sticky := resources.Score(0)
	for _, qi := range u.prims {
		sticky = sticky.Add(p.prims[qi].stickiness)
	}
	here := row[current].Add(sticky)
	for n := range row {
		if n != current && p.nodes[n].usable() && siblings[n] < u.nodeMax && row[n] > here {
			return true
		}
	}
	return false
}

func (p *planner) roomier(row []resources.Score, a, b, home int, siblings []int) bool {
	switch {
	case row[a] != row[b]:
		return row[a] > row[b]
	case siblings[a] != siblings[b]:
		return siblings[a] < siblings[b]
	case a == home || b == home:
		return a == home
	default:
		return p.nodes[a].load < p.nodes[b].load
	}
}
