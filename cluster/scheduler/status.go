package scheduler

import (
	"maps"
	"slices"

	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/resources"
)

// inst is one copy of a primitive on one node: what is known of it, what it
// should become, and the actions between the two.
type inst struct {
	prim, copy, node int // copy is -1 for one that should not exist at all
	id               resources.InstanceID
	st               *state.Instance // nil if nothing was recorded
	op               *state.Operation
	// now is the believed role, cur the one after what is in flight.
	now, cur resources.Role
	probed   bool
	// failed awaits recovery: the failure counts and is not ignored.
	failed bool
	// pinned stays as it is: unmanaged, blocked, or its node is suspected.
	pinned bool
	pinWhy string
	// alone instances are pinned because somebody has them left alone, and not because
	// something is wrong with them: others may be where they are.
	alone bool

	// left instances have been handed over by a live migration, or are being;
	// comes is its target until it has arrived. moves says that the plan holds one,
	// notLive why it holds none. leftFor is where it has arrived.
	left, comes, moves bool
	notLive            string
	leftFor            resources.NodeName

	tgt                        resources.Role
	restart, repromote, reload bool
	why                        string // of a restart, or of the target

	acts [opCount]int32 // actions by what they do, or -1
	fly  int32          // the one in flight, or -1
}

// What an instance's actions do, as index into inst.acts.
const (
	actProbe = iota
	actDemote
	actStop
	actStart
	actPromote
	actReload
	actMigrate
	opCount
)

// active reports whether the instance runs, or will when what is in flight is
// done.
func (i *inst) active() bool { return i.cur.Active() }

// mayRun reports whether anything of it may be running now.
func (i *inst) mayRun() bool {
	return i.now.Active() || i.cur.Active() || !i.probed || i.op != nil
}

// at returns the instance of a copy on a node, or nil.
func (p *planner) at(prim, copy, node int) *inst {
	if copy < 0 {
		return nil
	}
	i := p.slots[p.prims[prim].slot+copy*len(p.nodes)+node]
	if i < 0 {
		return nil
	}
	return &p.insts[i]
}

// need returns the instance of a copy on a node, which it makes if there is
// none. Pointers into insts are no longer valid afterwards.
func (p *planner) need(prim, copy, node int) *inst {
	if i := p.at(prim, copy, node); i != nil {
		return i
	}
	return p.addInst(prim, copy, node, p.prims[prim].ids[copy])
}

func (p *planner) addInst(prim, copy, node int, id resources.InstanceID) *inst {
	q := &p.prims[prim]
	i := inst{prim: prim, copy: copy, node: node, id: id, fly: -1, st: p.nodes[node].st.Instances[id]}
	for k := range i.acts {
		i.acts[k] = -1
	}
	if i.st != nil {
		i.now, i.probed = i.st.Role, i.st.Probed
		i.op = p.s.Operations[i.st.Action]
	}
	i.cur = i.now
	if i.op != nil {
		i.cur = after(i.op.Op, i.now)
	}
	if copy >= 0 {
		p.slots[q.slot+copy*len(p.nodes)+node] = int32(len(p.insts))
	}
	q.insts = append(q.insts, len(p.insts))
	p.insts = append(p.insts, i)
	return &p.insts[len(p.insts)-1]
}

// after returns the role that an operation in flight leads to.
func after(op resources.Op, role resources.Role) resources.Role {
	switch op {
	case resources.OpStart:
		return max(role, resources.RoleStarted)
	case resources.OpStop:
		return resources.RoleStopped
	case resources.OpPromote:
		return resources.RolePromoted
	case resources.OpDemote:
		return resources.RoleStarted
	default:
		return role
	}
}

