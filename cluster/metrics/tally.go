package metrics

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/resources"
)

// Tally counts what happens in the cluster while a member watches. It is not safe
// for concurrent use.
type Tally struct {
	// Since is when counting began: what an older entry of the log tells is not
	// counted again when the log is read.
	Since time.Time

	index      uint64 // of the newest state that was seen
	fence      string // the newest fencing that has ended
	operations map[operationKey]int
	took       map[resources.Op]*Durations
	fencings   map[fencingKey]int
	fenced     Durations
}

type operationKey struct {
	op      resources.Op
	outcome agents.Outcome
}

type fencingKey struct {
	node   resources.NodeName
	result string
}

// See takes in the newest state. It looks at what is new since the last, and is
// cheap enough to be called for each.
func (t *Tally) See(s *state.State) {
	for _, e := range slices.Backward(s.Performed) {
		if e.Index <= t.index {
			break
		}
		if e.Kind == state.EventOperation && e.Outcome != nil && !e.At.Before(t.Since) {
			t.operation(&e)
		}
	}
	for _, f := range slices.Backward(s.FenceHistory) {
		if f.ID == t.fence {
			break
		}
		if _, ended := ending(f); ended && !f.EndedAt.Before(t.Since) {
			t.fencing(f)
		}
	}
	if n := len(s.FenceHistory); n > 0 {
		t.fence = s.FenceHistory[n-1].ID
	}
	t.index = s.Index
}

func (t *Tally) operation(e *state.Event) {
	if t.operations == nil {
		t.operations, t.took = map[operationKey]int{}, map[resources.Op]*Durations{}
	}
	t.operations[operationKey{e.Op, *e.Outcome}]++
	if t.took[e.Op] == nil {
		t.took[e.Op] = &Durations{}
	}
	t.took[e.Op].Add(e.Took.Std())
}

func (t *Tally) fencing(f *state.Fencing) {
	if t.fencings == nil {
		t.fencings = map[fencingKey]int{}
	}
	t.fencings[fencingKey{f.Node, resultOf(f)}]++
	if !f.OffAt.IsZero() {
		t.fenced.Add(f.OffAt.Sub(f.RequestedAt))
	}
}

// Families returns the counts.
func (t *Tally) Families() []Family {
	operations := Family{Name: "belay_operations_total", Kind: Counter, Help: "Operations that have ended, by outcome; probes and notices only where they did not end well."}
	keys := slices.SortedFunc(maps.Keys(t.operations), func(a, b operationKey) int {
		return cmp.Or(cmp.Compare(a.op, b.op), cmp.Compare(a.outcome, b.outcome))
	})
	for _, k := range keys {
		operations.Samples = append(operations.Samples, Sample{labels("operation", string(k.op), "outcome", k.outcome.String()), float64(t.operations[k])})
	}
	took := Family{Name: "belay_operation_duration_seconds", Kind: Histogram, Help: "From the entry that recorded an operation to the one that recorded its result."}
	for _, op := range slices.Sorted(maps.Keys(t.took)) {
		took.Spreads = append(took.Spreads, Spread{labels("operation", string(op)), *t.took[op]})
	}
	fencings := Family{Name: "belay_fencings_total", Kind: Counter, Help: "Fencings that have ended, by what came of them."}
	for _, k := range slices.SortedFunc(maps.Keys(t.fencings), func(a, b fencingKey) int {
		return cmp.Or(cmp.Compare(a.node, b.node), cmp.Compare(a.result, b.result))
	}) {
		fencings.Samples = append(fencings.Samples, Sample{labels("node", string(k.node), "result", k.result), float64(t.fencings[k])})
	}
	fenced := Family{Name: "belay_fencing_duration_seconds", Kind: Histogram, Help: "From the request of a fencing to the proof that the node is off.", Spreads: []Spread{{Of: t.fenced}}}
	return []Family{operations, took, fencings, fenced}
}
