package scheduler

import (
	"fmt"
	"time"

	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/resources"
)

// cliff says why nobody is shot although nodes look lost, or "". When more than
// half of the members are silent at the same time, a switch or this side of the
// network has failed, rather than so many hosts: shooting would turn a fault that
// heals into an outage. A suspect counts, so that the first of them to be declared
// dead is not shot while the others still are in doubt.
//
// It needs members without a vote: whoever leads reaches more than half of the
// voters.
func (p *planner) cliff() string {
	silent, members := p.s.Silent(p.def)
	if !state.Cliff(silent, members) {
		return ""
	}
	return fmt.Sprintf("%d of %d members are silent at once, which a network's fault is likelier to cause than so many dead hosts: "+
		"nobody is fenced until half of them are heard; `belayctl fence NODE` fences one all the same", silent, members)
}

// priorityWait returns how long the fencing of a node that has not begun is put
// off because the node is the more important half, or "". Its peers cannot shoot
// at the same time, since the right to fence is an entry of the log; so this only
// gives such a node time to come back (Pacemaker's priority-fencing-delay).
func (p *planner) priorityWait(n int) string {
	delay := p.def.Properties.PriorityFencingDelay.Std()
	node := &p.nodes[n]
	if delay <= 0 || node.wish != "" {
		return ""
	}
	begins := node.st.Since.Add(delay)
	if !p.now.Before(begins) || !p.moreImportant(n) {
		return ""
	}
	p.recheck(begins)
	return fmt.Sprintf("priority_fencing_delay until %s: what it ran has the higher priority", begins.UTC().Format(time.RFC3339))
}

// moreImportant reports whether the living members are no majority of all, and
// what the node runs has a higher priority than what each of them does.
func (p *planner) moreImportant(n int) bool {
	own := p.importance(n)
	members, alive := 0, 0
	for i := range p.nodes {
		other := &p.nodes[i]
		if !other.defined {
			continue
		}
		members++
		if other.alive && !other.suspect {
			alive++
			if p.importance(i) >= own {
				return false
			}
		}
	}
	return alive*2 <= members
}

// importance is the sum of the priorities of what runs on a node; a promoted
// instance counts one more.
func (p *planner) importance(n int) resources.Score {
	sum := resources.Score(0)
	for id, i := range p.nodes[n].st.Instances {
		if !i.Role.Active() {
			continue
		}
		if q, known := p.byPrim[id.Resource()]; known {
			sum += p.units[p.prims[q].unit].priority
		}
		if i.Role == resources.RolePromoted {
			sum++
		}
	}
	return sum
}
