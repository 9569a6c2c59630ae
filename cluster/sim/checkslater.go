package sim

import (
	"strings"
	"time"

	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/resources"
)

// licensed holds an intent to start or promote something against what has to let
// it: tickets, storage, and the quarantine of nodes that were fenced again.
func (c *checks) licensed(e *entry, intent *state.Intent, before *state.State) {
	r := intent.Instance.Resource()
	if use := ticketOf(before, r, intent.Op); use != nil {
		c.w.violate("ticket", "%s of %s at %s is ordered without its ticket %s", intent.Op, intent.Instance, intent.Node, use.Ticket)
	}
	if e.plan == 0 || e.plan >= uint64(len(c.w.states)) {
		return
	}
	// The rest is no matter of safety: the leader knows what its plan was made from.
	known := c.w.states[e.plan]
	n := known.Nodes[intent.Node]
	if n == nil {
		return
	}
	if h := c.w.host(n.Name); h.gate != nil && n.Unfenced == nil && !n.Witness && intent.Op != resources.OpMigrateTo && needsStorage(known.Definition, r) {
		c.w.violate("unfencing", "%s of %s at %s is ordered before that is unfenced", intent.Op, intent.Instance, n.Name)
	}
	arrives := intent.Op == resources.OpStart || intent.Op == resources.OpMigrateFrom
	if arrives && !activeAround(known, n, r) && quarantined(known, n, e.envelope.At, false) && othersServe(known, n, e.envelope.At) {
		c.w.violate("6", "%s of %s at %s is ordered although that was fenced again and its quarantine is not over", intent.Op, intent.Instance, n.Name)
	}
}

// ticketOf returns the ticket that an operation on a resource needs and that is not
// held; nil if it needs none.
func ticketOf(s *state.State, r resources.ResourceID, op resources.Op) *resources.TicketUse {
	for i := range s.Definition.Tickets {
		use := &s.Definition.Tickets[i]
		if !holds(s.Definition, use.Resource, r) || s.Tickets[use.Ticket].Holds() {
			continue
		}
		if op == resources.OpPromote || op == resources.OpStart && (use.Role != resources.RolePromoted || use.Policy() == resources.LossStop) {
			return use
		}
	}
	return nil
}

// needsTicket reports whether a resource has a part in a ticket's use.
func needsTicket(def *resources.Definition, r resources.ResourceID) bool {
	for i := range def.Tickets {
		if holds(def, def.Tickets[i].Resource, r) {
			return true
		}
	}
	return false
}

// worded holds that an operator's word that a host is off is kept with who gave it,
// and why.
func (c *checks) worded(e *entry, command *state.FenceConfirmed, after *state.State) {
	n := after.Nodes[command.Node]
	for _, f := range after.FenceHistory {
		for _, step := range f.Steps {
			if f.ID == n.Off.Fence && strings.Contains(step.Answer, e.envelope.By) && strings.Contains(step.Answer, command.Reason) {
				return
			}
		}
	}
	c.w.violate("2", "%s counts as off by the word of %s (%s), and nothing says so", command.Node, e.envelope.By, command.Reason)
}

// holds reports whether a resource is, or a group has, another one.
func holds(def *resources.Definition, id, r resources.ResourceID) bool {
	g, grouped := def.GroupOf(r)
	return id == r || grouped && g.ID == id
}

// withoutTicket says what runs, when all has settled, that its ticket does not
// allow.
func (w *world) withoutTicket(s *state.State) string {
	for i := range s.Definition.Tickets {
		use := &s.Definition.Tickets[i]
		t := s.Tickets[use.Ticket]
		if t.Holds() || use.Policy() == resources.LossFreeze && (t == nil || !t.Granted) {
			continue
		}
		for _, h := range w.hosts {
			for id, p := range h.procs {
				may := use.Role == resources.RolePromoted && use.Policy() != resources.LossStop && p.role != resources.RolePromoted
				if holds(s.Definition, use.Resource, id.Resource()) && !may {
					return string(id) + " runs without ticket " + string(use.Ticket)
				}
			}
		}
	}
	return ""
}

