package scheduler

import (
	"maps"
	"strconv"
	"time"

	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/cluster/transition"
	"github.com/belay-ha/belay/internal/mutant"
	"github.com/belay-ha/belay/resources"
)

// node is a member and what may be done with it.
type node struct {
	name resources.NodeName
	st   *state.Node
	// defined nodes are in the definition; others run nothing.
	defined bool
	attrs   map[string]string
	// inner nodes are no hosts: guests, and the replicas of bundles.
	inner bool
	// gone nodes certainly run nothing; unclean ones may, and take no orders or
	// are about to be fenced: nothing of theirs is recovered before proof.
	gone, unclean bool
	// alive nodes take orders; suspect ones keep what they have.
	alive, suspect       bool
	standby, maintenance bool
	standbyRule          string // by which it is in standby; empty if by hand
	// wish is why the node has to be fenced although it is not lost; cause is the
	// instance that it is fenced for, and the ticket that this lacks.
	wish  string
	cause state.FencePremise
	// fence is the index of its fence action, or -1; hold then says what is
	// waited for instead.
	fence int
	hold  string
	// unfence is the index of its unfence action, or -1; cutOff says that unfencing
	// it has failed.
	unfence int
	cutOff  bool
}

// usable reports whether new instances may be put on the node.
func (n *node) usable() bool {
	return n.defined && n.alive && !n.suspect && !n.unclean && !n.standby && !n.maintenance
}

func (p *planner) unpackNodes() {
	names := p.innerNodes(p.s.NodeNames())
	p.nodes = make([]node, len(names))
	p.byNode = make(map[resources.NodeName]int, len(names))
	for i, name := range names {
		st := p.s.Nodes[name]
		n := &p.nodes[i]
		*n = node{name: name, st: st, fence: -1, unfence: -1}
		p.byNode[name] = i
		n.attrs = map[string]string{"#uname": string(name), "#kind": "cluster", "#cluster-name": p.def.Name, "#is_dc": strconv.FormatBool(name == p.opts.Leader)}
		if _, inner := p.inner[name]; inner {
			n.defined, n.inner, n.attrs["#kind"] = true, true, "container"
		}
		if defined, found := p.def.Node(name); found && (!st.Witness || mutant.Is(mutant.WitnessWorks)) {
			n.defined = true
			if defined.Kind == resources.NodeRemote {
				n.attrs["#kind"] = "remote"
			}
			maps.Copy(n.attrs, defined.Attributes)
		}
		maps.Copy(n.attrs, st.Attributes)
		resources.AddSite(n.attrs)
		n.alive, n.suspect = st.Online(), st.Liveness == state.LivenessSuspect
		n.gone = !st.Online() && !st.Lost()
		n.unclean = st.Lost()
		if st.Witness { // nothing runs there, so nothing waits for a proof
			n.gone, n.unclean = !st.Online(), false
			p.witness(n)
		}
		n.standby = st.Standby
		if defined, found := p.def.Node(name); found && !n.standby {
			n.standbyRule, n.standby = defined.StandbyAt(p.now)
		}
		n.maintenance = p.maintenance || st.InMaintenance(p.now) && !p.opts.unheld
		if st.InMaintenance(p.now) {
			p.recheck(st.Maintenance.Until)
		}
	}
	for _, defined := range p.def.Nodes {
		if _, joined := p.byNode[defined.Name]; !joined {
			p.problem(transition.Problem{
				Code: "never_joined", Severity: transition.SeverityInfo, Node: defined.Name,
				Text: "node " + string(defined.Name) + " is defined but has never joined", Next: "belayctl cluster token create",
			})
		}
	}
}

