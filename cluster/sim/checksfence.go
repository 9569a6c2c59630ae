package sim

import (
	"strings"
	"time"

	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/resources"
)

// Defaults of cluster/scheduler for properties that say nothing.
const (
	fenceBudget  = 3
	fenceWindow  = 10 * time.Minute
	startupGrace = 20 * time.Second
)

// requested holds the granted right to fence against the brakes, and against
// what is true of the node.
func (c *checks) requested(e *entry, command *state.FenceRequested, before *state.State) {
	c.fences++
	if c.calm {
		c.w.violate("9", "%s is to be fenced for faults that must not fence anybody: %s", command.Node, command.Reason)
	}
	if e.envelope.By != state.ByCluster {
		return
	}
	c.held(e, command)
	c.founded(e, command, before)
	properties := before.Definition.Properties
	budget, window := properties.FenceBudget, properties.FenceWindow.Std()
	if budget == 0 {
		budget = fenceBudget
	}
	if window == 0 {
		window = fenceWindow
	}
	spent, down, members := 0, 0, 0
	count := func(f *state.Fencing) {
		free := f.Phase == state.FencingWithdrawn && f.Attempts == 0
		// The wall clock of the leader that planned may differ from this entry's by
		// the time that a commit takes.
		if f.By == state.ByCluster && f.Action != resources.FencingUnfence && !free && f.RequestedAt.Add(window).After(e.envelope.At) {
			spent++
		}
	}
	for _, f := range before.FenceHistory {
		count(f)
	}
	for _, f := range before.Fencing {
		count(f)
	}
	for _, n := range before.Nodes {
		if _, defined := before.Definition.Node(n.Name); defined && !n.Witness {
			members++
		}
		if before.Fencing[n.Name] != nil || n.Off != nil && n.Off.By == "power" {
			down++
		}
	}
	if spent >= budget {
		c.w.violate("6", "%s is to be fenced although %d fencings within %s are all that may be", command.Node, budget, window)
	}
	if down >= max(members/2, 1) {
		c.w.violate("6", "%s is to be fenced although %d of %d members are being fenced or lie fenced", command.Node, down, members)
	}
	c.deserved(e, command, before)
}

// founded holds that what a node is fenced for is so when the right is granted, and
// not only when it was planned.
func (c *checks) founded(e *entry, command *state.FenceRequested, before *state.State) {
	n, premise := before.Nodes[command.Node], command.Premise
	switch {
	case premise == nil: // of a leader that did not know yet that all understand it
	case n.InMaintenance(e.envelope.At):
		c.w.violate("6", "%s is to be fenced although it is in maintenance", n.Name)
	case premise.Instance == "" && !n.Lost():
		c.w.violate("6", "%s is to be fenced as lost although it is %s (proven off: %v)", n.Name, n.Liveness, n.Off != nil)
	case premise.Instance != "":
		i := n.Instances[premise.Instance]
		unticketed := premise.Ticket != "" && !before.Tickets[premise.Ticket].Holds()
		if !n.Online() || i == nil || !i.Failed && !unticketed {
			c.w.violate("6", "%s is to be fenced for %s, which has not failed any more", n.Name, premise.Instance)
		}
	}
}

// deserved holds that nobody is fenced whom everybody could reach all the time.
func (c *checks) deserved(e *entry, command *state.FenceRequested, before *state.State) {
	n, h := before.Nodes[command.Node], c.w.host(command.Node)
	grace := before.Definition.Properties.StartupGrace.Std()
	if grace == 0 {
		grace = startupGrace
	}
	if n.Liveness == state.LivenessUnknown && e.envelope.At.Sub(n.Since) < grace-time.Second {
		c.w.violate("6", "%s was never seen and is to be fenced before its grace is over", command.Node)
	}
	if n.Online() {
		return // it could not stop something: it is fenced for that
	}
	declared := e.envelope.At.Sub(n.Since)
	if declared > freshVerdict || declared < 0 || strings.Contains(command.Reason, "heartbeats") || strings.Contains(command.Reason, "again and again") {
		return // declared long ago, or for what no witness can disprove
	}
	if witness := c.reachedBy(h); witness != nil {
		c.w.violate("6", "%s is to be fenced although the leader reaches %s, and that one reaches it: %s", command.Node, witness.name, command.Reason)
	}
}

const (
	// reachedFor is for how long a member must have been well and in reach of
	// another one that the leader reaches for its fencing to be wrongful: a death
	// is declared after the last looks have ended.
	reachedFor = 5 * time.Second
	// freshVerdict is how long after the verdict a fencing follows from it.
	freshVerdict = 2 * time.Second
)

// reachedBy returns a host that the leader and the accused have both reached,
// and that has reached them, for a while: then the accused has to be spared.
func (c *checks) reachedBy(accused *host) *host {
	leads := c.w.leaderOr(nil)
	since := c.w.now - reachedFor
	well := func(h *host) bool { return h.daemon != nil && h.daemon.started < since && h.frozenUntil < since }
	if leads == nil || !well(leads) || !well(accused) {
		return nil
	}
	for _, h := range c.w.hosts {
		if h != accused && well(h) && c.w.net.sound(leads, h, since) && c.w.net.sound(h, accused, since) {
			return h
		}
	}
	return nil
}

// powerOff holds a member's request to switch a node off against its right to.
func (c *checks) powerOff(d *daemon, target resources.NodeName, fence string) {
	if d.state.Nodes[target] == nil {
		return
	}
	f := d.state.Fencing[target]
	if f == nil || f.ID != fence || f.Phase != state.FencingRunning || f.Executor != d.h.name {
		c.w.violate("6", "%s switches off %s, and the log gives it no right to (%s)", d.h.name, target, fence)
	}
}
