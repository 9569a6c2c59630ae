package policy

import (
	"strings"

	"github.com/belay-ha/belay/resources"
)

// What happens to a resource whose ticket is lost.
const (
	lossStop   = "stop"
	lossDemote = "demote"
	lossFence  = "fence"
	lossFreeze = "freeze"
)

// bindTickets binds resources to tickets, and takes from those whose ticket
// is missing what it gives.
func (e *engine) bindTickets() {
	for i := range e.in.TicketUses {
		c := &e.in.TicketUses[i]
		if c.Ticket == "" || !e.holds(c.Lifetime, ruleContext{}) {
			continue
		}
		t := e.ticketNamed(c.Ticket)
		if len(c.Sets) == 0 {
			if !e.useTicket(c, t, c.Resource, c.Role) {
				e.warn("unknown_resource", c.ID, "no resource "+c.Resource)
			}
			continue
		}
		e.useTicketInSets(c, t)
	}
}

// useTicketInSets stops at the first resource that does not exist.
func (e *engine) useTicketInSets(c *TicketConfig, t *ticket) {
	for i := range c.Sets {
		set := &c.Sets[i]
		role := set.Role
		if role == "" {
			role = c.Role
		}
		for _, id := range set.Resources {
			if !e.useTicket(c, t, id, role) {
				e.warn("unknown_resource", c.ID, "no resource "+id)
				return
			}
		}
	}
}

// ticketNamed returns a ticket; one that nobody has heard of is not granted.
func (e *engine) ticketNamed(id string) *ticket {
	if t := e.tickets[id]; t != nil {
		return t
	}
	if e.tickets == nil {
		e.tickets = map[string]*ticket{}
	}
	t := &ticket{id: id}
	e.tickets[id] = t
	return t
}

func (e *engine) useTicket(c *TicketConfig, t *ticket, id, role string) bool {
	r := e.constrained(id)
	if r == nil {
		return false
	}
	use := &ticketUse{id: c.ID, ticket: t, role: parseRole(role)}
	if use.role == RoleStarted {
		use.role = RoleUnknown
	}
	use.loss = e.lossPolicy(c, use.role)
	r.tickets = append(r.tickets, use)
	if !t.granted || t.standby {
		e.withholdTicket(r, use)
	}
	return true
}

func (e *engine) lossPolicy(c *TicketConfig, role Role) string {
	switch policy := strings.ToLower(c.LossPolicy); {
	case policy == lossFence && !e.opt.fencing:
		e.warn("no_fencing", c.ID, "loss-policy fence needs fencing: stop instead")
		return lossStop
	case policy == lossStop, policy == lossDemote, policy == lossFence, policy == lossFreeze:
		return policy
	case role == RolePromoted:
		return lossDemote
	}
	return lossStop
}

// withholdTicket bans what needs the ticket everywhere, or does what else its
// loss demands. Where only the promoted role needs it, promotion looks itself.
func (e *engine) withholdTicket(r *resource, use *ticketUse) {
	if len(r.members) > 0 {
		for _, m := range r.members {
			e.withholdTicket(m, use)
		}
		return
	}
	switch {
	case !use.ticket.granted && len(r.runningOn) > 0:
		e.loseTicket(r, use)
	case use.role == RolePromoted && use.loss != lossStop:
	case !use.ticket.granted:
		e.addScore(r, nil, -resources.Infinity, sourceNoTicket)
	case use.ticket.standby:
		e.addScore(r, nil, -resources.Infinity, sourceStandby)
	}
}

// loseTicket deals with a resource that is active without its ticket.
func (e *engine) loseTicket(r *resource, use *ticketUse) {
	concerned := use.role == RoleUnknown || use.role == r.role
	switch use.loss {
	case lossStop:
		e.addScore(r, nil, -resources.Infinity, sourceTicketLost)
	case lossDemote:
		if use.role != RolePromoted {
			e.addScore(r, nil, -resources.Infinity, sourceTicketLost)
		}
	case lossFence:
		if !concerned {
			return
		}
		e.addScore(r, nil, -resources.Infinity, sourceTicketLost)
		for _, n := range r.runningOn {
			e.fenceNode(n, "deadman ticket was lost", false)
		}
	case lossFreeze:
		if concerned {
			r.unset(flagManaged)
			r.set(flagBlocked)
		}
	}
}
