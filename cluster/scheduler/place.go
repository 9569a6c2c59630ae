package scheduler

import (
	"slices"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/resources"
)

// place chooses the unit's nodes, after those of everything it depends on.
func (p *planner) place(ui int) {
	u := &p.units[ui]
	if u.state != unplaced {
		return // done, or part of a loop of colocations: then it counts as unplaced
	}
	u.state = inPlacement
	for _, ci := range u.deps {
		p.place(p.colocations[ci].with)
	}
	switch {
	case u.clone == nil:
		p.placeSingle(ui)
	case u.unique:
		p.placeNumbered(ui)
	default:
		p.placeAnonymous(ui)
	}
	if u.prom == nil {
		u.prom = make([]bool, len(u.at))
	}
	if u.promotable {
		p.promote(ui)
	}
	u.state = placed
}

// base returns the unit's scores by node before anything is placed: what
// locations say to it and to its members, bans, and stickiness.
func (p *planner) base(ui int) []resources.Score {
	u := &p.units[ui]
	row := slices.Clone(u.row)
	if !resources.Or(p.def.Properties.SymmetricCluster, true) {
		for n := range row {
			if !u.named[n] {
				row[n] = -resources.Infinity
				p.note(ui, n, 0, -resources.Infinity, "the cluster is not symmetric")
			}
		}
	}
	for k, qi := range u.prims {
		before := row
		if k > 0 {
			before = slices.Clone(row)
		}
		for n, s := range p.prims[qi].row {
			row[n] = row[n].Add(s)
		}
		// A later member that can run nowhere does not keep the earlier ones
		// from running.
		if k > 0 && p.anyUsable(before) && !p.anyUsable(row) {
			row = before
		}
	}
	for _, qi := range u.prims {
		p.addStickiness(ui, qi, row)
	}
	if u.promotable {
		p.addPromotionScores(ui, row)
	}
	return row
}

// addStickiness adds the stickiness of one member where it is active: for a
// copy that may run once, only if it does.
func (p *planner) addStickiness(ui, qi int, row []resources.Score) {
	q, u := &p.prims[qi], &p.units[ui]
	if q.stickiness < 1 || !q.managed {
		return
	}
	stick := func(n int) {
		row[n] = row[n].Add(q.stickiness)
		p.note(ui, n, 0, q.stickiness, "stickiness")
	}
	switch {
	case u.unique: // each number has its own; see placeNumbered
	case u.clone != nil:
		active := 0
		for _, k := range q.insts {
			if i := &p.insts[k]; i.active() && i.copy >= 0 {
				active++
				stick(i.node)
			}
		}
		for _, n := range p.lastRan(qi, 0, u.max-active) {
			stick(n)
		}
	default:
		if n, once := p.home(qi, 0); once {
			stick(n)
		}
	}
}

// home returns the node where a copy is active, or where it was until it was
// stopped a moment ago: a restart stays where it is although the plan is made
// anew after its stop.
func (p *planner) home(qi, copy int) (node int, once bool) {
	if n, once := p.activeOn(qi, copy); n >= 0 {
		return n, once
	}
	if last := p.lastRan(qi, copy, 1); len(last) == 1 {
		return last[0], true
	}
	return -1, false
}

// lastRan returns up to count nodes where a copy ran last, the latest first:
// where the last that happened to it was a stop that worked, or a monitor that
// found it stopped.
func (p *planner) lastRan(qi, copy, count int) []int {
	if count <= 0 || len(p.prims[qi].ids) == 0 {
		return nil
	}
	id := p.prims[qi].ids[copy]
	var nodes []int
	for n := range p.nodes {
		i := p.nodes[n].st.Instances[id]
		if i == nil || i.Role != resources.RoleStopped || i.Action != "" || !p.nodes[n].usable() {
			continue
		}
		if i.Outcome == agents.OutcomeOK || (i.Failed && i.FailedOp == resources.OpMonitor) {
			nodes = append(nodes, n)
		}
	}
	slices.SortStableFunc(nodes, func(a, b int) int {
		return p.nodes[b].st.Instances[id].Since.Compare(p.nodes[a].st.Instances[id].Since)
	})
	return nodes[:min(count, len(nodes))]
}

