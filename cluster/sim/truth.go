package sim

import (
	"maps"
	"slices"

	"github.com/belay-ha/belay/resources"
)

// truth is what really runs on all hosts, and what may.
type truth struct {
	w     *world
	dirty bool
	// limits are the widest that any revision of the definition gave.
	limits map[resources.ResourceID]limits
}

// limits is how often a resource may run at once.
type limits struct {
	total, node, promoted int
	// unsafe resources may start without proof that they do not run elsewhere.
	unsafe bool
}

func (w *world) truthChanged() { w.truth.dirty = true }

// allow takes a definition's limits over. What an earlier revision allowed may
// still run for a while.
func (t *truth) allow(def *resources.Definition) {
	if t.limits == nil {
		t.limits = map[resources.ResourceID]limits{}
	}
	for i := range def.Resources {
		r := &def.Resources[i]
		l := limitsOf(r, len(t.w.hosts))
		old := t.limits[r.ID]
		t.limits[r.ID] = limits{max(l.total, old.total), max(l.node, old.node), max(l.promoted, old.promoted), l.unsafe || old.unsafe}
	}
}

func limitsOf(r *resources.Resource, hosts int) limits {
	l := limits{total: 1, node: 1}
	if c := r.Clone; c != nil {
		l.total, l.node = resources.Or(c.Max, hosts), resources.Or(c.NodeMax, 1)
		if c.Promotable {
			l.promoted = resources.Or(c.PromotedMax, 1)
		}
	}
	requires := resources.Or(r.Meta.Requires, resources.RequiresFencing)
	l.unsafe = requires != resources.RequiresFencing && requires != resources.RequiresUnfencing
	return l
}

// check counts what runs on all hosts that have power. A frozen host counts: it
// may go on at any moment.
func (t *truth) check() {
	t.dirty = false
	type tally struct{ total, promoted int }
	all := map[resources.ResourceID]tally{}
	for _, h := range t.w.hosts {
		if h.wronged > 0 {
			continue // its services were given away by an operator's word; see checks.back
		}
		here := map[resources.ResourceID]int{}
		for id, p := range h.procs {
			r := id.Resource()
			n := all[r]
			n.total++
			if p.role == resources.RolePromoted {
				n.promoted++
			}
			all[r] = n
			here[r]++
			if l, known := t.limits[r]; known && here[r] > l.node {
				t.w.violate("1", "%s runs %d times on %s, which may run it %d times", r, here[r], h.name, l.node)
			}
		}
	}
	for _, r := range slices.Sorted(maps.Keys(all)) {
		n, l := all[r], t.limits[r]
		switch {
		case l.unsafe:
		case n.total > l.total:
			t.w.violate("1", "%s runs %d times, on %v: it may run %d times", r, n.total, t.places(r), l.total)
		case n.promoted > l.promoted:
			t.w.violate("1", "%s is promoted %d times, on %v: it may be %d times", r, n.promoted, t.places(r), l.promoted)
		}
	}
}

// places lists the hosts that run a resource.
func (t *truth) places(r resources.ResourceID) []resources.NodeName {
	var names []resources.NodeName
	for _, h := range t.w.hosts {
		for id := range h.procs {
			if id.Resource() == r {
				names = append(names, h.name)
			}
		}
	}
	return slices.Compact(names)
}
