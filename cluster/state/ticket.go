package state

import (
	"maps"
	"time"

	"github.com/belay-ha/belay/resources"
)

// Ticket is what is known of a ticket: whether this site holds it.
type Ticket struct {
	// Granted tickets let what needs them run, unless they are on Standby: then
	// all of it is stopped in order, whatever its loss policy.
	Granted bool `json:"granted"`
	Standby bool `json:"standby,omitempty"`
	// At and By are when and by whom it was last granted or revoked.
	At time.Time `json:"at,omitzero"`
	By string    `json:"by,omitempty"`
}

// Holds reports whether what needs the ticket may run. A ticket that nobody has
// heard of (nil) is not granted.
func (t *Ticket) Holds() bool { return t != nil && t.Granted && !t.Standby }

// MaxTickets bounds how many tickets the state remembers.
const MaxTickets = 256

// TicketSet grants or revokes a ticket, or puts it on standby or takes it back
// from there; nil fields leave what is. Forget removes all that is known of it,
// which amounts to revoking it.
type TicketSet struct {
	Ticket  resources.TicketName `json:"ticket"`
	Granted *bool                `json:"granted,omitempty"`
	Standby *bool                `json:"standby,omitempty"`
	Forget  bool                 `json:"forget,omitempty"`
}

func (*TicketSet) name() string { return "ticket.set/1" }

func (c *TicketSet) apply(t *tx) error {
	old, known := t.s.Tickets[c.Ticket]
	switch {
	case c.Ticket == "":
		return reject(Invalid, "the ticket's name is missing")
	case c.Forget && !known:
		return noneSuch("", "ticket %q is not known", c.Ticket, keys(t.s.Tickets))
	case !known && len(t.s.Tickets) >= MaxTickets:
		return rejectFor(Refused, ReasonLimitReached, "%d tickets are known already: forget some", MaxTickets)
	}
	t.s.Tickets = maps.Clone(t.s.Tickets)
	if c.Forget {
		delete(t.s.Tickets, c.Ticket)
		t.event("ticket", "", "", "%s forgotten", c.Ticket)
		return nil
	}
	var fresh Ticket
	if known {
		fresh = *old
	}
	if c.Granted != nil && (fresh.Granted != *c.Granted || !known) {
		fresh.Granted, fresh.At, fresh.By = *c.Granted, t.at, t.by
		t.event("ticket", "", "", "%s %s", c.Ticket, map[bool]string{true: "granted", false: "revoked"}[*c.Granted])
	}
	if c.Standby != nil && fresh.Standby != *c.Standby {
		fresh.Standby = *c.Standby
		t.event("ticket", "", "", "%s standby %v", c.Ticket, *c.Standby)
	}
	if t.s.Tickets == nil {
		t.s.Tickets = map[resources.TicketName]*Ticket{}
	}
	t.s.Tickets[c.Ticket] = &fresh
	return nil
}
