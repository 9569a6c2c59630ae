package scheduler

import (
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/resources"
)

// unpackMaintenance finds out whether all of the cluster is left alone, and when
// the next maintenance ends.
func (p *planner) unpackMaintenance() {
	p.maintenance = p.s.InMaintenance(p.now) && !p.opts.unheld
	for _, m := range p.s.Maintenance {
		if m.Holds(p.now) {
			p.recheck(m.Until)
		}
	}
}

// leaveAlone makes a primitive unmanaged that is in maintenance: with everything,
// by its own name or that of its group, or by its agent.
func (p *planner) leaveAlone(q *prim, unit resources.ResourceID) {
	switch m := p.s.MaintenanceOf(p.now, q.res.Agent, q.id, unit); {
	case p.opts.unheld:
	case p.maintenance:
		q.managed = false
	case m != nil:
		q.managed, q.alone = false, scopeWords(m.Scope)
	}
}

// scopeWords says what a scope is, in reasons.
func scopeWords(scope state.Scope) string {
	kind, name := scope.Parts()
	if kind == "agent" {
		return "agent " + name
	}
	return name
}
