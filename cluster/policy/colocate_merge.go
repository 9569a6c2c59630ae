package policy

import (
	"strings"

	"github.com/belay-ha/belay/resources"
)

// mergeKind says how the wishes of colocated resources are merged.
type mergeKind uint8

const (
	// mergePrimaries follows what the resource is with, instead of what is with
	// it.
	mergePrimaries mergeKind = 1 << iota
	// mergeNoNegative keeps wishes from driving a node below zero.
	mergeNoNegative
	// mergeOptional gives up wishes that leave no usable node.
	mergeOptional
)

// unusableNode marks nodes that mergeNoNegative stopped at zero, so that nothing
// is added to them any more.
const unusableNode = -100 * resources.Infinity

// maxMerges bounds how many resources are asked for their wishes in one go:
// without it, colocations in the shape of a lattice would be followed along
// each of their countless paths.
const maxMerges = 1 << 14

// heedDependents adds the wishes of what is with r, by one colocation, to r's
// scores. It is for the time before r is placed.
func (e *engine) heedDependents(c *colocation, r *resource) {
	if !c.influences(nil) {
		return
	}
	how := mergeOptional
	if r.variant == Clone {
		how |= mergeNoNegative
	}
	e.mergeDependents(c.dependent, r, c, float32(c.score)/float32(resources.Infinity), how)
}

// mergeDependents adds to target's scores those of source, a resource that is
// colocated with it by c, times factor, and those of what is colocated with
// source, and so on.
func (e *engine) mergeDependents(source, target *resource, c *colocation, factor float32, how mergeKind) {
	m := merge{e: e, target: target, how: how, budget: maxMerges}
	after := m.from(source, c, target.allowed, factor, how)
	if !sameTable(after, target.allowed) {
		e.noteChange(target, target.allowed, after, "wish of "+c.dependent.id+" by "+c.id)
		copy(target.allowed, after)
		e.giveBack(after)
	}
}

// wishesOf returns a copy of r's scores with those of what it is with: how it
// would like to be placed. The caller gives it back.
func (e *engine) wishesOf(r *resource) table {
	m := merge{e: e, how: mergePrimaries, budget: maxMerges}
	return m.own(r, mergePrimaries)
}

// merge is one call of mergeDependents.
type merge struct {
	e      *engine
	target *resource
	how    mergeKind
	budget int
}

// own starts with the scores of source itself, without a target.
func (m *merge) own(source *resource, how mergeKind) table {
	for source.group != nil && len(source.members) > 0 {
		source = source.members[len(source.members)-1]
	}
	m.target = source
	source.set(flagUpdating)
	work := m.chain(source, nil, m.e.borrow(source.allowed), 1, how)
	source.unset(flagUpdating)
	return work
}

// from returns the table with the wishes of source added: a new one, or the
// given one if there are none or they had to be taken back.
func (m *merge) from(source *resource, c *colocation, into table, factor float32, how mergeKind) table {
	if source.is(flagUpdating) || m.budget <= 0 {
		return into
	}
	m.budget--
	if source.group != nil {
		if len(source.members) == 0 {
			return into
		}
		source.set(flagUpdating)
		into = m.from(source.members[0], c, into, factor, how)
		source.unset(flagUpdating)
		return into
	}
	source.set(flagUpdating)
	defer source.unset(flagUpdating)
	work := m.e.borrow(into)
	m.add(work, source, c, factor)
	return m.chain(source, into, work, factor, how)
}

// chain adds to work, which has source's own wishes, those of what is colocated
// with source. If nobody could use the result, it returns what it began with.
func (m *merge) chain(source *resource, into, work table, factor float32, how mergeKind) table {
	e := m.e
	if e.anyUsable(work) {
		work = m.follow(source, work, factor, how)
	} else if how&mergeOptional != 0 {
		e.giveBack(work)
		return into
	}
	if how&mergeNoNegative != 0 {
		for i := range work {
			if work[i].score == unusableNode {
				work[i].score = 1
			}
		}
	}
	return work
}

