package scheduler

import (
	"fmt"
	"slices"

	"github.com/belay-ha/belay/cluster/transition"
	"github.com/belay-ha/belay/internal/mutant"
	"github.com/belay-ha/belay/resources"
)

// orderActions adds every edge between actions.
func (p *planner) orderActions() {
	var rising []int // of one primitive: the instances that are started or promoted
	for qi := range p.prims {
		q := &p.prims[qi]
		p.probeUnfenced(q)
		rising = rising[:0]
		for _, k := range q.insts {
			if i := &p.insts[k]; i.acts[actStart] >= 0 || i.acts[actPromote] >= 0 {
				rising = append(rising, k)
			}
		}
		if len(rising) == 0 {
			continue
		}
		p.afterProbes(q, rising)
		p.afterFencing(q, rising)
		p.afterUnfencing(q, rising)
		if q.unit >= 0 {
			p.withinLimits(q, rising)
		}
	}
	p.orderedClones()
	p.apart()
	p.innerEdges()
	p.orderByDefinition()
	p.migrationEdges()
	p.serialize()
	p.migrationEdges() // what serializes, too
}

// raise adds an edge from an action to the instance's start and promotion.
func (p *planner) raise(before int32, i *inst) {
	p.edge(before, i.acts[actStart], false)
	p.edge(before, i.acts[actPromote], false)
}

// afterProbes: nothing is started or promoted before it is known everywhere
// what is there.
func (p *planner) afterProbes(q *prim, rising []int) {
	p.probes = p.probes[:0]
	for _, k := range q.insts {
		if probe := p.insts[k].acts[actProbe]; probe >= 0 {
			p.probes = append(p.probes, probe)
		}
	}
	for _, k := range rising {
		for _, at := range [...]int32{p.insts[k].acts[actStart], p.insts[k].acts[actPromote]} {
			if at >= 0 && p.acts[at].InFlight == "" {
				p.links[at].after = append(p.links[at].after, p.probes...)
			}
		}
	}
}

// afterFencing: nothing that may be active on a lost node is started or
// promoted before that node is proven dead, unless the resource opts out
// (requires quorum or nothing).
func (p *planner) afterFencing(q *prim, rising []int) {
	if q.requires != resources.RequiresFencing && q.requires != resources.RequiresUnfencing || mutant.Is(mutant.RecoverUnproven) {
		return
	}
	for _, lk := range q.insts {
		lost := &p.insts[lk]
		n := &p.nodes[lost.node]
		if !n.unclean || !lost.mayRun() {
			continue
		}
		for _, k := range rising {
			i := &p.insts[k]
			switch {
			case n.fence >= 0:
				p.raise(int32(n.fence), i)
			case n.hold != "":
				p.wait(i.acts[actStart], n.hold)
				p.wait(i.acts[actPromote], n.hold)
			}
		}
	}
}

func (p *planner) wait(at int32, why string) {
	if at >= 0 && p.acts[at].InFlight == "" && p.acts[at].Wait == "" {
		p.acts[at].Wait = why
	}
}

// withinLimits: what takes the place of another copy starts when that is gone;
// likewise for promotion. A copy that only restarts keeps its place.
func (p *planner) withinLimits(q *prim, rising []int) {
	u := &p.units[q.unit]
	taken, promoted := 0, 0
	perNode := make([]int, len(p.nodes))
	for _, k := range q.insts {
		i := &p.insts[k]
		if i.now.Active() || i.active() || i.acts[actStart] >= 0 {
			taken++
			perNode[i.node]++
		}
		if i.now == resources.RolePromoted || i.cur == resources.RolePromoted || i.acts[actPromote] >= 0 {
			promoted++
		}
	}
	for _, sk := range q.insts {
		leaving := &p.insts[sk]
		stop, lower := leaving.acts[actStop], p.lowering(leaving)
		if stop < 0 && lower < 0 {
			continue
		}
		for _, k := range rising {
			i := &p.insts[k]
			if k == sk {
				continue
			}
			same := leaving.copy < 0 || (i.copy == leaving.copy && (u.clone == nil || u.unique))
			fresh := !i.now.Active() && !i.active() && !leaving.tgt.Active()
			full := taken > u.max || (i.node == leaving.node && perNode[i.node] > u.nodeMax)
			if (same || (fresh && full)) && !mutant.Is(mutant.StartBeforeStop) {
				p.edge(stop, i.acts[actStart], false)
			}
			if promoted > u.promotedMax && !mutant.Is(mutant.PromoteBeforeDemote) && leaving.tgt < resources.RolePromoted && i.now < resources.RolePromoted {
				p.edge(lower, i.acts[actPromote], false)
			}
		}
	}
}