// prim is a primitive: alone, a member of a group, or the template of a clone.
type prim struct {
	id    resources.ResourceID
	res   *resources.Resource
	unit  int // -1 for a removed resource
	facts AgentFacts

	stickiness     resources.Score
	targetRole     resources.Role
	managed        bool
	alone          string // in which maintenance it is, "" for none: then it is not managed
	requires       resources.Requires
	threshold      int
	failureTimeout time.Duration
	multiple       resources.MultipleActive
	critical       bool
	migrates       bool // may be moved live, and its agent can
	unhealthy      bool // may run where node health would not have it

	// ids of its copies: one for a primitive and an anonymous clone.
	ids []resources.InstanceID
	// slot is where its copies × nodes begin in planner.slots.
	slot  int
	insts []int
	// hidden nodes are not probed; nil for none.
	hidden []bool
	// stopped says that no copy may run, stopWhy because of what.
	stopped bool
	stopWhy string
	ticket  string // which ticket it lacks to run
	// unprobed says that nobody has looked on some node yet.
	unprobed bool
}

// unit is what is placed as one: a primitive, a group, or a clone of either.
type unit struct {
	id    resources.ResourceID
	prims []int
	group bool
	// unordered members of a group do not wait for each other.
	unordered bool
	// bundle is set for the parts of one, inside for what runs in its containers.
	bundle, inside *resources.Bundle
	clone          *resources.Clone
	priority       resources.Score

	unique, promotable, interleave bool
	max, nodeMax, min              int
	promotedMax, promotedNodeMax   int
	// at holds the roles that the policy engine gave its copies.
	at map[placeKey]resources.Role
}

// unpackUnits reads the definition: each resource that is in no group is a
// unit, each group is one, at the place of its first member.
func (p *planner) unpackUnits() {
	d := p.def
	p.requires = p.usualRequires()
	p.byPrim = make(map[resources.ResourceID]int, len(d.Resources))
	p.byUnit = make(map[resources.ResourceID]int, len(d.Resources))
	groupOf := map[resources.ResourceID]*resources.Group{}
	byID := make(map[resources.ResourceID]*resources.Resource, len(d.Resources))
	for i := range d.Groups {
		for _, member := range d.Groups[i].Members {
			groupOf[member] = &d.Groups[i]
		}
	}
	for i := range d.Resources {
		byID[d.Resources[i].ID] = &d.Resources[i]
	}
	p.prims = make([]prim, 0, len(d.Resources))
	p.units = make([]unit, 0, len(d.Resources))
	for i := range d.Resources {
		r := &d.Resources[i]
		if b, inside := d.BundleOf(r.ID); inside && len(d.Bundles) > 0 {
			p.addBundle(b, r)
			continue
		}
		group := groupOf[r.ID]
		if group == nil {
			p.addUnit(unit{id: r.ID, clone: r.Clone}, r.Meta, resources.Meta{}, []*resources.Resource{r})
			continue
		}
		if _, known := p.byUnit[group.ID]; known {
			continue
		}
		members := make([]*resources.Resource, 0, len(group.Members))
		for _, id := range group.Members {
			if member, found := byID[id]; found {
				members = append(members, member)
			}
		}
		p.addUnit(unit{id: group.ID, clone: group.Clone, group: true, unordered: !resources.Or(group.Ordered, true)}, group.Meta, group.Meta, members)
	}
	for i := range d.Bundles {
		if _, known := p.byUnit[d.Bundles[i].ID]; !known {
			p.addBundle(&d.Bundles[i], nil)
		}
	}
	p.makeSlots()
}

// addUnit adds a unit and its primitives. parent is what the members inherit.
func (p *planner) addUnit(u unit, own, parent resources.Meta, members []*resources.Resource) {
	u.max, u.nodeMax = 1, 1
	agent := ""
	if !u.group && u.bundle == nil && len(members) > 0 {
		agent = members[0].Agent
	}
	u.priority = meta(own.Priority, nil, p.def.MetaDefaults(agent, p.now).Priority, 0)
	if clone := u.clone; clone != nil {
		u.nodeMax = resources.Or(clone.NodeMax, 1)
		u.max = resources.Or(clone.Max, len(p.def.Nodes)+len(p.inner))
		u.min = resources.Or(clone.Min, 0)
		u.unique = clone.GloballyUnique || u.nodeMax > 1
		u.promotable, u.interleave = clone.Promotable, clone.Interleave
		u.promotedMax = resources.Or(clone.PromotedMax, 1)
		u.promotedNodeMax = resources.Or(clone.PromotedNodeMax, 1)
	}
	index := len(p.units)
	for _, r := range members {
		p.byPrim[r.ID] = len(p.prims)
		u.prims = append(u.prims, len(p.prims))
		p.prims = append(p.prims, p.newPrim(r, parent, &u, index))
	}
	p.byUnit[u.id] = index
	p.units = append(p.units, u)
}