// needsStorage reports whether a resource may start only where a device has let the
// node in: where devices do that, each that does not say otherwise.
func needsStorage(def *resources.Definition, r resources.ResourceID) bool {
	defined, found := def.Resource(r)
	if !found {
		return false
	}
	requires := defined.Meta.Requires
	return requires == nil || *requires == resources.RequiresUnfencing
}

// activeAround reports whether a resource, or something of its group, is active on a
// node: what runs there already may stay whole.
func activeAround(s *state.State, n *state.Node, r resources.ResourceID) bool {
	for id, i := range n.Instances {
		together := id.Resource() == r
		if g, grouped := s.Definition.GroupOf(r); grouped {
			together = together || holds(s.Definition, g.ID, id.Resource())
		}
		if together && i.Role.Active() {
			return true
		}
	}
	return false
}

// Defaults of the properties that bound repeated fencing, where the simulated
// definitions leave them out.
const (
	fenceLimit      = 3
	fenceQuarantine = time.Minute
)

// fencedAgain counts, by the history alone, the fencings of a node that the cluster
// asked for and carried through in the window that ends at a time, since it was last
// released; and returns the end of the newest.
func fencedAgain(s *state.State, name resources.NodeName, at time.Time) (times int, off time.Time) {
	window := s.Definition.Properties.FenceLimitWindow.Std()
	for _, f := range s.FenceHistory {
		switch {
		case f.Node != name:
		case f.Action == resources.FencingRelease:
			times = 0
		case f.By != state.ByCluster || f.Phase != state.FencingDone || f.Action == resources.FencingUnfence:
		default:
			off = f.OffAt
			if f.RequestedAt.Add(window).After(at) {
				times++
			}
		}
	}
	return times, off
}

// quarantined reports whether a node that has come back is to be given nothing yet:
// for a minute, or what the definition says, after its second fencing in the window,
// twice as long after each further one. surely leaves a doubt on the other side.
func quarantined(s *state.State, n *state.Node, now time.Time, surely bool) bool {
	p := &s.Definition.Properties
	wait := resources.Or(p.FenceQuarantine, resources.Duration(fenceQuarantine)).Std()
	if s.Version < state.VersionQuarantine || n.Witness || n.Off != nil || !n.Online() || wait == 0 {
		return false
	}
	from := n.BootedAt
	if _, off := fencedAgain(s, n.Name, from); off.After(from) {
		from = off
	}
	times, _ := fencedAgain(s, n.Name, from)
	if times < 2 {
		return false
	}
	wait = min(wait<<(times-2), p.FenceLimitWindow.Std())
	if surely {
		now = now.Add(-planLasts)
	}
	return now.Before(from.Add(wait))
}

// planLasts is how long a plan is carried out that no new state has replaced.
const planLasts = 6 * time.Second

// othersServe reports whether another node than one in quarantine takes part, so
// that this one may be left alone.
func othersServe(s *state.State, n *state.Node, now time.Time) bool {
	for _, name := range s.NodeNames() {
		o := s.Nodes[name]
		_, defined := s.Definition.Node(name)
		serves := defined && !o.Witness && o.Online() && o.Off == nil && !o.Standby && o.Maintenance == nil && s.Fencing[name] == nil
		if o != n && serves && !quarantined(s, o, now, true) {
			return true
		}
	}
	return false
}

// held holds that a node which the cluster fences for the last time that it may is
// left off.
func (c *checks) held(e *entry, command *state.FenceRequested) {
	if e.plan == 0 || e.plan >= uint64(len(c.w.states)) {
		return
	}
	known := c.w.states[e.plan]
	limit := known.Definition.Properties.FenceLimit
	if limit == 0 {
		limit = fenceLimit
	}
	if times, _ := fencedAgain(known, command.Node, e.envelope.At); times+1 >= limit && command.Action != resources.FencingHold {
		c.w.violate("6", "%s is to be fenced for the %d. time, and not to be left off: %s", command.Node, times+1, command.Action)
	}
}
