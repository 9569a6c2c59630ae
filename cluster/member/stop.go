package member

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/resources"
)

// stopping is the work of stopping, or demoting, everything here.
type stopping struct {
	left     int // instances that are not done
	failed   []resources.InstanceID
	demotion bool // what is not promoted goes on
	// givenAway is the fencing that holds this host for off, "" for none.
	givenAway string
}

// lowering is the way of one instance down.
type lowering struct {
	recorded *state.Instance
	s        *state.State
	ops      []resources.Op // left to do
}

// stopEverything lowers every instance that may be active on this member: to
// stopped, or only from promoted to started. It asks nobody. All are lowered at
// once, promoted ones in two steps. s says what was started and how to stop it:
// this member's state, or what an earlier run of the daemon left for it. If
// something cannot be proven stopped, this host ends, so that the others may go
// on.
func (c *Core) stopEverything(s *state.State, demoteOnly bool, givenAway string) {
	maybe := c.maybeActive(s.Nodes[c.config.Self])
	c.stopping = &stopping{left: len(maybe), givenAway: givenAway, demotion: demoteOnly}
	for _, recorded := range maybe {
		l := &lowering{recorded: recorded, s: s, ops: []resources.Op{resources.OpStop}}
		switch promoted := c.maybePromoted(recorded); {
		case promoted && demoteOnly:
			l.ops = []resources.Op{resources.OpDemote}
		case promoted:
			l.ops = []resources.Op{resources.OpDemote, resources.OpStop}
		case demoteOnly:
			c.isLowered(l, true)
			continue
		}
		c.lower(l)
	}
	c.endStopping()
}

// maybeActive lists what may run here: by the state, or because an order for it
// is under way.
func (c *Core) maybeActive(n *state.Node) []*state.Instance {
	maybe := map[resources.InstanceID]*state.Instance{}
	for id, i := range n.Instances {
		if i.Role.Active() || i.Action != "" || !i.Probed {
			maybe[id] = i
		}
	}
	for _, id := range c.runOrder {
		r := c.runs[id]
		if r.done {
			continue
		}
		ordered := state.Instance{ID: r.op.Instance}
		if i, found := n.Instances[r.op.Instance]; found {
			ordered = *i
		}
		ordered.Action = id
		maybe[r.op.Instance] = &ordered
	}
	var list []*state.Instance
	for _, id := range slices.Sorted(maps.Keys(maybe)) {
		list = append(list, maybe[id])
	}
	return list
}

func (c *Core) maybePromoted(recorded *state.Instance) bool {
	if recorded.Config == nil || recorded.Config.Clone == nil || !recorded.Config.Clone.Promotable {
		return false
	}
	agent, found := c.config.Agents.Find(recorded.Config.Agent)
	return found && agent.Spec().Promotable && (recorded.Role == resources.RolePromoted || recorded.Action != "" || !recorded.Probed)
}

// lower does the next step of an instance's way down. An operation that is under
// way there is ended.
func (c *Core) lower(l *lowering) {
	if l.recorded.Action != "" {
		c.Cancel(l.recorded.Action)
	}
	id, op := l.recorded.ID, l.ops[0]
	c.enqueue(&task{Task: Task{Kind: KindPolicy, Instance: id, Op: op, Timeout: c.stopTimeout(l.s, id, op), State: l.s}, lowering: l})
}

// lowered takes what one step came to.
func (c *Core) lowered(t *task, result agents.Result, unbuilt string) {
	l := t.lowering
	l.ops = l.ops[1:]
	switch {
	case unbuilt != "":
		c.note(Note{Error: true, Text: "no-quorum policy: " + unbuilt, Instance: t.Instance})
		c.isLowered(l, !l.recorded.Role.Active())
	case !t.begun:
		c.note(Note{Error: true, Text: "no-quorum policy: " + result.Reason, Instance: t.Instance})
		c.isLowered(l, false)
	case len(l.ops) > 0:
		c.lower(l)
	default:
		c.isLowered(l, result.Outcome == agents.OutcomeOK || absent(l.recorded, result))
	}
	c.endStopping()
}

func (c *Core) isLowered(l *lowering, ok bool) {
	c.stopping.left--
	if !ok {
		c.stopping.failed = append(c.stopping.failed, l.recorded.ID)
	}
}

// endStopping draws the consequence when everything is lowered or has failed to
// be.
func (c *Core) endStopping() {
	s := c.stopping
	if s == nil || s.left > 0 {
		return
	}
	c.stopping = nil
	c.idle = len(s.failed) == 0 && !s.demotion
	switch {
	case len(s.failed) > 0:
		c.stuck = s.givenAway
		slices.Sort(s.failed)
		c.out.Die = fmt.Sprintf("could not stop everything (%v): ending this host, so that the others may go on", s.failed)
	case s.givenAway != "":
		if c.stopped = s.givenAway; !c.lost {
			c.resume() // else when there is a leader again
		}
	}
	c.wakeAt(c.now.Add(time.Millisecond)) // there may be a leader by now
}

// absent reports whether an instance that nobody believes to run cannot be here
// at all: that its service is not installed is no reason to end the host.
func absent(recorded *state.Instance, result agents.Result) bool {
	return !recorded.Role.Active() && recorded.Action == "" && (result.Outcome.Hard() || result.Outcome.Fatal())
}

func (c *Core) stopTimeout(s *state.State, id resources.InstanceID, op resources.Op) time.Duration {
	if config, found := s.ConfigOf(c.config.Self, id); found {
		for _, o := range config.Ops {
			if o.Name == op && o.Timeout > 0 {
				return o.Timeout.Std()
			}
		}
		if agent, found := c.config.Agents.Find(config.Agent); found && agent.Spec().Timeouts[op] > 0 {
			return agent.Spec().Timeouts[op]
		}
	}
	return 20 * time.Second
}
