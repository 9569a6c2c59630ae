package node

import (
	"strings"
	"testing"

	"github.com/belay-ha/belay/cluster/leader"
	"github.com/belay-ha/belay/resources"
)

// A daemon that gossip does not know of yet, because it has just started again,
// answers requests: it lives. One that nothing reaches answers none.
func TestLookAsksTheDaemon(t *testing.T) {
	inWorld(t, 1, 3, func(w *world) {
		by := w.leader()
		other := w.others(by)[0]
		look := func() leader.Looked {
			return by.run().look(w.t.Context(), leader.Look{Node: resources.NodeName(other.name), Address: other.address()})
		}
		w.gossip.Cut(by.gossips(), other.gossips())
		w.gossip.Cut(other.gossips(), by.gossips())
		found := look()
		told := false
		for _, e := range found.Evidence {
			told = told || e.Source == "api" && strings.Contains(e.Text, "its daemon answered")
		}
		if !found.Reachable || !told {
			t.Errorf("gossip alone is cut: %+v", found)
		}
		w.isolate(other)
		if found := look(); found.Reachable {
			t.Errorf("everything is cut: %+v", found)
		}
		w.heal(other)
	})
}
