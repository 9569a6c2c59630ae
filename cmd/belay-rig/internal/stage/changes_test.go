package stage

import (
	"slices"
	"testing"

	"github.com/belay-ha/belay/cmd/belay-rig/internal/chaos"
	"github.com/belay-ha/belay/resources"
)

// A definition that replaces another one keeps the changes that were made to that
// one, and what it says itself.
func TestChangesSurviveAnotherDefinition(t *testing.T) {
	node := func(attributes map[string]string) *resources.Definition {
		return &resources.Definition{Nodes: []resources.Node{{Name: "controller-0", Attributes: attributes}, {Name: "controller-1"}}}
	}
	running := node(map[string]string{"osprole": "controller", "chaos-1": "1", "chaos-12": "1", "chaos-x": "1"})
	next := node(map[string]string{"osprole": "controller", "rack": "7"})
	noteChanges(next, attributesOf(running))
	got := changesIn(next)
	slices.Sort(got)
	if !slices.Equal(got, []int64{1, 12}) {
		t.Errorf("changes %v", got)
	}
	if a := next.Nodes[0].Attributes; a["rack"] != "7" || a["osprole"] != "controller" || len(next.Nodes[1].Attributes) != 0 {
		t.Errorf("attributes %v", next.Nodes)
	}
	ledger := chaos.NewLedger()
	for range 13 {
		ledger.Acknowledged(ledger.Next())
	}
	if account := ledger.Check(ledger.Due(), changesIn(next)); len(account.Lost) != 11 || len(account.Strange) != 0 {
		t.Errorf("account %+v", account)
	}
}
