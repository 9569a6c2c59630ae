package policy

import (
	"slices"
	"strings"
)

// sortedOps returns the operations in the order in which they ran. Where they
// are in order already, nothing is copied.
func sortedOps(ops []HistoryOp) []HistoryOp {
	sorted := true
	for i := 1; i < len(ops) && sorted; i++ {
		// Of three, of which one is pending, each may come before the next.
		sorted = ops[i-1].CallID >= 0 && ops[i].CallID >= 0 && compareOps(&ops[i-1], &ops[i]) < 0
	}
	if sorted {
		return ops
	}
	ops = slices.Clone(ops)
	// Of those that cannot be told apart, what was recorded last goes first.
	slices.Reverse(ops)
	order := make([]*HistoryOp, len(ops))
	for i := range ops {
		order[i] = &ops[i]
	}
	mergeSort(order, compareOps)
	out := make([]HistoryOp, len(ops))
	for i, op := range order {
		out[i] = *op
	}
	return out
}

// compareOps is negative if a ran before b, positive if after, and 0 if nobody
// knows. An executor numbers its operations; those on different nodes are
// compared by the time of their results, and pending ones by the transition
// that started them.
func compareOps(a, b *HistoryOp) int {
	return compareWhere(a, b, true)
}

// compareWhere is compareOps of operations that come from one node's history or
// from two: where a record does not say, oneHistory does.
func compareWhere(a, b *HistoryOp, oneHistory bool) int {
	sameNode := oneHistory
	if a.OnNode != "" && b.OnNode != "" {
		sameNode = strings.EqualFold(a.OnNode, b.OnNode)
	}
	switch {
	case sameNode && a.ID == b.ID, a.CallID < 0 && b.CallID < 0:
		return 0
	case sameNode && a.CallID >= 0 && a.CallID < b.CallID:
		return -1
	case sameNode && b.CallID >= 0 && a.CallID > b.CallID:
		return 1
	case a.CallID >= 0 && b.CallID >= 0:
		return compareChanges(a, b)
	}
	return comparePending(a, b)
}

func compareChanges(a, b *HistoryOp) int {
	switch {
	case !a.Changed.IsZero() && a.Changed.Before(b.Changed):
		return -1
	case !b.Changed.IsZero() && b.Changed.Before(a.Changed):
		return 1
	default:
		return 0
	}
}

// comparePending compares operations of which one is pending. A transition
// without a number is a shutdown, which comes last.
func comparePending(a, b *HistoryOp) int {
	switch {
	case a.Controller == "" || b.Controller == "":
		return 0
	case a.Controller != b.Controller || a.Transition == b.Transition:
		// Of another engine: the pending one is the later.
		if b.CallID < 0 {
			return -1
		}
		return 1
	case a.Transition >= 0 && a.Transition < b.Transition, b.Transition < 0:
		return -1
	default:
		return 1
	}
}
