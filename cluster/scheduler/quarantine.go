package scheduler

import (
	"fmt"
	"slices"
	"time"

	"github.com/belay-ha/belay/cluster/policy"
	"github.com/belay-ha/belay/cluster/transition"
	"github.com/belay-ha/belay/resources"
)

// banQuarantined gives a node nothing to run for some time that has come back
// after it was fenced again: it may be lost again at once, and each return of it
// moves services there and takes them away again. What runs there already stays.
// It waits for others only: where no other node could run anything, it takes part.
func (p *planner) banQuarantined() {
	for n := range p.nodes {
		node := &p.nodes[n]
		q := p.s.QuarantineOf(node.name, p.now)
		if q == nil || node.inner || !node.usable() || !p.othersServe(n) {
			continue
		}
		p.recheck(q.Until)
		p.problem(transition.Problem{
			Code: "fence_quarantine", Severity: transition.SeverityWarning, Node: node.name,
			Text: fmt.Sprintf("node %s was fenced %d times in %s and is in quarantine until %s: nothing is started there before", node.name, q.Times, q.Window, q.Until.UTC().Format(time.RFC3339)),
			Next: "belayctl fence release " + string(node.name),
		})
		var banned []string
		for ui := range p.units {
			if u := &p.units[ui]; u.inside == nil && !p.runsOn(u, n) {
				banned = append(banned, string(u.id))
			}
		}
		if len(banned) > 0 {
			p.locations = append(p.locations, policy.LocationConfig{
				ID: "quarantine", Sets: []policy.Set{{Resources: banned}}, Node: string(node.name), Score: (-resources.Infinity).String(),
			})
		}
	}
}

// othersServe reports whether another node of the same kind takes part that is in
// no quarantine itself. One that is only suspected counts: it keeps what it has.
func (p *planner) othersServe(n int) bool {
	remote := p.def.Remote(p.nodes[n].name)
	for k := range p.nodes {
		o := &p.nodes[k]
		serves := o.defined && !o.inner && o.alive && !o.unclean && !o.standby && !o.maintenance
		if k != n && serves && p.def.Remote(o.name) == remote && p.s.QuarantineOf(o.name, p.now) == nil {
			return true
		}
	}
	return false
}

// runsOn reports whether any part of the unit is active on the node.
func (p *planner) runsOn(u *unit, node int) bool {
	return slices.ContainsFunc(p.members(u.id), func(qi int) bool {
		return slices.ContainsFunc(p.prims[qi].insts, func(k int) bool {
			return p.insts[k].node == node && p.insts[k].active()
		})
	})
}
