package scheduler

import (
	"cmp"
	"fmt"
	"time"

	"github.com/belay-ha/belay/cluster/policy"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/cluster/transition"
	"github.com/belay-ha/belay/internal/mutant"
	"github.com/belay-ha/belay/resources"
)

// Unfencing (Pacemaker Explained, "Unfencing"): a device that cuts nodes off from
// something, such as shared storage, lets a node in again after each start of it,
// and nothing that requires unfencing starts there before. Other than in Pacemaker,
// a device that is defined anew stops nothing that runs: its nodes are only let in
// again.

// usualRequires is what a resource requires that does not say.
func (p *planner) usualRequires() resources.Requires {
	if p.fenceEnabled() && p.def.Unfences() {
		return resources.RequiresUnfencing
	}
	return resources.RequiresFencing
}

// decideUnfencing adds an action for each node that has to be let in.
func (p *planner) decideUnfencing() {
	if !p.fenceEnabled() {
		return
	}
	for n := range p.nodes {
		node := &p.nodes[n]
		open := p.s.Unfencing[node.name]
		due := p.s.UnfencingDue(node.name)
		if node.inner || !node.defined || !node.alive || node.unclean || node.maintenance || p.s.Fencing[node.name] != nil || due == "" {
			continue
		}
		if node.suspect && open == nil {
			continue // nothing new is put there anyway
		}
		if open != nil {
			due = open.Reason
		}
		node.unfence = p.addAction(transition.Action{
			Key: "unfence " + string(node.name), Kind: transition.KindUnfence, Node: node.name, Reason: due,
			Timeout: cmp.Or(p.def.Properties.FencingTimeout, resources.Duration(defaultFencingTimeout)),
		})
		if open != nil {
			p.followUnfencing(n, open)
		}
	}
}

// followUnfencing plans by an open unfencing: wait for it, or repeat it.
func (p *planner) followUnfencing(n int, f *state.Fencing) {
	node := &p.nodes[n]
	switch f.Phase {
	case state.FencingRunning:
		p.acts[node.unfence].InFlight = resources.ActionID(f.ID)
	case state.FencingFailed:
		node.cutOff = true
		if p.now.Before(f.RetryAt) && f.Refused == p.s.UnfencingDigest(node.name) {
			p.acts[node.unfence].Wait = fmt.Sprintf("failed, tried again at %s: %s", f.RetryAt.UTC().Format(time.RFC3339), f.Error)
			p.recheck(f.RetryAt)
		}
	}
	if f.Error == "" {
		return
	}
	p.problem(transition.Problem{
		Code: "unfence", Severity: transition.SeverityWarning, Node: node.name,
		Text: fmt.Sprintf("node %s is not unfenced, and nothing that requires it starts there: %s", node.name, f.Error),
		Next: "belayctl fence unfence " + string(node.name) + "   # when it is mended",
	})
}

// unfencingOf returns the action that a start of the primitive on the node waits
// for, or -1.
func (p *planner) unfencingOf(q *prim, node int) int32 {
	if q.requires != resources.RequiresUnfencing || mutant.Is(mutant.StartsUnfenced) {
		return -1
	}
	return int32(p.nodes[node].unfence)
}

// afterUnfencing: what requires unfencing is started or promoted on a node only
// after that.
func (p *planner) afterUnfencing(q *prim, rising []int) {
	for _, k := range rising {
		i := &p.insts[k]
		p.raise(p.unfencingOf(q, i.node), i)
	}
}

// probeUnfenced: what cannot be reached cannot be looked at. A node that could not
// be unfenced is looked at all the same, or nothing would start elsewhere.
func (p *planner) probeUnfenced(q *prim) {
	for _, k := range q.insts {
		if i := &p.insts[k]; i.acts[actProbe] >= 0 && !p.nodes[i.node].cutOff {
			p.edge(p.unfencingOf(q, i.node), i.acts[actProbe], false)
		}
	}
}

// banCutOff keeps what requires unfencing, and does not run there already, away
// from nodes that could not be unfenced: it would wait there, and may run elsewhere.
func (p *planner) banCutOff() {
	for n := range p.nodes {
		if !p.nodes[n].cutOff {
			continue
		}
		var banned []string
		for ui := range p.units {
			if u := &p.units[ui]; u.bundle == nil && u.inside == nil && p.waitsForUnfencing(u, n) {
				banned = append(banned, string(u.id))
			}
		}
		if len(banned) > 0 {
			p.locations = append(p.locations, policy.LocationConfig{
				ID: "not unfenced", Sets: []policy.Set{{Resources: banned}}, Node: string(p.nodes[n].name), Score: (-resources.Infinity).String(),
			})
		}
	}
}

// waitsForUnfencing reports whether a unit would have to wait for the unfencing of
// a node that it does not run on.
func (p *planner) waitsForUnfencing(u *unit, node int) bool {
	waits := false
	for _, qi := range u.prims {
		q := &p.prims[qi]
		waits = waits || q.requires == resources.RequiresUnfencing
		for _, k := range q.insts {
			if i := &p.insts[k]; i.node == node && i.active() {
				return false
			}
		}
	}
	return waits
}
