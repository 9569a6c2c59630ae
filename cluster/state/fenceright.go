package state

import (
	"time"

	"github.com/belay-ha/belay/internal/mutant"
	"github.com/belay-ha/belay/resources"
)

// FencePremise is what the cluster asks for a node's fencing for, by the state that
// it was planned from. Between that plan and its entry others are committed: the node
// may have come back, was fenced, or is in maintenance. Apply grants the right only
// while all of the premise holds; what has changed is planned anew.
type FencePremise struct {
	// Revision is that of the definition.
	Revision uint64 `json:"revision"`
	// Since is Node.Since of a node that is lost; zero for one that lives.
	Since time.Time `json:"since,omitzero"`
	// Instance is what a node that lives is fenced for, Changed its Instance.Changed.
	Instance resources.InstanceID `json:"instance,omitempty"`
	Changed  uint64               `json:"changed,omitempty"`
	// Ticket is the one that Instance runs without; empty if it has failed.
	Ticket resources.TicketName `json:"ticket,omitempty"`
}

// mayFence holds the premise and the brakes against the state that a request by the
// cluster itself meets. An operator may do what the cluster may not.
func (t *tx) mayFence(n *Node, p *FencePremise) error {
	if mutant.Is(mutant.PremiseFence) {
		return nil
	}
	if why := t.s.unfounded(n, p); why != "" {
		return reject(Conflict, "node %s is not fenced: %s since that was planned", n.Name, why)
	}
	if why := t.s.spared(n, t.at); why != "" {
		return reject(Refused, "node %s is not fenced: %s", n.Name, why)
	}
	return nil
}

// unfounded says what of a premise holds no more, "" when all of it does.
func (s *State) unfounded(n *Node, p *FencePremise) string {
	switch {
	case s.Revision != p.Revision:
		return "the definition has changed"
	case p.Instance == "" && (!n.Lost() || !n.Since.Equal(p.Since)):
		return "it has come back or was proven off"
	case p.Instance == "":
		return ""
	case !n.Online() || n.Off != nil:
		return "it was lost"
	}
	i, found := n.Instances[p.Instance]
	switch {
	case !found || i.Changed != p.Changed:
		return "something was done about " + string(p.Instance)
	case p.Ticket == "" && !i.Failed:
		return "the failure of " + string(p.Instance) + " was cleared"
	case p.Ticket != "" && s.Tickets[p.Ticket] != nil && s.Tickets[p.Ticket].Granted:
		return "ticket " + string(p.Ticket) + " was granted"
	}
	return ""
}

// spared says which of the brakes keeps the cluster from fencing a node by itself, ""
// for none.
func (s *State) spared(n *Node, at time.Time) string {
	d, _ := s.Definition.At(at)
	_, defined := d.Node(n.Name)
	left, _ := s.FenceBudget(&d.Properties, at)
	silent, members := s.Silent(d)
	switch {
	case n.Witness || !defined || len(d.FencesOf(n.Name)) == 0:
		return "nothing is defined to fence it"
	case !resources.Or(d.Properties.FencingEnabled, true):
		return "fencing is disabled"
	case n.InMaintenance(at) || s.InMaintenance(at):
		return "it is in maintenance"
	case left <= 0:
		return "the fence budget is spent"
	case s.FenceShare(d) <= 0:
		return "half of the members are being fenced or lie fenced"
	case Cliff(silent, members):
		return "more than half of the members are silent at once"
	}
	return ""
}
