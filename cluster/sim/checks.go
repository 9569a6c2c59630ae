package sim

import (
	"maps"
	"slices"
	"time"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/cluster/leader"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/cluster/transition"
	"github.com/belay-ha/belay/resources"
)

// checks are the safety rules, held against every committed command, every order
// that a member begins and every request to a power controller. What really runs
// is held against them in truth.
type checks struct {
	w *world
	// begun holds the actions that each host has begun.
	begun map[begunKey]bool
	// unknown instances have had an operation whose end nobody knows.
	unknown map[place]bool
	// plans is the newest plan of the newest leader, and the state it is of.
	newest *transition.Transition
	by     *daemon
	core   *leader.Core
	// fences and starts count what happened, for the report.
	fences, starts, commands, restores int
	// calm forbids every fencing and every end of a healthy service: the faults of
	// the schedule must not cause any.
	calm bool
}

type begunKey struct {
	host   int
	action resources.ActionID
}

func (c *checks) reset() { c.begun, c.unknown = map[begunKey]bool{}, map[place]bool{} }

// plan takes a leader's newest plan.
func (c *checks) plan(d *daemon, core *leader.Core) {
	plan := core.Plan()
	c.newest, c.by, c.core = &plan, d, core
}

// command holds a committed command against the rules.
func (c *checks) command(e *entry, before, after *state.State, result state.Result) {
	c.commands++
	c.bounds(after)
	if result.Err != nil {
		return
	}
	switch command := e.command.(type) {
	case *state.DefinitionSet:
		c.w.truth.allow(command.Definition)
		c.w.truth.dirty = true
		if c.w.operator != nil {
			c.takenBack(command)
			c.acknowledged()
		}
	case *state.OperationFinished:
		c.finished(command, before)
	case *state.MemberBooted:
		c.forget(command.Node, before, after)
		c.back(command)
		if n := after.Nodes[command.Node]; quarantined(after, n, e.envelope.At, false) {
			c.w.note(nil, "%s is in quarantine", n.Name)
		}
	case *state.OperationsStarted:
		c.intents(e, command, before, result)
	case *state.FenceRequested:
		if result.Fence != "" && before.Fencing[command.Node] == nil {
			c.requested(e, command, before)
		}
	case *state.FenceReported:
		c.proven(before, after, command.Node)
		c.forget(command.Node, before, after)
	case *state.FenceConfirmed:
		if h := c.w.host(command.Node); command.Reason == mistaken && h.powered && after.Nodes[command.Node].BootID == h.bootID() {
			h.wronged = c.w.now
		}
		c.worded(e, command, after)
		c.proven(before, after, command.Node)
		c.forget(command.Node, before, after)
	}
}

// place is an instance on a node.
type place struct {
	node     resources.NodeName
	instance resources.InstanceID
}

// finished remembers of which instances nobody knows what their last operation
// came to, until somebody has looked or has stopped them.
func (c *checks) finished(command *state.OperationFinished, before *state.State) {
	op, inFlight := before.Operations[command.Action]
	if !inFlight {
		return
	}
	at, outcome := place{op.Node, op.Instance}, command.Result.Outcome
	open := outcome == agents.OutcomeUnknown || outcome == agents.OutcomeCancelled
	switch {
	case raises(op.Op) && outcome == agents.OutcomeUnknown:
		c.unknown[at] = true
	case (op.Op == resources.OpProbe || op.Op == resources.OpStop) && !open:
		delete(c.unknown, at)
	}
}

// forget drops what was unknown of a node that has nothing left running.
func (c *checks) forget(name resources.NodeName, before, after *state.State) {
	was, is := before.Nodes[name], after.Nodes[name]
	if was == nil || is == nil || was.BootID != is.BootID || is.Off != nil {
		maps.DeleteFunc(c.unknown, func(p place, _ bool) bool { return p.node == name })
	}
}

// intents holds recorded intents against what the log says at that point.
func (c *checks) intents(e *entry, command *state.OperationsStarted, before *state.State, result state.Result) {
	for nth, intent := range command.Operations {
		if result.Actions[nth] == "" {
			continue
		}
		if c.calm && (intent.Op == resources.OpStop || intent.Op == resources.OpDemote) {
			c.w.violate("9", "%s of %s at %s is ordered for faults that must end nothing: %s", intent.Op, intent.Instance, intent.Node, intent.Reason)
		}
		if !raises(intent.Op) {
			continue
		}
		c.starts++
		c.licensed(e, &intent, before)
		if before.Nodes[intent.Node].Witness {
			c.w.violate("witness", "%s of %s is ordered at %s, which only votes", intent.Op, intent.Instance, intent.Node)
		}
		r := intent.Instance.Resource()
		if own := before.Nodes[intent.Node].Instances[intent.Instance]; own != nil && own.Role.Active() && !own.Probed {
			c.w.violate("4", "%s of %s at %s is ordered although nobody knows what runs there", intent.Op, intent.Instance, intent.Node)
		}
		if c.unknown[place{intent.Node, intent.Instance}] {
			c.w.violate("4", "%s of %s at %s is ordered although nobody knows what came of its last operation, and nobody has looked", intent.Op, intent.Instance, intent.Node)
		}
		if l, known := c.w.truth.limits[r]; !known || l.unsafe || l.total > 1 || intent.Op != resources.OpStart {
			continue
		}
		for _, name := range before.NodeNames() {
			n := before.Nodes[name]
			i, found := n.Instances[intent.Instance]
			if name == intent.Node || !found {
				continue
			}
			if i.Role.Active() && n.Lost() {
				c.w.violate("2", "%s is started on %s although %s may run it, is lost and is not proven dead", intent.Instance, intent.Node, name)
			}
			op, busy := before.Operations[i.Action]
			if n.Online() && (i.Role.Active() || busy && raises(op.Op)) {
				c.w.violate("1", "%s is started on %s although it runs on %s, or is about to", intent.Instance, intent.Node, name)
			}
		}
	}
}

