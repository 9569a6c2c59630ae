package scheduler

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/cluster/transition"
	"github.com/belay-ha/belay/resources"
)

// judgeMultiple finds copies that run more often than they may, and says what
// to do with them (Pacemaker Explained, "multiple-active").
func (p *planner) judgeMultiple() {
	for qi := range p.prims {
		q := &p.prims[qi]
		if q.unit < 0 || (p.units[q.unit].clone != nil && !p.units[q.unit].unique) {
			continue
		}
		for copy := range q.ids {
			p.judgeCopies(q, copy)
		}
	}
}

func (p *planner) judgeCopies(q *prim, copy int) {
	count := 0
	each := func(do func(*inst)) {
		for _, k := range q.insts {
			if i := &p.insts[k]; i.copy == copy && i.probed && !i.left && i.active() && !p.nodes[i.node].unclean {
				do(i)
			}
		}
	}
	each(func(*inst) { count++ })
	if count < 2 {
		return
	}
	problem := transition.Problem{
		Code: "multiple_active", Severity: transition.SeverityCritical, Resource: q.id,
		Text: fmt.Sprintf("%s is active on %d nodes at once", q.ids[copy], count),
	}
	switch q.multiple {
	case resources.MultipleActiveBlock:
		each(func(i *inst) { i.pinned, i.alone, i.pinWhy = true, false, "blocked: active on several nodes" })
		problem.Next = "belayctl resource retry " + string(q.id)
	case resources.MultipleActiveStopOnly:
		q.stopped, q.stopWhy = true, "active on several nodes"
	default:
		each(func(i *inst) { i.restart, i.why = true, "active on several nodes" })
	}
	p.problem(problem)
}

// setTargets turns the placement into each instance's target role.
func (p *planner) setTargets() {
	for ui := range p.units {
		for _, key := range p.placedOf(&p.units[ui]) {
			i := p.need(key.prim, key.copy, key.node)
			i.tgt = p.units[ui].at[key]
			if i.tgt == resources.RolePromoted && len(p.units[ui].prims) > 1 && !p.prims[key.prim].facts.Promotable {
				i.tgt = resources.RoleStarted
			}
		}
	}
	p.reportUnplaced()
	for k := range p.insts {
		i := &p.insts[k]
		switch {
		case i.pinned:
			i.tgt = i.cur
		case i.tgt == resources.RoleUnknown:
			i.tgt = resources.RoleStopped
		case i.left:
			i.restart, i.why = true, "it was moved away live"
		}
	}
}

// placedOf lists where a unit's copies were put: by copy, then node, then member.
func (p *planner) placedOf(u *unit) []placeKey {
	return slices.SortedFunc(maps.Keys(u.at), func(a, b placeKey) int {
		return cmp.Or(cmp.Compare(a.copy, b.copy), cmp.Compare(a.node, b.node), cmp.Compare(a.prim, b.prim))
	})
}

// reportUnplaced names what no node may run although it should run.
func (p *planner) reportUnplaced() {
	for ui := range p.units {
		u := &p.units[ui]
		wanted := !p.unitStopped(u) && p.managed(u) && (u.clone == nil || u.max > 0)
		if wanted && len(u.at) == 0 {
			p.problem(transition.Problem{
				Code: "unplaced", Severity: transition.SeverityCritical, Resource: u.id,
				Text: "no node may run " + string(u.id), Next: "belayctl explain " + string(u.id),
			})
		}
	}
}

// compareDigests compares what is active with the definition.
func (p *planner) compareDigests() {
	for k := range p.insts {
		i := &p.insts[k]
		switch {
		case p.prims[i.prim].unit < 0 || i.left || i.comes || p.nodes[i.node].unclean:
		case i.pinned:
			p.reportHeld(i)
		case i.copy >= 0:
			p.compareDigest(i)
		}
	}
}

// reportHeld tells of a restart that somebody asked for and that is not made,
// because the instance is left alone: whoever waits for it would wait for nothing.
func (p *planner) reportHeld(i *inst) {
	if i.st == nil || i.st.Digest != state.RestartDigest || !i.active() || p.nodes[i.node].suspect {
		return
	}
	q := &p.prims[i.prim]
	why, next := i.pinWhy, "belayctl explain "+string(q.id)
	if held := p.heldBy(q, i.node); held != nil {
		why, next = held.Why, held.Next
	}
	p.problem(transition.Problem{
		Code: "restart_held", Severity: transition.SeverityWarning, Node: p.nodes[i.node].name, Resource: q.id,
		Text: fmt.Sprintf("%s on %s is not restarted: %s", i.id, p.nodes[i.node].name, why), Next: next,
	})
}

// compareDigest restarts or reloads an instance that runs with other parameters
// than the definition's.
func (p *planner) compareDigest(i *inst) {
	if i.st == nil || !i.probed || !i.active() {
		return
	}
	has := i.st.Digest
	if i.op != nil && (i.op.Op == resources.OpStart || i.op.Op == resources.OpReload) {
		has = i.op.Digest
	}
	q := &p.prims[i.prim]
	switch {
	case has == "" || has == p.digestOn(q, i.node):
	case q.facts.Reloads && has != state.RestartDigest:
		i.reload, i.why = true, "its parameters have changed"+p.byRule(q, i.node, "params.")
	case has == state.RestartDigest:
		i.restart, i.why = true, "restart asked for"
	default:
		i.restart, i.why = true, "its parameters have changed"+p.byRule(q, i.node, "params.")
	}
}

// digestOn is the digest of what a primitive is on a node.
func (p *planner) digestOn(q *prim, node int) string {
	if len(q.res.When) == 0 {
		return p.digest(q)
	}
	return resources.Digest(p.resourceOn(q, node))
}

// resourceOn returns a primitive with what rules about the node give there.
func (p *planner) resourceOn(q *prim, node int) *resources.Resource {
	return q.res.On(resources.Scene{Attributes: p.nodes[node].attrs, Now: p.now})
}

func (p *planner) digest(q *prim) string {
	if q.unit < 0 || p.units[q.unit].bundle != nil {
		return resources.Digest(q.res) // of an instance, or made for this plan: not of the definition
	}
	digest, known := p.memory.digests[q.res]
	if !known {
		digest = resources.Digest(q.res)
		p.memory.digests[q.res] = digest
	}
	return digest
}

// targets returns the active roles that the plan leads to.
func (p *planner) targets() map[resources.NodeName]map[resources.InstanceID]resources.Role {
	counts := make([]int, len(p.nodes))
	for k := range p.insts {
		if i := &p.insts[k]; i.tgt.Active() && !p.nodes[i.node].unclean {
			counts[i.node]++
		}
	}
	all := make(map[resources.NodeName]map[resources.InstanceID]resources.Role, len(p.nodes))
	for k := range p.insts {
		i := &p.insts[k]
		if !i.tgt.Active() || p.nodes[i.node].unclean {
			continue
		}
		name := p.nodes[i.node].name
		if all[name] == nil {
			all[name] = make(map[resources.InstanceID]resources.Role, counts[i.node])
		}
		all[name][i.id] = i.tgt
	}
	return all
}
