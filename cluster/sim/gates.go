package sim

import (
	"github.com/belay-ha/belay/cluster/leader"
	"github.com/belay-ha/belay/fencing"
	"github.com/belay-ha/belay/resources"
)

// letNext has the next device of an unfencing let the node in, and answers when one
// has failed or none is left, as cluster/node and fencing.LetIn do: it is asked
// although it may read as open.
func (s *switching) letNext(err error) {
	switch {
	case err != nil:
		s.done(leader.Fenced{Error: err.Error(), Refused: fencing.KindOf(err) == fencing.KindAuth})
	case len(s.gates) == 0:
		s.done(leader.Fenced{Proven: true})
	default:
		f := s.gates[0]
		s.gates = s.gates[1:]
		s.b = s.target.controller(f)
		s.turn = fencing.NewTurn(fencing.PowerOn, fencing.Options{Timeout: s.order.timeout, ConfirmInterval: confirmInterval})
		s.deviceEnds = s.d.mono() + f.Timeout.Std()
		s.ask()
	}
}

// drawLimits draws what bounds repeated fencing.
func drawLimits(c chance, p *resources.Properties) {
	p.FenceLimit = pick(c, []int{0, 0, 4, 5})
	if wait := pick(c, []int{0, 20, 30}); wait > 0 {
		p.FenceQuarantine = ptr(seconds(wait))
	}
}

// drawTickets draws what runs only with a ticket.
func drawTickets(c chance, def *resources.Definition) {
	if !c.of(300) {
		return
	}
	policies := []resources.LossPolicy{"", resources.LossStop, resources.LossFreeze, resources.LossFence}
	add := func(id resources.ResourceID, role resources.Role, loss resources.LossPolicy) {
		use := resources.TicketUse{Ticket: ticketName, Resource: id, Role: role, LossPolicy: loss}
		use.ID = use.DefaultID()
		def.Tickets = append(def.Tickets, use)
	}
	add("door", resources.RoleUnknown, pick(c, policies))
	if find(def, "store") != nil && c.of(500) {
		add("store", resources.RolePromoted, pick(c, append(policies, resources.LossDemote)))
	}
	if len(def.Groups) > 0 && c.of(500) {
		add("group", resources.RoleUnknown, pick(c, policies))
	}
}

// ticketName is the one ticket of the simulated clusters.
const ticketName resources.TicketName = "site"

// drawRequires has some services start where no storage has let the node in.
func drawRequires(c chance, def *resources.Definition) {
	if web := find(def, "web"); web != nil && c.of(300) {
		web.Meta.Requires = ptr(resources.RequiresFencing)
	}
}