// lowering returns the action that ends an instance's promotion, or -1.
func (p *planner) lowering(i *inst) int32 {
	if i.acts[actDemote] >= 0 {
		return i.acts[actDemote]
	}
	if i.now == resources.RolePromoted {
		return i.acts[actStop]
	}
	return -1
}

// orderedClones starts the copies of an ordered clone one after another and
// stops them in reverse.
func (p *planner) orderedClones() {
	for ui := range p.units {
		u := &p.units[ui]
		if u.clone == nil || !u.clone.Ordered {
			continue
		}
		for _, qi := range u.prims {
			start, stop := int32(-1), int32(-1)
			insts := slices.Clone(p.prims[qi].insts)
			slices.SortFunc(insts, func(a, b int) int {
				if d := p.insts[a].copy - p.insts[b].copy; d != 0 {
					return d
				}
				return p.insts[a].node - p.insts[b].node
			})
			for _, k := range insts {
				i := &p.insts[k]
				if at := i.acts[actStart]; at >= 0 {
					p.edge(start, at, false)
					start = at
				}
				if at := i.acts[actStop]; at >= 0 {
					p.edge(at, stop, false)
					stop = at
				}
			}
		}
	}
}

// apart: where two resources must not be together, the one leaves before the
// other arrives.
func (p *planner) apart() {
	for k := range p.colocations {
		c := &p.colocations[k]
		if !c.apart || c.attr != "" {
			continue
		}
		dep, with := p.prims[c.dep].insts, p.prims[c.with].insts
		for _, d := range dep {
			for _, w := range with {
				if a, b := &p.insts[d], &p.insts[w]; a.node == b.node {
					p.leaveFirst(c.depRole, a, c.withRole, b)
					p.leaveFirst(c.withRole, b, c.depRole, a)
				}
			}
		}
	}
}

// leaveFirst orders the end of a's role before the beginning of b's. What is not
// promoted, where that is the role, also ends by a promotion and begins by a demotion.
func (p *planner) leaveFirst(aRole resources.Role, a *inst, bRole resources.Role, b *inst) {
	ends, begins := []int32{a.acts[actStop]}, []int32{b.acts[actStart]}
	switch {
	case aRole == resources.RolePromoted:
		ends[0] = p.lowering(a)
	case aRole == resources.RoleStarted && p.units[p.prims[a.prim].unit].promotable:
		ends = append(ends, a.acts[actPromote])
	}
	switch {
	case bRole == resources.RolePromoted:
		begins[0] = b.acts[actPromote]
	case bRole == resources.RoleStarted && p.units[p.prims[b.prim].unit].promotable:
		begins = append(begins, b.acts[actDemote])
	}
	for _, before := range ends {
		for _, after := range begins {
			p.edge(before, after, false)
		}
	}
}

// breakLoops adds the optional edges that make no loop, and holds back what
// mandatory orders make wait for itself: a definition that Validate refuses can
// still come from an older version. It is false where a live migration goes round
// in a loop: then the plan has to be made without it.
func (p *planner) breakLoops() bool {
	p.link()
	for loop := transition.Cycle(p.acts); loop != nil; loop = transition.Cycle(p.acts) {
		if p.giveUpLive(loop) {
			return false
		}
		p.holdLoop(loop)
		p.link()
	}
	p.addSoft()
	return true
}

