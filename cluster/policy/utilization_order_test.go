package policy

import (
	"slices"
	"strconv"
	"testing"
)

// TestTablePlaces: every node is met once, whatever their number, and the order is
// the one that crm_simulate was seen to have.
func TestTablePlaces(t *testing.T) {
	for _, count := range []int{0, 1, 7, 8, 100, 1000} {
		nodes := make([]*node, count)
		for i := range nodes {
			nodes[i] = &node{index: i, id: strconv.Itoa(i)}
		}
		order := tablePlaces(nodes)
		slices.Sort(order)
		for i, number := range order {
			if i != number {
				t.Fatalf("%d nodes are met as %v", count, order)
			}
		}
		if len(order) != count {
			t.Errorf("%d of %d nodes are met", len(order), count)
		}
	}
	if order := tablePlaces([]*node{{id: "2"}, {id: "3"}}); !slices.Equal(order, []int{1, 0}) {
		t.Errorf("2 and 3 are met as %v", order)
	}
}