// activeOn returns the node where a copy is active, and whether that is the
// only one.
func (p *planner) activeOn(qi, copy int) (node int, once bool) {
	node = -1
	count := 0
	for _, k := range p.prims[qi].insts {
		i := &p.insts[k]
		if i.copy != copy || !i.active() || p.nodes[i.node].gone {
			continue
		}
		count++
		if node < 0 || p.nodes[node].unclean {
			node = i.node
		}
	}
	return node, count == 1
}

func (p *planner) unitActive(ui int) bool {
	for _, qi := range p.units[ui].prims {
		for _, k := range p.prims[qi].insts {
			if p.insts[k].active() {
				return true
			}
		}
	}
	return false
}

// unitStopped reports whether no member of the unit may run.
func (p *planner) unitStopped(u *unit) bool { return len(u.prims) == 0 || p.prims[u.prims[0]].stopped }

// memberRuns reports whether a member may run on the node that its copy was
// put on: it and all before it in the group are wanted and allowed there.
func (p *planner) memberRuns(u *unit, member, copy, n int) bool {
	for _, qi := range u.prims[:member+1] {
		if p.prims[qi].stopped || p.prims[qi].row[n] < 0 {
			if i := p.at(qi, copy, n); i != nil && i.pinned && i.active() {
				continue
			}
			return false
		}
	}
	return true
}

// rowFor returns the unit's scores with the wishes of its dependents and with
// what its primaries, which are placed, mean for it.
func (p *planner) rowFor(ui int) []resources.Score {
	row := slices.Clone(p.wishes(ui))
	for _, ci := range p.units[ui].deps {
		c := &p.colocations[ci]
		if c.depRole != resources.RolePromoted {
			p.applyColocation(c, row, true, 0)
		}
	}
	return row
}

// placeSingle chooses the one node of a primitive or group.
func (p *planner) placeSingle(ui int) {
	u := &p.units[ui]
	u.at = []int{-1}
	if n := p.pinnedOn(u, 0); n >= 0 {
		u.at[0] = n
		return
	}
	if p.unitStopped(u) || !p.managed(u) {
		return
	}
	row := p.rowFor(ui)
	current, _ := p.home(u.prims[0], 0)
	n := p.choose(row, current)
	u.at[0] = n
	if n >= 0 {
		p.nodes[n].load += len(u.prims)
	}
	p.scored(ui, row, 0)
}

func (p *planner) managed(u *unit) bool {
	return len(u.prims) > 0 && p.prims[u.prims[0]].managed
}

// pinnedOn returns the node where a copy must stay, or -1.
func (p *planner) pinnedOn(u *unit, copy int) int {
	for _, qi := range u.prims {
		for _, k := range p.prims[qi].insts {
			if i := &p.insts[k]; i.copy == copy && i.pinned && i.active() && !p.nodes[i.node].unclean {
				return i.node
			}
		}
	}
	return -1
}

// choose returns the best usable node, or -1: by score, then by how little was
// put there in this run, then the current node, then by name. The current node
// also wins over emptier ones when its score equals the best and is positive
// (Pacemaker's pcmk__assign_primitive).
func (p *planner) choose(row []resources.Score, current int) int {
	best := -1
	for n := range row {
		if row[n] < 0 || !p.nodes[n].usable() {
			continue
		}
		if best < 0 || p.better(row, n, best, current) {
			best = n
		}
	}
	if best >= 0 && current >= 0 && p.nodes[current].usable() && row[best] > 0 && row[current] == row[best] {
		return current
	}
	return best
}

func (p *planner) better(row []resources.Score, a, b, current int) bool {
	switch {
	case row[a] != row[b]:
		return row[a] > row[b]
	case p.nodes[a].load != p.nodes[b].load:
		return p.nodes[a].load < p.nodes[b].load
	default:
		return a == current // the one with the smaller name comes first anyway
	}
}
