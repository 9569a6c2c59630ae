package policy

import (
	"cmp"
	"slices"
	"time"

	"github.com/belay-ha/belay/resources"
)

// assign puts every resource on a node, or on none. Connections to remote nodes
// go first, since only then is it known which of these nodes there will be. The
// order that utilization calls for is kept for all that follows.
func (e *engine) assign() {
	if e.opt.strategy != placeDefault {
		e.top = e.bySize(e.top)
	}
	if e.haveRemotes {
		for _, r := range e.top {
			if r.is(flagConnection) {
				e.assignResource(r, r.migrateTo, false)
			}
		}
	}
	for _, r := range e.top {
		if !r.is(flagConnection) || !e.haveRemotes {
			e.assignResource(r, nil, false)
		}
	}
}

// assignResource puts a resource, and what it is with, on nodes: on prefer if
// that is as good as any. It returns the node if all of r is on one. Where
// nothing can be found and keepIfFailed is not set, r will be stopped; if it is
// set, nothing is decided, and unassign takes back what was.
func (e *engine) assignResource(r *resource, prefer *node, keepIfFailed bool) *node {
	switch r.variant {
	case Primitive:
		return e.assignPrimitive(r, prefer, keepIfFailed)
	case Group:
		return e.assignGroup(r, prefer, keepIfFailed)
	case Clone:
		return e.assignClone(r, prefer, keepIfFailed)
	case Bundle:
		return e.assignBundle(r, prefer, keepIfFailed)
	}
	return nil
}

// finalAssign puts a resource and all in it on a node, or, if n is nil or
// cannot run it, stops it. force leaves out the question whether n can. It
// reports whether that changed where r is put.
func (e *engine) finalAssign(r *resource, n *node, force bool) bool {
	return e.place(r, n, force, false)
}

// place is finalAssign; with keepIfFailed, failing leaves no trace.
func (e *engine) place(r *resource, n *node, force, keepIfFailed bool) bool {
	if len(r.members) > 0 {
		changed := false
		for _, m := range r.members {
			changed = e.place(m, n, force, keepIfFailed) || changed
		}
		return changed
	}
	if n != nil && !force && !e.mayRun(r, n) {
		if !keepIfFailed {
			e.setNextRole(r, RoleStopped, "node availability")
		}
		n = nil
	}
	changed := r.assigned != n
	e.unassign(r)
	r.unset(flagUnassigned)
	if n == nil {
		if !keepIfFailed {
			e.setNextRole(r, RoleStopped, "unable to assign")
			cannotRun(r)
		}
		return changed
	}
	r.assigned = n
	n.load++
	e.consume(n, r)
	return changed
}

// mayRun reports whether r can be put on a node. Guest nodes are trusted to
// come up.
func (e *engine) mayRun(r *resource, n *node) bool {
	if !n.guest() && !n.usable() {
		return false
	}
	return r.allowed.score(n) >= 0
}

// cannotRun adapts actions that were made already to a resource that has no
// node: it stops, it does not start, and only monitors of the stopped role run.
func cannotRun(r *resource) {
	for _, a := range r.actions {
		switch {
		case a.task == taskStop:
			a.unset(actOptional)
		case a.task == taskStart, a.interval > time.Duration(0) && a.role != RoleStopped:
			a.unset(actRunnable)
		}
	}
}

// unassign takes a resource and all in it off their nodes again.
func (e *engine) unassign(r *resource) {
	r.set(flagUnassigned)
	if len(r.members) > 0 {
		for _, m := range r.members {
			e.unassign(m)
		}
		return
	}
	if n := r.assigned; n != nil {
		r.assigned = nil
		n.load--
		e.release(n, r)
	}
}

// setNextRole decides what a resource becomes.
func (e *engine) setNextRole(r *resource, role Role, why string) {
	r.nextRole = role
}

// bySize sorts resources for strategies that heed utilization: by priority,
// then those that want most to stay, then those that want most to be somewhere.
// What goes first finds most room.
func (e *engine) bySize(list []*resource) []*resource {
	nodes := slices.Clone(e.nodes)
	slices.SortStableFunc(nodes, e.compareClusterNodes)
	wishes := make(map[*resource]table, len(list))
	for _, r := range list {
		wishes[r] = e.wishesOf(r)
	}
	sorted := slices.Clone(list)
	slices.SortStableFunc(sorted, func(a, b *resource) int {
		if c := cmp.Compare(b.priority, a.priority); c != 0 {
			return c
		}
		wa, wb := wishes[a], wishes[b]
		if c := cmp.Compare(scoreAt(wb, b.currentNode()), scoreAt(wa, a.currentNode())); c != 0 {
			return c
		}
		for _, n := range nodes {
			if c := cmp.Compare(wb.score(n), wa.score(n)); c != 0 {
				return c
			}
		}
		return 0
	})
	return sorted
}

func scoreAt(t table, n *node) resources.Score {
	if n == nil {
		return -resources.Infinity
	}
	return t.score(n)
}

// compareClusterNodes orders nodes as a resource that knows nothing would.
func (e *engine) compareClusterNodes(a, b *node) int {
	own := func(n *node) resources.Score {
		if !n.usable() {
			return -resources.Infinity
		}
		return n.ownScore()
	}
	return e.compareNodes(a, b, own(a), own(b), nil)
}
