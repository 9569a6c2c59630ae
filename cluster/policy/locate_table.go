package policy

import "github.com/belay-ha/belay/resources"

// bundleNodeScore is what a bundle's member thinks of its own guest node, the
// only one that it may use.
const bundleNodeScore resources.Score = 500

// makeTables gives every resource a table of nodes: what it thinks of them
// before anything is said about it. All nodes must be known; it runs between
// the configuration and the status, since histories already ban nodes.
func (e *engine) makeTables() {
	width := len(e.nodes)
	missing := 0
	for _, r := range e.all {
		if r != nil && r.allowed == nil {
			missing++
		}
	}
	slab := make(table, missing*width)
	for _, r := range e.all {
		if r == nil || r.allowed != nil {
			continue
		}
		r.allowed, slab = slab[:width:width], slab[width:]
		e.fillTable(r)
	}
}

// tableOf returns a resource's table. Resources that are found later than
// others (removed ones, in the status) get theirs here.
func (e *engine) tableOf(r *resource) table {
	if r.allowed == nil {
		r.allowed = make(table, len(e.nodes))
		e.fillTable(r)
	}
	return r.allowed
}

// fillTable sets a resource's first opinion of every node: the node's own score
// where the cluster is symmetric, and nothing otherwise. Guest nodes that a
// bundle makes are for the bundle's own member only.
func (e *engine) fillTable(r *resource) {
	own, inner := bundlePlaceOf(r)
	for _, n := range e.nodes {
		w := &r.allowed[n.index]
		switch {
		case own != nil:
			if n == own {
				*w = weight{score: bundleNodeScore, in: true, discovery: discoverExclusive}
			}
		case n.ofBundle():
			*w = weight{score: -resources.Infinity, in: inner, discovery: discoverNever}
		case e.opt.symmetric:
			*w = weight{score: n.ownScore(), in: true}
		}
	}
}

// bundlePlaceOf returns the guest node to which a bundle's member is tied (nil
// for anything else), and whether r is the clone that holds such members.
func bundlePlaceOf(r *resource) (own *node, inner bool) {
	if r.parent == nil {
		return nil, false
	}
	if r.parent.bndl != nil {
		return nil, r.parent.bndl.child == r
	}
	above := r.parent.parent
	if above == nil || above.bndl == nil {
		return nil, false
	}
	for _, rep := range above.bndl.replicas {
		if rep.child == r {
			return rep.node, false
		}
	}
	return nil, false
}

// ofBundle reports whether the node is one that a bundle makes.
func (n *node) ofBundle() bool {
	return n.guest() && n.connection.is(flagReplicaPart)
}

func (n *node) ownScore() resources.Score {
	if n.ofBundle() {
		return -resources.Infinity
	}
	if n.config == nil {
		return 0
	}
	return n.config.Score
}

// addScore adds to what a resource and all in it think of a node, or of all
// nodes if n is nil. A node that is not in the table enters it. source says
// why.
func (e *engine) addScore(r *resource, n *node, score resources.Score, source string) {
	for _, m := range r.members {
		e.addScore(m, n, score, source)
	}
	if n != nil {
		e.addScoreOn(r, n, score, source)
		return
	}
	for _, at := range e.nodes {
		e.addScoreOn(r, at, score, source)
	}
	if score <= -resources.Infinity {
		r.assigned = nil
	}
}

func (e *engine) addScoreOn(r *resource, n *node, score resources.Score, source string) {
	w := &e.tableOf(r)[n.index]
	if !w.in {
		*w = weight{score: n.ownScore(), in: true, discovery: w.discovery}
	}
	w.score = w.score.Add(score)
	e.note(r, n, source, score)
}

// ban keeps a resource off a node, without entering it into the table.
func (e *engine) ban(r *resource, n *node, source string) {
	if w := &e.tableOf(r)[n.index]; w.in && w.score > -resources.Infinity {
		w.score = -resources.Infinity
		e.note(r, n, source, -resources.Infinity)
	}
}

// alive reports whether the node can be acted on: it is there, and nobody
// doubts it.
func (n *node) alive() bool { return n != nil && n.online && !n.unclean }

// anyUsable reports whether some node of the table can run resources and is not
// disliked.
func (e *engine) anyUsable(t table) bool {
	for _, n := range e.nodes {
		if w := &t[n.index]; w.in && w.score >= 0 && n.usable() {
			return true
		}
	}
	return false
}
