package api

import (
	"slices"
	"testing"

	"github.com/belay-ha/belay/cluster/state"
)

// TestHistoryIsInTheOrderOfTheLog: both lists become one, and a second look
// brings only what is new.
func TestHistoryIsInTheOrderOfTheLog(t *testing.T) {
	s := state.New()
	s.Events = []state.Event{{Index: 2, Kind: "member"}, {Index: 7, Kind: "verdict"}, {Index: 9, Kind: "fencing"}}
	s.Performed = []state.Event{{Index: 3, Kind: "plan"}, {Index: 7, Kind: "operation"}, {Index: 8, Kind: "operation"}}
	kinds := func(after uint64) []string {
		list := []string{}
		for _, e := range HistoryAfter(s, after) {
			list = append(list, e.Kind)
		}
		return list
	}
	if got := kinds(0); !slices.Equal(got, []string{"member", "plan", "verdict", "operation", "operation", "fencing"}) {
		t.Errorf("all: %v", got)
	}
	if got := kinds(7); !slices.Equal(got, []string{"operation", "fencing"}) {
		t.Errorf("after 7: %v", got)
	}
	if got := kinds(9); len(got) != 0 {
		t.Errorf("after the newest: %v", got)
	}
	if s.Events[1].Kind != "verdict" || s.Performed[0].Kind != "plan" {
		t.Error("the state was changed")
	}
}

// TestHistoryOverTheWire asks a member for its own copy, and refuses nonsense.
func TestHistoryOverTheWire(t *testing.T) {
	m := newMember(t, "a")
	for path, want := range map[string]int{"/v1/history?stale=1": 200, "/v1/history": 200, "/v1/history?after=yesterday": 400} {
		if status, body := m.ask("carol", "belay:viewer", "GET", path, ""); status != want {
			t.Errorf("%s: %d %s, want %d", path, status, body, want)
		}
	}
}
