package scheduler

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/cluster/transition"
	"github.com/belay-ha/belay/resources"
)

// links are what an action of the same index waits for: they are collected as
// they are found, and sorted into the action at the end.
type links struct {
	after []int32
	// soft holds the edges that optional orders ask for: they are added last,
	// and only where they make no loop.
	soft []int32
}

func (p *planner) addAction(a transition.Action) int {
	p.acts = append(p.acts, a)
	p.links = append(p.links, links{})
	return len(p.acts) - 1
}

// edge makes one action wait for another. What is in flight waits for nothing
// any more.
func (p *planner) edge(before, after int32, optional bool) {
	if before < 0 || after < 0 || before == after || p.acts[after].InFlight != "" {
		return
	}
	if optional {
		p.links[after].soft = append(p.links[after].soft, before)
		return
	}
	p.links[after].after = append(p.links[after].after, before)
}

// link writes into the actions what they wait for, all in one piece of memory.
func (p *planner) link() {
	total := 0
	for i := range p.links {
		total += len(p.links[i].after)
	}
	p.linked = slices.Grow(p.linked[:0], total)
	for i := range p.links {
		from := len(p.linked)
		for _, before := range p.links[i].after {
			p.linked = append(p.linked, int(before))
		}
		p.acts[i].After = nil
		if end := len(p.linked); end > from {
			p.acts[i].After = p.linked[from:end:end]
		}
	}
}

// makeRoom makes room for the actions, so that they are not copied from place to
// place: each instance has a probe at most, and few have more than one step.
func (p *planner) makeRoom() {
	room := 0
	for k := range p.insts {
		i := &p.insts[k]
		if p.prims[i.prim].unit >= 0 && p.mustProbe(i) {
			room++
		}
		if i.op != nil || i.tgt != i.cur && (i.tgt.Active() || i.active()) {
			room++
		}
	}
	p.acts, p.links = slices.Grow(p.acts, room), slices.Grow(p.links, room)
}

// addInstanceActions adds what leads each instance from its role to its target:
// demote, stop, start, promote, each after the one before.
func (p *planner) addInstanceActions() {
	for qi := range p.prims {
		for _, k := range p.prims[qi].insts {
			p.addFlying(k)
			if i := &p.insts[k]; !i.pinned && !p.nodes[i.node].unclean && !i.moves {
				p.addChain(k)
			}
		}
	}
	for _, m := range p.migrations {
		p.addMigration(m)
	}
	for _, m := range p.underWay { // the target is not touched before what is in flight has ended
		if from := &p.insts[m.from]; m.phase == state.MigrationLeaving {
			for _, at := range p.insts[m.to].acts {
				p.edge(from.fly, at, false)
			}
		}
	}
}

// addFlying adds what is in flight. Whatever else the plan wants of the
// instance comes after it.
func (p *planner) addFlying(k int) {
	i := &p.insts[k]
	if i.op == nil {
		return
	}
	kind := transition.Kind(i.op.Op)
	if i.op.Op == resources.OpMonitor {
		kind = transition.KindProbe
	}
	i.fly = int32(p.addAction(transition.Action{
		Key: p.key(kind, i), Kind: kind, Node: i.op.Node, Instance: i.id, Timeout: i.op.Timeout, Digest: i.op.Digest,
		Reason: i.op.Reason, InFlight: i.op.ID, Notice: i.op.Notice, Peer: i.op.Peer,
	}))
	if i.op.Notice != nil {
		p.acts[i.fly].Key = i.op.Notice.Key(p.place(i))
	}
	if slot := slotOf(i.op.Op); slot >= 0 {
		i.acts[slot] = i.fly
	}
}

func slotOf(op resources.Op) int {
	switch op {
	case resources.OpProbe:
		return actProbe
	case resources.OpDemote:
		return actDemote
	case resources.OpStop:
		return actStop
	case resources.OpStart, resources.OpMigrateFrom:
		return actStart
	case resources.OpMigrateTo:
		return actMigrate
	case resources.OpPromote:
		return actPromote
	case resources.OpReload:
		return actReload
	default:
		return -1
	}
}

// key names an action of the instance.
func (p *planner) key(kind transition.Kind, i *inst) string {
	return string(kind) + " " + string(i.id) + "@" + string(p.nodes[i.node].name)
}

