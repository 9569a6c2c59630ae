package scheduler

import (
	"slices"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/resources"
)

// lastRan returns up to count nodes where a copy ran last, the latest first:
// where the last that happened to it was a stop that worked, or a monitor that
// found it stopped.
func (p *planner) lastRan(qi, copy, count int) []int {
	if count <= 0 || len(p.prims[qi].ids) == 0 {
		return nil
	}
	id := p.prims[qi].ids[copy]
	var nodes []int
	for n := range p.nodes {
		i := p.nodes[n].st.Instances[id]
		if i == nil || i.Role != resources.RoleStopped || i.Action != "" || !p.nodes[n].usable() {
			continue
		}
		if i.Outcome == agents.OutcomeOK || (i.Failed && i.FailedOp == resources.OpMonitor) {
			nodes = append(nodes, n)
		}
	}
	slices.SortStableFunc(nodes, func(a, b int) int {
		return p.nodes[b].st.Instances[id].Since.Compare(p.nodes[a].st.Instances[id].Since)
	})
	return nodes[:min(count, len(nodes))]
}

// unitStopped reports whether no member of the unit may run.
func (p *planner) unitStopped(u *unit) bool { return len(u.prims) == 0 || p.prims[u.prims[0]].stopped }

// managed reports whether the unit is the cluster's to start and stop.
func (p *planner) managed(u *unit) bool {
	return len(u.prims) > 0 && p.prims[u.prims[0]].managed
}

// pinnedAt reports whether a copy runs on a node and must be left as it is.
func (p *planner) pinnedAt(prim, copy, node int) bool {
	i := p.at(prim, copy, node)
	return i != nil && i.pinned && i.active()
}