// unpackStatus finds the instances that matter: what runs or may run, what is
// under way, what failed, and what nobody has looked at.
func (p *planner) unpackStatus() {
	for ni, found := range p.sights() {
		if p.nodes[ni].gone {
			continue
		}
		for _, at := range found.matter {
			p.addInst(int(at.prim), int(at.copy), ni, p.prims[at.prim].ids[at.copy])
		}
		if found.odd {
			p.unpackExtras(ni)
		}
	}
	p.unpackMigrations()
	for k := range p.insts {
		i := &p.insts[k]
		p.pin(i)
		q := &p.prims[i.prim]
		q.unprobed = q.unprobed || p.mustProbe(i) || (!i.probed && i.op != nil)
	}
}

// sights looks at all nodes that are not gone, and makes room for the instances
// found: where nobody has looked yet that is every copy on every node.
func (p *planner) sights() []sight {
	all, total, of := make([]sight, len(p.nodes)), 0, make([]int, len(p.prims))
	for ni := range p.nodes {
		if p.nodes[ni].gone {
			continue
		}
		all[ni] = p.sightOf(ni)
		total += len(all[ni].matter)
		for _, at := range all[ni].matter {
			of[at.prim]++
		}
	}
	p.insts = make([]inst, 0, total+len(p.prims)) // and about one more each that is still to be placed
	slab := make([]int, total)
	for qi, count := range of {
		p.prims[qi].insts, slab = slab[:0:count], slab[count:]
	}
	return all
}

func (p *planner) matters(n *node, q *prim, ni int, st *state.Instance) bool {
	if st != nil && (st.Role.Active() || st.Action != "" || st.Failed || len(st.Failures) > 0 || (st.Probed && (st.Outcome.Hard() || st.Outcome.Fatal()))) {
		return true
	}
	looked := st != nil && st.Probed || n.inner // nobody looks into what is not there yet
	return !looked && n.defined && (q.hidden == nil || !q.hidden[ni])
}

// unpackExtras finds instances of removed resources, and copies that the
// definition has no number for any more. They are stopped, never probed.
func (p *planner) unpackExtras(ni int) {
	n := &p.nodes[ni]
	for _, id := range slices.Sorted(maps.Keys(n.st.Instances)) {
		st := n.st.Instances[id]
		qi, found := p.byPrim[id.Resource()]
		if found && slices.Contains(p.prims[qi].ids, id) {
			continue
		}
		if !st.Role.Active() && st.Action == "" {
			continue
		}
		if !found {
			qi = p.addRemoved(id.Resource(), st)
		}
		p.addInst(qi, -1, ni, id).why = "the definition has it no more"
	}
}

// addRemoved makes a primitive for a resource that is not defined any more; its
// instances remember what they are made of.
func (p *planner) addRemoved(id resources.ResourceID, st *state.Instance) int {
	res := st.Config
	if res == nil {
		res = &resources.Resource{ID: id}
	}
	for i := range p.prims {
		if p.prims[i].unit < 0 && p.prims[i].id == id {
			return i
		}
	}
	q := prim{
		id: id, res: res, unit: -1, facts: p.opts.Facts(res.Agent), stopped: true, stopWhy: "removed from the definition",
		managed: resources.Or(p.def.Properties.StopRemovedResources, true), requires: resources.RequiresNothing,
	}
	p.leaveAlone(&q, "")
	p.prims = append(p.prims, q)
	return len(p.prims) - 1
}

// pin says which instances are not to be touched.
func (p *planner) pin(i *inst) {
	n, q := &p.nodes[i.node], &p.prims[i.prim]
	if n.suspect {
		i.pinned, i.pinWhy = true, "node "+string(n.name)+" is suspected"
		return
	}
	switch {
	case p.maintenance:
		i.pinWhy = "the cluster is in maintenance"
	case n.maintenance:
		i.pinWhy = "node " + string(n.name) + " is in maintenance"
	case q.alone != "":
		i.pinWhy = q.alone + " is in maintenance"
	case !q.managed:
		i.pinWhy = string(q.id) + " is unmanaged"
	default:
		return
	}
	i.pinned, i.alone = true, true
}
