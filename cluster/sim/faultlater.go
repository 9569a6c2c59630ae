package sim

import (
	"fmt"
	"time"

	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/resources"
)

// edition is what clusters hold: files of testdata say theirs, so that their seeds
// go on to draw the cluster that they once drew.
const (
	edition = editionGates
	// editionGates is the first with gates, tickets and limits of repeated fencing.
	editionGates = 1
)

func seconds(n int) resources.Duration { return resources.Duration(time.Duration(n) * time.Second) }

// laterKinds are the faults that came with editions.
func laterKinds() map[string]kind {
	s := time.Second
	return map[string]kind{
		"gate_hung":      {weight: 2, least: 10 * s, most: 60 * s, begin: gateFault(func(b *bmc, on bool) { b.hang = on })},
		"gate_broken":    {weight: 2, least: 10 * s, most: 60 * s, begin: gateFault(func(b *bmc, on bool) { b.broken = on })},
		"unfence":        {weight: 2, begin: unfence},
		"again":          {weight: 6, amount: 5, begin: again},
		"rollback":       {weight: 4, amount: 8, begin: rollback},
		"ticket_revoked": {weight: 5, least: 5 * s, most: 60 * s, begin: ticketFault(ticketWish{})},
		"ticket_standby": {weight: 3, least: 5 * s, most: 60 * s, begin: ticketFault(ticketWish{granted: true, standby: true})},
		"ticket_blinks":  {weight: 4, least: s / 10, most: 2 * s, begin: ticketBlinks},
		"answer_lost":    {weight: 4, amount: 4, begin: func(w *world, f Fault, h, _ *host) func() { w.leaderOr(h).unheard += f.Amount; return nil }},
		"cleanup_race":   {weight: 3, amount: 3, begin: cleanupRace},
		"join_witness":   {weight: 3, begin: joinWitness},
	}
}

func gateFault(set func(b *bmc, on bool)) begins {
	return func(w *world, f Fault, h, _ *host) func() {
		if h.gate == nil {
			return nil
		}
		set(h.gate, true)
		return func() { set(h.gate, false) }
	}
}

// unfence is an operator who has a node let in again.
func unfence(w *world, f Fault, h, _ *host) func() {
	d := w.operator.anyDaemon()
	if d == nil || h.gate == nil || d.state.Version < state.VersionUnfencing {
		return nil
	}
	return w.ask(h, &state.UnfenceRequested{Node: h.name, Reason: "asked for"})
}

// again is a host whose power comes and goes, each time soon after it is back.
func again(w *world, f Fault, h, _ *host) func() {
	const away, look = 6 * time.Second, time.Second
	left := f.Amount
	h.quick = left > 1
	var cut, watch func()
	cut = func() {
		left--
		h.powerOff("its power comes and goes")
		w.after(away, h.powerOn)
		w.after(away+look, watch)
	}
	watch = func() {
		d := w.operator.anyDaemon()
		switch {
		case w.quiet || left <= 0:
			h.quick = false
		case h.daemon != nil && d != nil && d.state.Nodes[h.name] != nil && d.state.Nodes[h.name].Online():
			cut()
		default:
			w.after(look, watch)
		}
	}
	cut()
	return nil
}

// rollback is an operator who goes back to an earlier definition.
func rollback(w *world, f Fault, h, _ *host) func() {
	d := w.operator.anyDaemon()
	if d == nil || len(d.state.Revisions) < 2 || d.state.Version < state.VersionMore {
		return nil
	}
	earlier := d.state.Revisions[:len(d.state.Revisions)-1]
	to := earlier[len(earlier)-1-f.Amount%len(earlier)]
	w.operator.set(d, to.Definition.Clone(), fmt.Sprintf("rollback to %d", to.Index))
	return nil
}

// cleanupRace is an operator who clears failures, of which there are some, in the
// same moment in which the leader raises what had failed.
func cleanupRace(w *world, f Fault, _, _ *host) func() {
	for _, h := range w.hosts {
		h.mood.fail++
	}
	w.operator.races += f.Amount
	return nil
}

// race clears failures before an intent to raise what runs is recorded, or revokes
// the ticket before one that needs it. Before a request to fence it takes away what
// that is for.
func (o *operator) race(d *daemon, command state.Command) {
	switch command := command.(type) {
	case *state.OperationsStarted:
		o.raceIntents(d, command)
	case *state.FenceRequested:
		o.raceFencing(d, command)
	}
}

// raceFencing clears the failures that a living node is to be fenced for, or has a
// lost one left alone for a while.
func (o *operator) raceFencing(d *daemon, request *state.FenceRequested) {
	if o.races == 0 {
		return
	}
	o.races--
	if request.Premise.Instance != "" {
		o.w.note(d.h, "operator clears the failures that %s is to be fenced for", request.Node)
		d.propose(operatorName, &state.FailuresCleared{}, func(state.Result, error) {})
		return
	}
	o.w.note(d.h, "operator has %s left alone just now", request.Node)
	d.propose(operatorName, &state.NodeMaintenance{Node: request.Node, On: true, Until: d.wall().Add(leftAlone)}, func(state.Result, error) {})
}

// leftAlone is how long a lost node is left alone that somebody has just found.
const leftAlone = 8 * time.Second

func (o *operator) raceIntents(d *daemon, started *state.OperationsStarted) {
	for _, intent := range started.Operations {
		if o.revokes > 0 && needsTicket(d.state.Definition, intent.Instance.Resource()) && d.state.Tickets[ticketName].Holds() {
			o.revokes--
			o.w.note(d.h, "operator revokes the ticket just now")
			no := false
			d.propose(operatorName, &state.TicketSet{Ticket: ticketName, Granted: &no}, func(state.Result, error) {})
			return
		}
		i, found := d.state.Instance(intent.Node, intent.Instance)
		if found && o.races > 0 && raises(intent.Op) && i.Role.Active() && len(i.Failures) > 0 {
			o.races--
			o.w.note(d.h, "operator clears failures just now")
			d.propose(operatorName, &state.FailuresCleared{}, func(state.Result, error) {})
			return
		}
	}
}

// joinWitness has the next host that joins only vote.
func joinWitness(w *world, f Fault, h, _ *host) func() {
	w.operator.joins++
	w.operator.witnesses++
	return nil
}

// ticketWish is what an operator wants a ticket to be.
type ticketWish struct{ granted, standby bool }

func ticketFault(wish ticketWish) begins {
	return func(w *world, f Fault, h, _ *host) func() {
		o := w.operator
		set := func(wish ticketWish) {
			if _, used := o.tickets[ticketName]; !used {
				return
			}
			o.tickets[ticketName] = wish
			if d := o.anyDaemon(); d != nil {
				o.giveTickets(d)
			}
		}
		set(wish)
		return func() { set(ticketWish{granted: true}) }
	}
}

// ticketBlinks is a ticket that is revoked, granted, and revoked again in the moment
// in which what needs it is about to start.
func ticketBlinks(w *world, f Fault, h, other *host) func() {
	again := ticketFault(ticketWish{})(w, f, h, other)
	return func() {
		again()
		w.operator.revokes = 1
	}
}

// giveTickets makes the tickets what they are to be.
func (o *operator) giveTickets(d *daemon) {
	wish, used := o.tickets[ticketName]
	if !used || d.state.Version < state.VersionMore {
		return
	}
	if t := d.state.Tickets[ticketName]; t == nil || t.Granted != wish.granted || t.Standby != wish.standby {
		o.do(d, &state.TicketSet{Ticket: ticketName, Granted: &wish.granted, Standby: &wish.standby})
	}
}