// addSoft adds the edges of optional orders, but for those that would make a
// loop. It lays the actions out so that each comes after what it waits for and,
// where it can, after what it should wait for; when nothing can come next but
// against an optional order, the first action in the plan's order goes ahead.
func (p *planner) addSoft() {
	if !slices.ContainsFunc(p.links, func(l links) bool { return len(l.soft) > 0 }) {
		return
	}
	hard, soft := make([]int, len(p.acts)), make([]int, len(p.acts))
	type out struct {
		to   int32
		soft bool
	}
	next := make([][]out, len(p.acts))
	for i := range p.acts {
		hard[i], soft[i] = len(p.links[i].after), len(p.links[i].soft)
		for _, before := range p.links[i].after {
			next[before] = append(next[before], out{int32(i), false})
		}
		for _, before := range p.links[i].soft {
			next[before] = append(next[before], out{int32(i), true})
		}
	}
	laid := make([]bool, len(p.acts))
	var ready []int32
	for i := range p.acts {
		if hard[i] == 0 && soft[i] == 0 {
			ready = append(ready, int32(i))
		}
	}
	for at, behind, done := 0, 0, 0; done < len(p.acts); done++ {
		if at == len(ready) {
			for laid[behind] || hard[behind] > 0 {
				behind++
			}
			ready = append(ready, int32(behind))
		}
		i := ready[at]
		at++
		laid[i] = true
		for _, before := range p.links[i].soft {
			if laid[before] {
				p.links[i].after = append(p.links[i].after, before)
			}
		}
		for _, n := range next[i] {
			if n.soft {
				soft[n.to]--
			} else {
				hard[n.to]--
			}
			if hard[n.to] == 0 && soft[n.to] == 0 && !laid[n.to] {
				ready = append(ready, n.to)
			}
		}
		if behind > int(i) {
			behind = 0 // an earlier action may have become free
		}
	}
}

// holdLoop takes the edges of a loop out and makes its actions wait for an
// operator.
func (p *planner) holdLoop(loop []int) {
	text := "waits for itself"
	for k, i := range loop {
		before := int32(loop[(k+1)%len(loop)])
		p.links[i].after = slices.DeleteFunc(p.links[i].after, func(b int32) bool { return b == before })
		text += fmt.Sprintf(", %s after %s", p.acts[i].Key, p.acts[before].Key)
	}
	for _, i := range loop {
		p.wait(int32(i), "orders go round in a circle")
	}
	first := &p.acts[loop[0]]
	p.problem(transition.Problem{
		Code: "order_loop", Severity: transition.SeverityCritical, Node: first.Node, Resource: first.Instance.Resource(),
		Text: first.Key + " " + text, Next: "belayctl constraint list",
	})
}

// topological returns a place for each action so that each comes after what it
// waits for; what is in flight comes first. Edges must make no loop.
func (p *planner) topological() []int {
	rank := make([]int, len(p.acts))
	next := make([][]int32, len(p.acts))
	open := make([]int, len(p.acts))
	var ready []int32
	for i := range p.acts {
		open[i] = len(p.links[i].after)
		for _, before := range p.links[i].after {
			next[before] = append(next[before], int32(i))
		}
		if open[i] == 0 && p.acts[i].InFlight != "" {
			ready = append(ready, int32(i))
		}
	}
	for i := range p.acts {
		if open[i] == 0 && p.acts[i].InFlight == "" {
			ready = append(ready, int32(i))
		}
	}
	for at := 0; at < len(ready); at++ {
		i := ready[at]
		rank[i] = at
		for _, n := range next[i] {
			if open[n]--; open[n] == 0 {
				ready = append(ready, n)
			}
		}
	}
	return rank
}
