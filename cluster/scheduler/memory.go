package scheduler

import (
	"slices"
	"time"

	"github.com/belay-ha/belay/cluster/policy"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/cluster/transition"
	"github.com/belay-ha/belay/resources"
)

// Planner plans again and again for one cluster, each time exactly as Plan does,
// and more cheaply: it keeps what it found out about those parts of the state that
// are still the same. The zero value is ready for use, by one goroutine at a time.
//
// Parts are known to be the same by their address: the definition and each node. A
// state shares them with the one before it and never changes them (state.Apply);
// who makes states otherwise must do so, too, or use Plan.
type Planner struct{ memory memory }

// Plan returns the actions that lead from the state to its definition, as the
// function Plan does.
func (p *Planner) Plan(s *state.State, now time.Time, opts Options) transition.Transition {
	return plan(s, now, opts, &p.memory)
}

// memory is what one run of the planner leaves to the next. Nothing in it is
// written to afterwards.
type memory struct {
	def      *resources.Definition
	resolved *resources.Definition // with everything written out, as it is from since until before
	// since and before bound the time for which resolved holds; before is zero where
	// nothing depends on the time.
	since, before time.Time
	ruled         bool                           // whether any value holds by a rule
	digests       map[*resources.Resource]string // of what it defines
	// resources are what the engine was told of the resources, with which those
	// wishes; nil before.
	resources []policy.ResourceConfig
	wishes    []wish
	// The fields below follow from the definition and one node each.
	seen      map[resources.NodeName]sight
	histories map[resources.NodeName][]policy.ResourceHistory
	engine    policy.Planner
}

// sight is what was found on a node.
type sight struct {
	node *state.Node
	// matter are the defined instances that matter; odd says that there are others.
	matter []place
	odd    bool
}

// place is a copy of a primitive, on a node that is known otherwise.
type place struct{ prim, copy int32 }

// forDefinition forgets what followed from another definition, or from rules at
// another time.
func (m *memory) forDefinition(d *resources.Definition, now time.Time) {
	if m.def != d || m.seen == nil || m.outdated(now) {
		resolved, before := d.Resolved().At(now)
		*m = memory{
			def: d, resolved: resolved, since: now, before: before, ruled: d.Ruled(), digests: map[*resources.Resource]string{}, seen: map[resources.NodeName]sight{},
			histories: map[resources.NodeName][]policy.ResourceHistory{}, engine: m.engine,
		}
	}
}

// outdated reports whether rules may give other values at another time; a clock may
// also be set back.
func (m *memory) outdated(now time.Time) bool {
	return m.ruled && (now.Before(m.since) || !m.before.IsZero() && !now.Before(m.before))
}

// sightOf returns what there is on a node that is not gone.
func (p *planner) sightOf(ni int) sight {
	n := &p.nodes[ni]
	// What is hidden depends on the time, too.
	lasts := !slices.ContainsFunc(p.prims, func(q prim) bool { return q.hidden != nil })
	if last, known := p.memory.seen[n.name]; lasts && known && last.node == n.st {
		return last
	}
	found, known := sight{node: n.st}, 0
	for qi := range p.prims {
		q := &p.prims[qi]
		if q.unit < 0 {
			continue // of a removed resource
		}
		for copy, id := range q.ids {
			st := n.st.Instances[id]
			if st != nil {
				known++
			}
			if p.matters(n, q, ni, st) {
				found.matter = append(found.matter, place{int32(qi), int32(copy)})
			}
		}
	}
	found.odd = known < len(n.st.Instances)
	if lasts {
		p.memory.seen[n.name] = found
	}
	return found
}

// wish is what is wanted of a primitive at the moment: it follows from the
// definition, from failures and from maintenance.
type wish struct{ stopped, managed bool }

func (p *planner) wishes() []wish {
	all := make([]wish, len(p.prims))
	for qi := range p.prims {
		q := &p.prims[qi]
		all[qi] = wish{stopped: q.unit >= 0 && q.stopped, managed: q.unit < 0 || q.managed}
	}
	return all
}

// sameHistory returns what the engine was told of a node before, if that is still
// so: it knows it by its address.
func (p *planner) sameHistory(node resources.NodeName, now []policy.ResourceHistory) []policy.ResourceHistory {
	same := func(a, b policy.ResourceHistory) bool {
		return a.Resource == b.Resource && a.Held == b.Held && a.Blocked == b.Blocked && len(a.Ops) == len(b.Ops)
	}
	if before, known := p.memory.histories[node]; known && slices.EqualFunc(before, now, same) {
		return before
	}
	p.memory.histories[node] = now
	return now
}
