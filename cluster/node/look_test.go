package node

import (
	"slices"
	"strings"
	"testing"

	"github.com/belay-ha/belay/cluster/leader"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/resources"
)

// A daemon that gossip does not know of yet, because it has just started again,
// answers requests: it lives, also when its release does not know the question. One
// that nothing reaches answers none.
func TestLookAsksTheDaemon(t *testing.T) {
	inWorld(t, 1, 3, func(w *world) {
		by := w.leader()
		other := w.others(by)[0]
		look := func() (found leader.Looked, told bool) {
			found = by.run().look(w.t.Context(), leader.Look{Node: resources.NodeName(other.name), Address: other.address()})
			told = slices.ContainsFunc(found.Evidence, func(e state.Evidence) bool {
				return e.Source == "api" && strings.Contains(e.Text, "its daemon answered")
			})
			return found, told
		}
		w.gossip.Cut(by.gossips(), other.gossips())
		w.gossip.Cut(other.gossips(), by.gossips())
		if found, told := look(); !found.Reachable || !told {
			t.Errorf("gossip alone is cut: %+v", found)
		}
		other.mu.Lock()
		other.older = "/v1/peer/echo"
		other.mu.Unlock()
		if found, told := look(); !found.Reachable || !told {
			t.Errorf("its release does not know the question, and says so: %+v", found)
		}
		w.isolate(other)
		if found, told := look(); found.Reachable || told {
			t.Errorf("everything is cut: %+v", found)
		}
		w.heal(other)
	})
}