func (m *merge) follow(source *resource, work table, factor float32, how mergeKind) table {
	list := m.e.dependentsOf(source)
	if how&mergePrimaries != 0 {
		list = m.e.primariesOf(source)
	}
	for _, c := range list {
		other := c.primary
		if how&mergePrimaries == 0 {
			if !c.influences(nil) {
				continue
			}
			other = c.dependent
		}
		share := factor * float32(c.score) / float32(resources.Infinity)
		next := m.from(other, c, work, share, how|mergeOptional)
		if !sameTable(next, work) {
			m.e.giveBack(work)
			work = next
		}
	}
	return work
}

// add adds to each node the best score that source has for nodes with the same
// attribute.
func (m *merge) add(work table, source *resource, c *colocation, factor float32) {
	best := m.bestScores(source, c)
	for _, n := range m.e.nodes {
		w := &work[n.index]
		if !w.in || w.score == unusableNode {
			continue
		}
		score := best(n)
		if factor < 0 && score < 0 && !m.mayPush(c, score) {
			continue
		}
		sum := w.score.Add(attenuate(score, factor))
		if m.how&mergeNoNegative != 0 && sum < 0 {
			switch {
			case w.score > 0:
				w.score = unusableNode
				continue
			case w.score == 0:
				continue
			}
		}
		w.score = sum
	}
}

// mayPush reports whether a primary should go where a dependent, which must not
// be with it, cannot: only to spare a dependent that has a single place left,
// and only if the primary is not too attached to its own.
func (m *merge) mayPush(c *colocation, score resources.Score) bool {
	return c.primary.stickiness < -score && c.influences(nil) && m.e.allowedOnOne(c.dependent)
}

func (e *engine) allowedOnOne(r *resource) bool {
	count := 0
	for i := range r.allowed {
		if w := &r.allowed[i]; w.in && w.score >= 0 {
			count++
		}
	}
	return count == 1
}

// attenuate multiplies a score with a factor, rounding to the nearest. What is
// not zero stays so.
func attenuate(score resources.Score, factor float32) resources.Score {
	product := factor * float32(score)
	var rounded resources.Score
	if product < 0 {
		rounded = resources.Score(float64(product) - 0.5)
	} else {
		rounded = resources.Score(float64(product) + 0.5)
	}
	if rounded == 0 && score != 0 {
		switch {
		case factor > 0:
			return 1
		case factor < 0:
			return -1
		}
	}
	return rounded
}

// bestScores returns a function that gives, for a node of the target, the best
// score of the source on usable nodes with the same value of the colocation's
// attribute.
func (m *merge) bestScores(source *resource, c *colocation) func(*node) resources.Score {
	e := m.e
	t := e.withGroupLocations(source, c)
	if c.attribute == "" && !e.guestsInvolved(source, m.target) {
		return func(n *node) resources.Score {
			if !n.usable() {
				return -resources.Infinity
			}
			return t.score(n)
		}
	}
	best := map[string]resources.Score{}
	for _, n := range e.nodes {
		if w := &t[n.index]; w.in && n.usable() {
			key := e.attributeKey(n, c.attribute, source)
			if old, known := best[key]; !known || w.score > old {
				best[key] = w.score
			}
		}
	}
	return func(n *node) resources.Score {
		if score, known := best[e.attributeKey(n, c.attribute, m.target)]; known {
			return score
		}
		return -resources.Infinity
	}
}

// attributeKey returns what compares equal for nodes that belong together.
func (e *engine) attributeKey(n *node, attribute string, r *resource) string {
	value, known := e.colocationAttribute(n, attribute, r)
	if !known {
		return ""
	}
	return "=" + strings.ToLower(value)
}

// guestsInvolved reports whether a guest node may stand for its host in the
// eyes of one of the resources.
func (e *engine) guestsInvolved(a, b *resource) bool {
	return e.haveRemotes && (hostAttributes(a) || hostAttributes(b))
}

// withGroupLocations returns source's table. Where source is a later member of
// a group and was colocated itself, the locations of its group, which only the
// first member has, are added: they bind it all the same.
func (e *engine) withGroupLocations(source *resource, c *colocation) table {
	group := source.parent
	if c.implicit || c.dependent != source || group == nil || group.group == nil ||
		firstOf(group, source) || len(group.locations) == 0 {
		return source.allowed
	}
	t := source.allowed.clone()
	notes := e.notes
	e.notes = nil // nothing of this is kept
	for _, l := range group.locations {
		e.applyLocationTo(source, t, l, false)
	}
	e.notes = notes
	return t
}

func sameTable(a, b table) bool {
	return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0])
}