func (p *planner) addChain(k int) {
	i := &p.insts[k]
	restart := i.restart && i.active() && !p.startsAnyway(i)
	down := i.active() && (i.tgt == resources.RoleStopped || restart)
	promoted := i.cur == resources.RolePromoted
	demote := promoted && (down || i.tgt < resources.RolePromoted || i.repromote)
	// What failed to demote is stopped as it is.
	if i.st != nil && i.st.Failed && i.st.FailedOp == resources.OpDemote {
		demote, down = false, down || demote
	}
	up := i.tgt.Active() && (!i.active() || down)
	promote := i.tgt == resources.RolePromoted && (!promoted || demote || down)
	last := i.fly
	if last < 0 {
		last = i.acts[actProbe]
	}
	if demote {
		last = p.addStep(k, resources.OpDemote, last)
	}
	if down {
		last = p.addStep(k, resources.OpStop, last)
	}
	if up {
		last = p.addStep(k, resources.OpStart, last)
	}
	if promote {
		last = p.addStep(k, resources.OpPromote, last)
	}
	if i := &p.insts[k]; i.reload && !down && i.active() {
		p.addStep(k, resources.OpReload, last)
	}
}

// startsAnyway reports whether a start that is in flight makes a restart
// needless: it brings what the restart is for.
func (p *planner) startsAnyway(i *inst) bool {
	return i.op != nil && i.op.Op == resources.OpStart && !i.now.Active()
}

// addStep adds one operation after another of the same instance.
func (p *planner) addStep(k int, op resources.Op, last int32) int32 {
	i := &p.insts[k]
	q := &p.prims[i.prim]
	kind := transition.Kind(op)
	a := transition.Action{
		Key: p.key(kind, i), Kind: kind, Node: p.nodes[i.node].name, Instance: i.id,
		Timeout: p.timeout(q, op), Reason: p.reason(i, op), Wait: p.retryWait(i, op),
	}
	if i.op != nil && i.op.Op == op {
		a.Key += " again" // the first is in flight, and no longer what is wanted
	}
	if op == resources.OpStart || op == resources.OpReload || op == resources.OpMigrateFrom {
		a.Digest = p.digestOn(q, i.node)
	}
	at := int32(p.addAction(a))
	i.acts[slotOf(op)] = at
	p.edge(last, at, false)
	return at
}

func (p *planner) reason(i *inst, op resources.Op) string {
	q := &p.prims[i.prim]
	switch {
	case i.why != "":
		return i.why
	case op == resources.OpReload:
		return "its parameters have changed"
	case op == resources.OpStop && i.leftFor != "":
		return movedReason(i.leftFor)
	case op == resources.OpStop && q.stopped:
		return q.stopWhy
	case op == resources.OpStop || op == resources.OpDemote:
		notLive := ""
		if i.notLive != "" {
			notLive = ", and it cannot move live: " + i.notLive
		}
		if n := &p.nodes[i.node]; !n.usable() {
			return fmt.Sprintf("node %s %s", n.name, n.refusal()) + notLive
		}
		return "placed elsewhere" + notLive
	case op == resources.OpPromote:
		return "chosen for promotion"
	default:
		return "placed here"
	}
}

// refusal says why a node takes nothing new.
func (n *node) refusal() string {
	switch {
	case !n.defined:
		return "is not in the definition"
	case n.unclean:
		return "is lost or about to be fenced"
	case n.suspect:
		return "is suspected"
	case n.maintenance:
		return "is in maintenance"
	case n.standby && n.standbyRule != "":
		return "is in standby by rule " + resources.QuoteRule(n.standbyRule)
	case n.standby:
		return "is in standby"
	case !n.alive:
		return "is down"
	default:
		return "may run it"
	}
}

// timeout is the definition's for the operation, its default, the agent's, or
// DefaultTimeout.
func (p *planner) timeout(q *prim, op resources.Op) resources.Duration {
	for i := range q.res.Ops {
		o := &q.res.Ops[i]
		if o.Timeout > 0 && (o.Name == op || (op == resources.OpProbe && o.Name == resources.OpMonitor && o.Interval == 0)) {
			return o.Timeout
		}
	}
	agent := q.facts.Timeouts[op]
	if agent == 0 && op == resources.OpProbe {
		agent = q.facts.Timeouts[resources.OpMonitor]
	}
	return cmp.Or(p.def.OpDefaults(q.res.Agent, op, 0, p.now).Timeout, resources.Duration(agent), resources.Duration(DefaultTimeout))
}
