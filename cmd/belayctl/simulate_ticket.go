package main

import (
	"context"

	"github.com/spf13/pflag"

	"github.com/belay-ha/belay/cluster/policy/simulate"
	belay "github.com/belay-ha/belay/cluster/simulate"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/resources"
)

// ticketFlags are the tickets that a simulation supposes to have changed hands.
type ticketFlags struct{ grant, revoke, standby, activate []string }

func (t *ticketFlags) add(flags *pflag.FlagSet) {
	flags.StringArrayVar(&t.grant, "ticket-grant", nil, "a ticket that this site holds; may be given several times, as may the next three")
	flags.StringArrayVar(&t.revoke, "ticket-revoke", nil, "a ticket that this site no longer holds")
	flags.StringArrayVar(&t.standby, "ticket-standby", nil, "a ticket on standby")
	flags.StringArrayVar(&t.activate, "ticket-activate", nil, "a ticket that is no longer on standby")
}

// changes lists them as the commands of `belayctl ticket`.
func (t *ticketFlags) changes() []state.TicketSet {
	var all []state.TicketSet
	add := func(names []string, granted, standby *bool) {
		for _, name := range names {
			all = append(all, state.TicketSet{Ticket: resources.TicketName(name), Granted: granted, Standby: standby})
		}
	}
	yes, no := true, false
	add(t.revoke, &no, nil)
	add(t.grant, &yes, nil)
	add(t.standby, nil, &yes)
	add(t.activate, nil, &no)
	return all
}

// ofCIB lists them for a Pacemaker cluster.
func (t *ticketFlags) ofCIB() []simulate.TicketChange {
	var all []simulate.TicketChange
	for _, c := range t.changes() {
		all = append(all, simulate.TicketChange{Ticket: string(c.Ticket), Granted: c.Granted, Standby: c.Standby})
	}
	return all
}

// knownTickets lists the tickets of the cluster that is simulated.
func (s *simulation) knownTickets(ctx context.Context) []string {
	if s.fromInput() {
		return nil
	}
	if s.cib != "" {
		if in, err := s.read(); err == nil {
			return simulate.Tickets(in)
		}
	} else if current, err := s.source(ctx, s.app.now()); err == nil {
		return belay.Tickets(current)
	}
	return nil
}
