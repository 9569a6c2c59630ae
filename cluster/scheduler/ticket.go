package scheduler

import (
	"fmt"

	"github.com/belay-ha/belay/cluster/policy"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/cluster/transition"
	"github.com/belay-ha/belay/internal/mutant"
	"github.com/belay-ha/belay/resources"
)

// judgeTickets takes from resources what a ticket that this site does not hold
// would give them (Pacemaker Explained, "Multi-Site Clusters and Tickets").
func (p *planner) judgeTickets() {
	if mutant.Is(mutant.NoTickets) {
		return
	}
	told := map[resources.TicketName]bool{}
	for i := range p.def.Tickets {
		use := &p.def.Tickets[i]
		ticket := p.s.Tickets[use.Ticket]
		members := p.members(use.Resource)
		if ticket.Holds() || len(members) == 0 {
			continue
		}
		why := fmt.Sprintf("ticket %s is not granted", use.Ticket)
		next := "belayctl ticket grant " + string(use.Ticket)
		if ticket != nil && ticket.Granted {
			why, next = fmt.Sprintf("ticket %s is on standby", use.Ticket), "belayctl ticket activate "+string(use.Ticket)
		}
		for _, qi := range members {
			p.withhold(use, ticket, qi, why)
		}
		// An operator has said so: it is told, and nothing is wrong.
		if !told[use.Ticket] {
			told[use.Ticket] = true
			p.problem(transition.Problem{Code: "ticket", Severity: transition.SeverityInfo, Resource: use.Resource, Text: why, Next: next})
		}
	}
}

// withhold keeps a primitive from running, or only from being promoted, and does
// with what is active what the loss policy says. A ticket on standby is no loss.
func (p *planner) withhold(use *resources.TicketUse, ticket *state.Ticket, qi int, why string) {
	loss := use.Policy()
	if loss == resources.LossFence && !p.fenceEnabled() {
		loss = resources.LossStop
	}
	if ticket == nil || !ticket.Granted {
		for _, k := range p.prims[qi].insts {
			p.loseTicket(use, loss, k, why)
		}
	}
	if use.Role == resources.RolePromoted && loss != resources.LossStop {
		p.banPromotion(qi, why)
		return
	}
	p.prims[qi].stopped, p.prims[qi].stopWhy, p.prims[qi].ticket = true, why, why
}

// loseTicket deals with an instance that is active without its ticket.
func (p *planner) loseTicket(use *resources.TicketUse, loss resources.LossPolicy, k int, why string) {
	i := &p.insts[k]
	concerned := i.active() && (use.Role == resources.RoleUnknown || use.Role == resources.RoleStarted || use.Role == i.cur)
	if !concerned || p.nodes[i.node].unclean {
		return
	}
	switch loss {
	case resources.LossFreeze:
		if !i.pinned {
			i.pinned, i.pinWhy = true, why+", and loss_policy is freeze"
		}
	case resources.LossFence:
		if p.canFence(i.node) && !i.pinned {
			p.wishFenced(i, use.Ticket, fmt.Sprintf("%s, %s runs here, and loss_policy is fence", why, i.id))
		}
	}
}

// banPromotion keeps a primitive's copies from being promoted anywhere.
func (p *planner) banPromotion(qi int, why string) {
	q := &p.prims[qi]
	if q.unit < 0 {
		return
	}
	for n := range p.nodes {
		p.locations = append(p.locations, policy.LocationConfig{
			ID: why, Resource: string(p.units[q.unit].id), Role: "Promoted", Node: string(p.nodes[n].name), Score: (-resources.Infinity).String(),
		})
	}
}
