package policy

// probeWalk finds the stops and demotions that the probes of a resource come
// before: those of all that has to follow, in case they are parts of restarts.
//
// The probes on all nodes share what it finds, and so do the copies of a clone
// unless it depends on which copy it is. Nothing else that orderProbes does makes
// a difference for it: what a probe is ordered before that way is not followed.
type probeWalk struct {
	e     *engine
	rsc   *resource
	marks []bool // by the action's id
	seen  []*action
	downs []*action
	// own says that the walk under way depends on the resource, and not only on
	// what it is a part of.
	own    bool
	found  []probeReach
	points map[*action]*cloneFan
	copies map[*resource][]*resource // of an interleaved clone: the usable ones, by the node's index
}

// probeReach is what lies behind one action, the resource's own included.
type probeReach struct {
	after *action
	own   bool
	downs []*action
}

// cloneFan sorts what follows the action of an interleaved clone, by index into
// action.after: the actions of each copy, and the rest.
type cloneFan struct {
	rest []int
	of   map[*resource][]int
}

func newProbeWalk(e *engine) *probeWalk {
	return &probeWalk{e: e, marks: make([]bool, len(e.actions)), points: map[*action]*cloneFan{}, copies: map[*resource][]*resource{}}
}

// begin goes on to the probes of another resource. What is kept is what a copy
// of the same clone can ask for again.
func (w *probeWalk) begin(r *resource) {
	kept := w.found[:0]
	if w.rsc != nil && r.parent != nil && r.parent == w.rsc.parent {
		for _, reach := range w.found {
			if !reach.own && reach.after.rsc != w.rsc {
				kept = append(kept, reach)
			}
		}
	}
	w.rsc, w.found = r, kept
}

// from lists the stops and demotions that the action leads to, those of the
// resource itself among them.
func (w *probeWalk) from(after *action) []*action {
	for _, reach := range w.found {
		if reach.after == after {
			return reach.downs
		}
	}
	w.downs, w.own = nil, false
	w.follow(after)
	for _, a := range w.seen {
		w.marks[a.id] = false
	}
	w.seen = w.seen[:0]
	w.found = append(w.found, probeReach{after, w.own, w.downs})
	return w.downs
}

func (w *probeWalk) follow(after *action) {
	if w.marks[after.id] {
		return
	}
	w.marks[after.id] = true
	w.seen = append(w.seen, after)
	r := after.rsc
	if r != nil && r.variant == Primitive {
		w.collect(after)
	}
	within := r != nil && r.variant >= Group && w.rsc.parent != r
	if within && r.variant > Group && r.clone != nil && r.clone.interleave {
		w.followCopy(after)
		return
	}
	for i := range after.after {
		rel := &after.after[i]
		if rel.flags&firstImpliesThen != 0 || within && isMember(rel.action.rsc, r) {
			w.follow(rel.action)
		}
	}
}

// isMember reports whether a collection's action leads on to that of a member
// although it does not imply it.
func isMember(next, r *resource) bool {
	return next != nil && next.variant <= Group && next.parent == r
}

// followCopy goes on from the point of an interleaved clone: to what has to
// follow, and to that copy alone that is the resource's neighbour.
func (w *probeWalk) followCopy(after *action) {
	w.own = true
	fan := w.fanOf(after)
	rest, copy := fan.rest, fan.of[w.partner(after.rsc)]
	for len(rest) > 0 || len(copy) > 0 {
		from := &rest
		if len(rest) == 0 || len(copy) > 0 && copy[0] < rest[0] {
			from = &copy
		}
		i := (*from)[0]
		*from = (*from)[1:]
		w.follow(after.after[i].action)
	}
}

func (w *probeWalk) fanOf(after *action) *cloneFan {
	if fan := w.points[after]; fan != nil {
		return fan
	}
	fan := &cloneFan{of: map[*resource][]int{}}
	for i := range after.after {
		rel := &after.after[i]
		if rel.flags&firstImpliesThen != 0 {
			fan.rest = append(fan.rest, i)
		} else if next := rel.action.rsc; isMember(next, after.rsc) {
			fan.of[next] = append(fan.of[next], i)
		}
	}
	w.points[after] = fan
	return fan
}

// partner is the copy of an interleaved clone that the resource goes with, or
// nil.
func (w *probeWalk) partner(r *resource) *resource {
	n, _ := w.rsc.onlyNode(false)
	if n == nil {
		return new(propagation).neighbour(w.rsc, r, false)
	}
	copies, known := w.copies[r]
	if !known {
		copies = make([]*resource, len(w.e.nodes))
		for _, copy := range r.instances() {
			if on := usableInstanceNode(copy, false); on != nil && copies[on.index] == nil {
				copies[on.index] = copy
			}
		}
		w.copies[r] = copies
	}
	return copies[n.index]
}

// collect takes the actions that undo the one given.
func (w *probeWalk) collect(after *action) {
	down := ""
	switch after.task {
	case taskStart:
		down = taskStop
	case taskPromote:
		down = taskDemote
	default:
		return
	}
	for _, a := range after.rsc.actions {
		if a.key == down && !a.is(actPseudo) {
			w.downs = append(w.downs, a)
		}
	}
}