// raises reports whether more may run after an operation, here or elsewhere.
func raises(op resources.Op) bool {
	switch op {
	case resources.OpStart, resources.OpPromote, resources.OpMigrateTo, resources.OpMigrateFrom:
		return true
	default:
		return false
	}
}

// acknowledged holds that what an operator was told is in force is in the log.
func (c *checks) acknowledged() {
	marks := c.w.state().Definition.Nodes[0].Attributes
	for _, mark := range c.w.operator.acknowledged {
		if marks[mark] == "" && !c.w.operator.rolledBack[mark] {
			c.w.violate("7", "%s was acknowledged and is lost", mark)
		}
	}
}

// takenBack notes what a rollback takes back of what its author has seen.
func (c *checks) takenBack(command *state.DefinitionSet) {
	if command.Note == "" || command.Base >= uint64(len(c.w.states)) {
		return
	}
	for mark := range c.w.states[command.Base].Definition.Nodes[0].Attributes {
		if command.Definition.Nodes[0].Attributes[mark] == "" {
			c.w.operator.rolledBack[mark] = true
		}
	}
}

// bounds holds what the state keeps against its bounds.
func (c *checks) bounds(s *state.State) {
	if len(s.Events) > state.MaxHistory || len(s.Performed) > state.MaxPerformed || len(s.FenceHistory) > state.MaxFenceHistory {
		c.w.violate("bounds", "the state keeps %d events, %d operations and %d fencings", len(s.Events), len(s.Performed), len(s.FenceHistory))
	}
	for id, op := range s.Operations {
		if i, found := s.Instance(op.Node, op.Instance); !found || i.Action != id {
			c.w.violate("bounds", "operation %s is in flight and its instance does not know of it", id)
		}
	}
}

// maxLeaseLag is how much later than its lease a member may notice that it has
// run out, with the drift of its clock.
const maxLeaseLag = 700 * time.Millisecond

// taken holds an order that a member has taken, or has joined to one that it had,
// against those that it has seen.
func (c *checks) taken(d *daemon, order state.Order, fresh bool) {
	if seen := max(d.h.orderTerm, d.state.Term); order.LeaderTerm < seen {
		c.w.violate("3", "%s obeys an order of term %d after it has seen term %d", d.h.name, order.LeaderTerm, seen)
	}
	d.h.orderTerm = max(d.h.orderTerm, order.LeaderTerm)
	if op, inFlight := d.state.Operations[order.ID]; fresh && (!inFlight || op.Node != d.h.name || op.Incarnation != d.member.incarnation()) {
		c.w.violate("3", "%s obeys an order for action %s, which is not in flight for this run of it", d.h.name, order.ID)
	}
}

// begins holds an operation that a member begins by order against the rules.
func (c *checks) begins(d *daemon, op *state.Operation) {
	h := d.h
	key := begunKey{h.index, op.ID}
	if c.begun[key] {
		c.w.violate("3", "%s begins action %s twice", h.name, op.ID)
	}
	c.begun[key] = true
	if !raises(op.Op) {
		return
	}
	if h.gate != nil && !h.letIn && needsStorage(d.state.Definition, op.Instance.Resource()) {
		c.w.violate("unfencing", "%s begins to %s %s although its storage has not let it in since it started", h.name, op.Op, op.Instance)
	}
	lease := d.state.Definition.Properties.Lease.Std()
	if lease == 0 {
		lease = defaultLease
	}
	if silent := c.w.now - h.lastHeard; silent > lease+maxLeaseLag {
		c.w.violate("5", "%s begins to %s %s although it has heard no leader for %s", h.name, op.Op, op.Instance, silent.Round(time.Millisecond))
	}
}

const defaultLease = 5 * time.Second

// alone holds that a member which has heard no leader for its lease, and has had
// the time to stop what it runs, runs nothing any more, or promotes nothing, as
// its policy has it.
func (c *checks) alone(h *host) {
	d := h.daemon
	if d == nil || len(h.procs) == 0 || c.w.now-h.moodyAt < moodFades {
		return
	}
	s := d.state
	if left := h.runDir.left; left != nil && left.Index > s.Index {
		s = left
	}
	lease := s.Definition.Properties.Lease.Std()
	if lease == 0 {
		lease = defaultLease
	}
	since := c.w.now - lease - lowerWithin
	self := s.Nodes[h.name]
	if self == nil || self.BootID != h.bootID() || h.lastHeard > since || h.frozenUntil > since || d.started > since {
		return
	}
	policy := s.Definition.Properties.NoQuorumPolicy
	for _, id := range slices.Sorted(maps.Keys(h.procs)) {
		switch {
		case policy == resources.NoQuorumFreeze || policy == resources.NoQuorumIgnore:
		case policy == resources.NoQuorumDemote && h.procs[id].role != resources.RolePromoted:
		default:
			c.w.violate("5", "%s has heard no leader for %s and still runs %s", h.name, (c.w.now - h.lastHeard).Round(time.Second), id)
		}
	}
}

const (
	// lowerWithin is how long a member whose agents behave may take to stop
	// everything after its lease: a demotion and a stop, a little longer than usual.
	lowerWithin = 20 * time.Second
	// moodFades is how long a call that was spoilt may be in the way.
	moodFades = 90 * time.Second
)
