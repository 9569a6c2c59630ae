package state

import (
	"testing"
)

// A host that counts as off and runs all the same is taken back only when it
// knows of it and has stopped everything.
func TestHostThatCountsAsOffStopsFirst(t *testing.T) {
	again := func(w *world, boot, stopped string) *MemberBooted {
		return &MemberBooted{Node: "a", Incarnation: "run-2", BootID: boot, Software: Version, Stopped: stopped}
	}
	w := newest(t)
	w.dies("a")
	w.off("a")
	fence := w.s.Nodes["a"].Off.Fence
	w.rejected(again(w, "boot-1-a", ""), Conflict, "it has to stop everything first")
	w.rejected(again(w, "boot-1-a", "f1"), Conflict, "it has to stop everything first")
	w.do(again(w, "boot-1-a", fence))
	if n := w.s.Nodes["a"]; n.Off != nil || !n.Online() || w.vip("a").Probed {
		t.Errorf("%+v", n)
	}

	w = newest(t)
	w.dies("a")
	w.off("a")
	w.do(again(w, "boot-2", "")) // its host has started anew: nothing runs

	w = migrant(t) // of an older command set
	w.dies("a")
	w.off("a")
	w.do(again(w, "boot-1-a", ""))
}
