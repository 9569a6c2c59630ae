package policy

import (
	"cmp"
	"slices"

	"github.com/belay-ha/belay/resources"
)

// scoreNote is one contribution to what a resource thinks of a node.
type scoreNote struct {
	r      *resource
	n      *node
	source string
	value  resources.Score
	// promotion: it counts for the promotion of what is placed there.
	promotion bool
}

// scoreNotes collects contributions in the order in which they are made. There
// is none unless someone asks for reasons: nearly all runs only want the plan.
type scoreNotes struct{ list []scoreNote }

// note records a contribution to a score. Whoever changes a table says so here.
func (e *engine) note(r *resource, n *node, source string, value resources.Score) {
	if e.notes == nil || value == 0 {
		return
	}
	e.notes.list = append(e.notes.list, scoreNote{r: r, n: n, source: source, value: value})
}

// notePromotion records a contribution to how much an instance deserves
// promotion.
func (e *engine) notePromotion(r *resource, n *node, source string, value resources.Score) {
	if e.notes != nil && value != 0 {
		e.notes.list = append(e.notes.list, scoreNote{r: r, n: n, source: source, value: value, promotion: true})
	}
}

// noteChange records the difference between two states of a resource's table:
// for what changes many nodes at once and may be taken back.
func (e *engine) noteChange(r *resource, before, after table, source string) {
	if e.notes == nil {
		return
	}
	for _, n := range e.nodes {
		old, now := before[n.index], after[n.index]
		switch {
		case old.score == now.score:
		case now.score <= -resources.Infinity || now.score >= resources.Infinity:
			e.note(r, n, source, now.score)
		default:
			e.note(r, n, source, now.score-old.score)
		}
	}
}

// Explain decides like Compute, and fills Plan.Scores with every primitive's
// scores and with what led to them.
func Explain(in *Input) *Plan {
	e := &engine{in: in, now: in.Now, notes: &scoreNotes{}}
	e.read()
	plan := e.compute()
	plan.Scores = e.scores()
	return plan
}

// scores gives the scores of primitives, by resource, then by node.
func (e *engine) scores() []Score {
	parts := map[scoreKey][]Part{}
	for _, s := range e.notes.list {
		key := scoreKey{s.r, s.n}
		parts[key] = append(parts[key], Part{Source: s.source, Value: s.value, Promotion: s.promotion})
	}
	var list []Score
	for _, r := range e.all {
		if r == nil || r.variant != Primitive || r.allowed == nil {
			continue
		}
		for _, n := range e.nodes {
			w := r.allowed[n.index]
			if !w.in {
				continue
			}
			list = append(list, Score{
				Resource: r.id, Node: n.name, Role: r.nextRole, Value: w.score, Placed: r.assigned == n,
				Parts: parts[scoreKey{r, n}],
			})
		}
	}
	slices.SortStableFunc(list, func(a, b Score) int { return cmp.Compare(a.Resource, b.Resource) })
	return list
}

type scoreKey struct {
	r *resource
	n *node
}
