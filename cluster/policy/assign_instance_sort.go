package policy

import (
	"cmp"

	"github.com/belay-ha/belay/resources"
)

// instanceKey is what decides when an instance is assigned. All but the
// colocation score, which is costly, is known before the sorting.
type instanceKey struct {
	r *resource
	// count of nodes where it is active; at is the one that counts, nil where it
	// is not allowed.
	count int
	// rank is the priority, or the best promotion score where that is higher.
	rank    resources.Score
	at      *node
	allowed bool // inactive, or active where it is allowed
	usable  bool
	// siblings that its node has, and whether the collection is allowed there.
	siblings     int32
	parentIn     bool
	failed       bool
	number       int
	colocated    resources.Score
	hasColocated bool
}

func (e *engine) newInstanceKey(r *resource) *instanceKey {
	k := &instanceKey{r: r, count: len(r.runningOn), at: r.currentNode(), allowed: true, failed: r.anyIs(flagFailed), number: instanceNumber(r.id)}
	if k.rank = r.priority; r.parent != nil && r.parent.clone != nil && r.parent.clone.scoresMerged {
		k.rank = max(k.rank, r.promotion)
	}
	if k.at == nil {
		return k
	}
	if w := r.allowed[k.at.index]; !w.in || w.score < 0 {
		k.at, k.allowed = nil, false
		return k
	}
	k.usable = k.at.usable()
	if w := r.parentWeight(k.at); w != nil {
		k.parentIn, k.siblings = true, w.count
	}
	return k
}

// factor is how much of the wishes of one side of a colocation count for the
// other.
func (c *colocation) factor() float32 {
	return float32(c.score) / float32(resources.Infinity)
}

// sortInstances puts instances into the order in which they are assigned.
func (e *engine) sortInstances(list []*resource) {
	keys := make([]*instanceKey, len(list))
	for i, r := range list {
		keys[i] = e.newInstanceKey(r)
	}
	mergeSort(keys, e.compareInstances)
	for i, k := range keys {
		list[i] = k.r
	}
}

// compareInstances is negative if a is to be assigned first. It is not
// transitive (an inactive instance equals others in some ways only), so the
// result depends on how the list is sorted: see mergeSort.
func (e *engine) compareInstances(a, b *instanceKey) int {
	if a.count > 0 && b.count > 0 && a.count != b.count {
		return cmp.Compare(a.count, b.count)
	}
	if a.allowed != b.allowed {
		return firstIf(a.allowed)
	}
	if a.rank != b.rank {
		return cmp.Compare(b.rank, a.rank)
	}
	switch {
	case a.at == nil && b.at == nil:
		return 0
	case a.at == nil || b.at == nil:
		return firstIf(a.at != nil)
	case a.usable != b.usable:
		return firstIf(a.usable)
	case !a.parentIn && !b.parentIn:
		return 0
	case a.parentIn != b.parentIn:
		return firstIf(a.parentIn)
	case a.siblings != b.siblings:
		return cmp.Compare(a.siblings, b.siblings)
	case a.failed != b.failed:
		return firstIf(b.failed)
	}
	e.colocateKey(a)
	e.colocateKey(b)
	if a.colocated != b.colocated {
		return cmp.Compare(b.colocated, a.colocated)
	}
	return cmp.Compare(a.number, b.number)
}

// colocateKey finds out how much the colocations of an instance want it where
// it is.
func (e *engine) colocateKey(k *instanceKey) {
	if k.hasColocated {
		return
	}
	k.hasColocated = true
	here := weight{in: true}
	// Out of the question, as a standby is not; a bundle's node is so for all but one.
	if k.at.ofBundle() || !k.at.remote() && (!k.at.online || k.at.shutdown) {
		here.score = -resources.Infinity
	}
	k.colocated = here.score
	primaries, dependents := e.colocationsOf(k.r)
	if len(primaries) == 0 && len(dependents) == 0 {
		return
	}
	t := make(table, len(e.nodes))
	t[k.at.index] = here
	for _, c := range primaries {
		m := merge{e: e, target: k.r, budget: maxMerges}
		t = m.from(c.primary, c, t, c.factor(), 0)
	}
	for _, c := range dependents {
		if c.influences(k.r) {
			m := merge{e: e, target: k.r, how: mergeNoNegative, budget: maxMerges}
			t = m.from(c.dependent, c, t, c.factor(), mergeNoNegative)
		}
	}
	k.colocated = t[k.at.index].score
}

// firstIf is the comparison of two things of which one comes first.
func firstIf(first bool) int {
	if first {
		return -1
	}
	return 1
}
