package state

import (
	"testing"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/resources"
)

// newest is migrant in a cluster of the newest command set.
func newest(t *testing.T) *world {
	w := migrant(t)
	fresh := *w.s
	fresh.Version = Version
	w.s = &fresh
	return w
}

func (w *world) probe(node resources.NodeName) resources.ActionID {
	return w.migrate(resources.OpProbe, node, "")
}

func (w *world) cut() bool {
	m := w.s.Migration("vip")
	return m != nil && m.Phase == MigrationCut
}

// Whatever becomes of a migration that was given up, nothing is done on its target
// before its source was looked at: the call may move the instance until then.
func TestTargetIsLookedAtLast(t *testing.T) {
	for name, happens := range map[string]func(*world){
		"it ends unknown":            func(w *world) { w.end(w.leaves(), silent) },
		"it fails":                   func(w *world) { w.end(w.leaves(), failed) },
		"it is cancelled":            func(w *world) { w.end(w.leaves(), agents.Result{Outcome: agents.OutcomeCancelled}) },
		"the source's daemon starts": func(w *world) { w.leaves(); w.boots("a", "boot-1-a") },
		"the target's daemon starts": func(w *world) { id := w.leaves(); w.boots("b", "boot-1-b"); w.end(id, silent) },
		"the target's host starts":   func(w *world) { id := w.leaves(); w.boots("b", "boot-2"); w.end(id, silent) },
		"and it has left after all":  func(w *world) { id := w.leaves(); w.boots("b", "boot-2"); w.end(id, ok) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newest(t)
			happens(w)
			if id := w.probe("b"); id != "" || !w.cut() {
				t.Fatalf("the target is looked at first (%q), or the record is gone: %+v", id, w.s.Migration("vip"))
			}
			w.end(w.probe("a"), silent)
			if !w.cut() {
				t.Error("a look that saw nothing was enough")
			}
			w.end(w.probe("a"), absent)
			if got := w.known("b"); w.cut() || got != (believes{resources.RoleStarted, false}) {
				t.Errorf("after the look at the source, of the target is believed %v", got)
			}
			w.end(w.probe("b"), absent)
			if got := w.known("b"); got != (believes{resources.RoleStopped, true}) {
				t.Errorf("after both looks, of the target is believed %v", got)
			}
		})
	}
}

// The target's proof of death is older than the end of the call: its host may have
// started again and have taken the instance.
func TestTargetIsProvenAgain(t *testing.T) {
	for name, c := range map[string]struct {
		happens func(*world)
		again   bool
	}{
		"it has left":                  {func(w *world) { w.end(w.probe("a"), absent) }, true},
		"it has not left":              {func(w *world) { w.end(w.probe("a"), ok) }, false},
		"the source is proven off":     {func(w *world) { w.dies("a"); w.off("a") }, true},
		"the source's host starts":     {func(w *world) { w.boots("a", "boot-2") }, true},
		"the source was only stopped":  {func(w *world) { w.run("a", resources.OpStop, ok) }, true},
		"nobody has looked any more":   {func(*world) {}, false},
		"the source's daemon restarts": {func(w *world) { w.boots("a", "boot-1-a") }, false},
	} {
		t.Run(name, func(t *testing.T) {
			w := newest(t)
			id := w.leaves()
			w.dies("b")
			w.off("b")
			w.end(id, silent)
			c.happens(w)
			if lost := w.s.Nodes["b"].Lost(); lost != c.again {
				t.Errorf("lost without proof: %v; %v", lost, w.known("b"))
			}
			if role := w.vip("b").Role; c.again != role.Active() {
				t.Errorf("%s on the target", role)
			}
		})
	}
}

// off is the word of an operator.
func (w *world) off(node resources.NodeName) {
	w.do(&FenceConfirmed{Node: node, Reason: "seen"})
}

// A member to which an instance may yet come is not removed.
func TestTargetIsNotRemoved(t *testing.T) {
	w := newest(t)
	id := w.leaves()
	w.boots("b", "boot-2")
	w.end(id, silent)
	w.rejected(&MemberRemoved{Node: "b"}, Refused, "may yet arrive")
	w.end(w.probe("a"), ok)
	w.end(w.probe("b"), absent)
	w.do(&MemberRemoved{Node: "b"})
}
