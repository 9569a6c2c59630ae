package state

import (
	"github.com/belay-ha/belay/internal/mutant"
	"github.com/belay-ha/belay/resources"
)

// stands reports whether what an intent was planned from still holds. Between the
// plan and its entry others are committed, and one whose proposer never heard what
// became of it may be among them. What has changed is planned anew.
func (t *tx) stands(n *Node, i *Instance, intent *Intent) bool {
	if t.s.Version < VersionLooks || !raises(intent.Op) {
		return true
	}
	if i.Role.Active() && !i.Probed && !mutant.Is(mutant.PremiseUnlooked) {
		return false // nobody knows what runs there: it is looked at first
	}
	if t.s.Version >= VersionTickets && (t.lacksTicket(i.ID.Resource(), intent.Op) || intent.Op == resources.OpStart && i.Role == resources.RolePromoted) {
		return false // its end would hide that the instance was promoted since
	}
	return intent.Op != resources.OpStart || !t.s.exclusive(i.ID) || !t.s.comesElsewhere(n.Name, i.ID) || mutant.Is(mutant.PremiseElsewhere)
}

// lacksTicket reports whether an operation needs a ticket that this site does not
// hold (any more).
func (t *tx) lacksTicket(r resources.ResourceID, op resources.Op) bool {
	if op != resources.OpStart && op != resources.OpPromote || mutant.Is(mutant.PremiseTicket) {
		return false
	}
	for i := range t.ungranted() {
		use := &t.withheld[i]
		// What needs the ticket to be promoted may start without, unless its loss stops it.
		needs := op == resources.OpPromote || use.Role != resources.RolePromoted || use.Policy() == resources.LossStop
		if needs && t.s.Definition.Holds(use.Resource, r) {
			return true
		}
	}
	return false
}

// ungranted returns the uses of tickets that this site does not hold, written out
// once for a command.
func (t *tx) ungranted() []resources.TicketUse {
	if t.withheld != nil || len(t.s.Definition.Tickets) == 0 {
		return t.withheld
	}
	t.withheld = []resources.TicketUse{}
	for _, use := range t.s.Definition.Resolved().Tickets {
		if !t.s.Tickets[use.Ticket].Holds() {
			t.withheld = append(t.withheld, use)
		}
	}
	return t.withheld
}

// raises reports whether more may run after an operation than before.
func raises(op resources.Op) bool {
	switch op {
	case resources.OpStart, resources.OpPromote, resources.OpMigrateTo, resources.OpMigrateFrom:
		return true
	default:
		return false
	}
}

// exclusive reports whether the instance may be on one node only: the copies of an
// anonymous clone share their name.
func (s *State) exclusive(id resources.InstanceID) bool {
	r, defined := s.Definition.Effective(id.Resource())
	if _, inside := s.Definition.BundleOf(id.Resource()); !defined || inside {
		return false
	}
	clone := r.Clone
	if g, grouped := s.Definition.GroupOf(r.ID); grouped {
		clone = g.Clone
	}
	return clone == nil || clone.GloballyUnique
}

// comesElsewhere reports whether the instance runs on another member that is
// online, or is about to. Of one that is lost the planner knows what it takes.
func (s *State) comesElsewhere(node resources.NodeName, id resources.InstanceID) bool {
	for name, n := range s.Nodes {
		i, found := n.Instances[id]
		if !found || name == node || !n.Online() {
			continue
		}
		if op, busy := s.Operations[i.Action]; i.Role.Active() || busy && raises(op.Op) {
			return true
		}
	}
	return false
}
