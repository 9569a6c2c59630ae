package policy

import (
	"cmp"
	"strings"

	"github.com/belay-ha/belay/resources"
)

// assignBest puts a primitive on the best of its nodes: on prefer if that is as
// good as any, else, among equals, where it is now.
func (e *engine) assignBest(r *resource, prefer *node, keepIfFailed bool) {
	roomiest := e.limitToCapacity(r)
	if prefer == nil {
		prefer = roomiest
	}
	if !r.is(flagUnassigned) {
		return
	}
	e.place(r, e.chooseNode(r, prefer), false, keepIfFailed)
}

// chooseNode returns the best node for a primitive, usable or not; nil if its
// table is empty.
func (e *engine) chooseNode(r *resource, prefer *node) *node {
	current := r.currentNode()
	best := e.bestNode(r, current)
	if best == nil {
		return nil
	}
	score := r.allowed.score(best)
	if prefer != nil {
		w := r.allowed[prefer.index]
		if w.in && w.score >= max(score, 0) && prefer.usable() {
			return prefer
		}
	}
	if score <= 0 || !best.usable() || current == nil || current == best || r.uniqueInstance() {
		return best
	}
	// Equals are told apart by load and name: none of that is worth a move.
	if w := r.allowed[current.index]; w.in && w.score == score && current.usable() {
		return current
	}
	return best
}

// uniqueInstance reports whether r is an instance of a globally unique clone.
// Several may be on one node, so that none has a claim on where it is.
func (r *resource) uniqueInstance() bool {
	return r.parent != nil && r.parent.variant == Clone && r.parent.is(flagUnique)
}

// bestNode returns the first of r's nodes in the order of preference.
func (e *engine) bestNode(r *resource, current *node) *node {
	var best *node
	var bestScore resources.Score
	for _, n := range e.nodes {
		w := &r.allowed[n.index]
		if !w.in {
			continue
		}
		score := w.score
		if !n.usable() {
			score = -resources.Infinity
		}
		if best == nil || e.compareNodes(n, best, score, bestScore, current) < 0 {
			best, bestScore = n, score
		}
	}
	return best
}

// compareNodes orders two nodes by how well something is placed on them, better
// ones first: by score, by room, by how little was put there, whether it is
// there now, and by name.
func (e *engine) compareNodes(a, b *node, scoreA, scoreB resources.Score, current *node) int {
	if c := cmp.Compare(scoreB, scoreA); c != 0 {
		return c
	}
	if e.opt.strategy == placeMinimal {
		return strings.Compare(a.name, b.name)
	}
	if e.opt.strategy == placeBalanced {
		if c := compareCapacity(a, b); c != 0 {
			return c
		}
	}
	if c := cmp.Compare(a.load, b.load); c != 0 {
		return c
	}
	switch current {
	case a:
		return -1
	case b:
		return 1
	}
	return strings.Compare(a.name, b.name)
}
