package simulate

import (
	"fmt"
	"slices"
	"time"

	"github.com/belay-ha/belay/cluster/policy"
	"github.com/belay-ha/belay/resources"
)

const maxScore = resources.Infinity

// Changes are what is supposed to have happened before the plan is made.
type Changes struct {
	// Down nodes left cleanly, failed ones were lost, up ones joined.
	Down, Failed, Up []string
	Standby          []string
	// Tickets are given or taken, in order.
	Tickets []TicketChange
	Quorum  *bool
	At      time.Time // zero: as it was
}

// TicketChange grants or revokes a ticket, or puts it on standby or takes it back
// from there; nil leaves what is.
type TicketChange struct {
	Ticket           string
	Granted, Standby *bool
}

// Apply returns the input with the changes; the input itself stays as it is.
// It is an error to name a node that is not there, or a ticket that nothing needs
// and nobody has heard of.
func Apply(in *policy.Input, c Changes) (*policy.Input, error) {
	present := &policy.Report{}
	if len(c.Up)+len(c.Down)+len(c.Failed)+len(c.Standby) > 0 {
		present = policy.Inspect(in)
	}
	r := newRecord(in, present)
	for _, names := range [][]string{c.Down, c.Failed, c.Up, c.Standby} {
		if err := r.known(names, present); err != nil {
			return nil, err
		}
	}
	for _, name := range c.Up {
		s := r.status(name)
		s.InMembership, s.Peer, s.Join, s.Expected = "true", "online", "member", "member"
	}
	for _, name := range c.Down {
		r.down(name)
	}
	for _, name := range c.Failed {
		s := r.status(name)
		s.InMembership, s.Peer, s.Join, s.Expected = "false", "offline", "down", "member"
	}
	for _, name := range c.Standby {
		r.standby(name)
	}
	for _, t := range c.Tickets {
		if names := Tickets(in); !slices.Contains(names, t.Ticket) {
			return nil, fmt.Errorf("nothing needs a ticket %q%s", t.Ticket, orMeant(t.Ticket, names))
		}
		r.ticket(t)
	}
	if c.Quorum != nil {
		r.in.Quorum = *c.Quorum
	}
	if !c.At.IsZero() {
		r.in.Now = c.At
	}
	return r.in, nil
}

func (r *record) known(names []string, present *policy.Report) error {
	for _, name := range names {
		if _, known := r.ids[name]; known {
			continue
		}
		if _, known := r.byName[name]; known {
			continue
		}
		var all []string
		for _, n := range present.Nodes {
			all = append(all, n.Name)
		}
		if best, ok := resources.Nearest(name, all); ok {
			return fmt.Errorf("no node %q: did you mean %q?", name, best)
		}
		return fmt.Errorf("no node %q: there are %v", name, all)
	}
	return nil
}

// Tickets lists the names of tickets that constraints need or that are known.
func Tickets(in *policy.Input) []string {
	var names []string
	for _, t := range in.Tickets {
		names = append(names, t.ID)
	}
	for _, use := range in.TicketUses {
		names = append(names, use.Ticket)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func (r *record) ticket(c TicketChange) {
	r.in.Tickets = slices.Clone(r.in.Tickets)
	i := slices.IndexFunc(r.in.Tickets, func(t policy.TicketState) bool { return t.ID == c.Ticket })
	if i < 0 {
		i = len(r.in.Tickets)
		r.in.Tickets = append(r.in.Tickets, policy.TicketState{ID: c.Ticket})
	}
	t := &r.in.Tickets[i]
	t.Granted, t.Standby = resources.Or(c.Granted, t.Granted), resources.Or(c.Standby, t.Standby)
}

// standby sets the attribute where it wins: among the transient ones if they
// speak of it, else among the permanent ones.
func (r *record) standby(name string) {
	const attr, on = "standby", "on"
	if i, found := r.byName[name]; found && attribute(r.in.Status[i].Attributes, attr) != "" {
		setAttribute(&r.in.Status[i], attr, on)
		return
	}
	for i := range r.in.Nodes {
		if r.in.Nodes[i].Name == name {
			r.in.Nodes = append([]policy.NodeConfig(nil), r.in.Nodes...)
			r.in.Nodes[i].Attributes = withAttribute(r.in.Nodes[i].Attributes, attr, on)
			return
		}
	}
	setAttribute(r.status(name), attr, on)
}

// orMeant asks whether one of the known names was meant.
func orMeant(name string, known []string) string {
	if best, close := resources.Nearest(name, known); close {
		return fmt.Sprintf(": did you mean %q?", best)
	}
	return ""
}
