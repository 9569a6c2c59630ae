package sim

import (
	"maps"
	"slices"

	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/resources"
)

// proven holds a proof of death against the host: it is off, or has been since
// the start that is on record.
func (c *checks) proven(before, after *state.State, name resources.NodeName) {
	n, h := after.Nodes[name], c.w.host(name)
	if n == nil || n.Off == nil || before.Nodes[name].Off != nil || h == nil {
		return
	}
	runs := h.powered && !h.crashed && h.bootID() == n.BootID
	switch {
	case !runs || h.wronged > 0:
	case n.Off.By == state.ProofWatchdog && len(h.procs) == 0:
		// It has stopped everything, and starts nothing before a leader lets it.
	case n.Off.By == state.ProofWatchdog && h.dog.dead, n.Off.By == state.ProofKdump && h.liesDump:
		h.wronged = c.w.now // nobody can know; see back
	default:
		c.w.violate("2", "%s counts as off, by %s, and runs", name, n.Off.By)
	}
}

// back holds that a host which was wrongly taken for off takes part again only
// when nothing runs there that was given to others.
func (c *checks) back(command *state.MemberBooted) {
	h := c.w.host(command.Node)
	if h == nil || h.wronged == 0 || command.BootID != h.bootID() {
		return
	}
	for _, id := range slices.Sorted(maps.Keys(h.procs)) {
		if h.procs[id].since <= h.wronged {
			c.w.violate("2", "%s counted as off, takes part again, and still runs %s", h.name, id)
		}
	}
	h.wronged = 0
	c.w.truth.dirty = true
}