func (p *planner) newPrim(r *resources.Resource, parent resources.Meta, u *unit, index int) prim {
	m, d := r.Meta, p.def.MetaDefaults(r.Agent, p.now)
	sticky := resources.Score(0)
	if u.clone != nil {
		sticky = 1
	}
	q := prim{
		id: r.ID, res: r, unit: index, facts: p.opts.Facts(r.Agent),
		stickiness:     meta(m.Stickiness, parent.Stickiness, d.Stickiness, sticky),
		targetRole:     meta(m.TargetRole, parent.TargetRole, d.TargetRole, resources.RolePromoted),
		requires:       meta(m.Requires, parent.Requires, d.Requires, p.requires),
		threshold:      meta(m.MigrationThreshold, parent.MigrationThreshold, d.MigrationThreshold, 0),
		failureTimeout: meta(m.FailureTimeout, parent.FailureTimeout, d.FailureTimeout, 0).Std(),
		multiple:       meta(m.MultipleActive, parent.MultipleActive, d.MultipleActive, resources.MultipleActiveStopStart),
		critical:       meta(m.Critical, parent.Critical, d.Critical, true),
		unhealthy:      meta(m.AllowUnhealthyNodes, parent.AllowUnhealthyNodes, d.AllowUnhealthyNodes, false),
	}
	// What cannot be told apart from a copy that runs on the target cannot move there.
	q.migrates = meta(m.AllowMigrate, parent.AllowMigrate, d.AllowMigrate, false) && q.facts.Migrates && !u.promotable && (u.clone == nil || u.unique)
	q.managed = p.opts.unheld || meta(m.Managed, parent.Managed, d.Managed, true) && !meta(m.Maintenance, parent.Maintenance, d.Maintenance, false)
	p.leaveAlone(&q, u.id)
	switch {
	case p.def.Properties.StopAllResources:
		q.stopped, q.stopWhy = true, "stop_all_resources is set"+p.byRule(&q, -1, "cluster.stop_all_resources")
	case q.targetRole == resources.RoleStopped:
		q.stopped, q.stopWhy = true, "target_role is stopped"+p.byRule(&q, -1, "meta.target_role")
	}
	q.ids = []resources.InstanceID{resources.InstanceID(r.ID)}
	if u.unique {
		q.ids = q.ids[:0]
		for copy := range u.max {
			q.ids = append(q.ids, resources.NumberedInstance(r.ID, copy))
		}
	}
	return q
}

// meta returns the first that is given: a resource's own, its parent's, the
// definition's default, Pacemaker's.
func meta[T any](own, parent, byDefault *T, last T) T {
	for _, value := range []*T{own, parent, byDefault} {
		if value != nil {
			return *value
		}
	}
	return last
}

// makeSlots makes the table of instances in one piece.
func (p *planner) makeSlots() {
	cells := 0
	for i := range p.prims {
		p.prims[i].slot = cells
		cells += len(p.nodes) * len(p.prims[i].ids)
	}
	p.slots = make([]int32, cells)
	for i := range p.slots {
		p.slots[i] = -1
	}
}

// members of a unit or the one primitive that the id names; nil if unknown.
func (p *planner) members(id resources.ResourceID) []int {
	if i, found := p.byPrim[id]; found {
		return []int{i}
	}
	if u, found := p.byUnit[id]; found {
		if p.units[u].bundle != nil {
			return p.ofBundle(&p.units[u])
		}
		return p.units[u].prims
	}
	return nil
}
