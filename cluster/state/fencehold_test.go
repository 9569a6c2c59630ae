package state

import (
	"testing"

	"github.com/belay-ha/belay/resources"
)

// hold fences node a as one that was fenced too often.
func hold(t *testing.T) *world {
	w := newWorld(t)
	w.by = ByCluster
	w.do(&MemberVerdict{Node: "a", Liveness: LivenessDead, Incarnation: "run-1-a"})
	id := w.do(&FenceRequested{Node: "a", Action: resources.FencingHold, Reason: "lost"}).Fence
	w.do(&FenceStarted{Fence: id, Node: "a", Executor: "b"})
	w.by = "root"
	w.rejected(&FenceReleased{Node: "a"}, Refused, "being fenced now")
	w.do(&FenceReported{Fence: id, Node: "a", Proven: true})
	return w
}

func TestHeldNodeStaysOffUntilItIsReleased(t *testing.T) {
	w := hold(t)
	if len(w.s.Fencing) != 0 || w.s.Nodes["a"].Off == nil || w.s.HeldOff("a") == nil {
		t.Fatalf("open %v, node %+v", w.s.Fencing, w.s.Nodes["a"])
	}
	w.rejected(&FenceReleased{Node: "b"}, Refused, "was not left off")
	id := w.do(&FenceReleased{Node: "a", Reason: "mended"}).Fence
	f := w.s.Fencing["a"]
	if f == nil || f.ID != id || f.Phase != FencingOff || f.By != "root" || w.s.Nodes["a"].Off == nil {
		t.Fatalf("got %+v", f)
	}
	w.do(&FencePoweredOn{Fence: id, Node: "a", Error: "HTTP 500"})
	if w.s.HeldOff("a") == nil {
		t.Fatal("a release that switched nothing on cannot be repeated")
	}
	id = w.do(&FenceReleased{Node: "a"}).Fence
	w.do(&FencePoweredOn{Fence: id, Node: "a"})
	w.do(&MemberBooted{Node: "a", Incarnation: "run-2", BootID: "boot-2", Software: 1})
	if !w.s.Nodes["a"].Online() || w.s.HeldOff("a") != nil || len(w.s.Fencing) != 0 {
		t.Errorf("node %+v, held %v", w.s.Nodes["a"], w.s.HeldOff("a"))
	}
}

// One that an operator has switched off is switched on the same way, from the command
// set on that all understand it so.
func TestReleaseOfANodeThatWasSwitchedOff(t *testing.T) {
	w := newWorld(t)
	for _, name := range w.s.NodeNames() {
		w.do(&MemberBooted{Node: name, Incarnation: "run-2-" + string(name), BootID: "boot-1-" + string(name), Software: Version})
	}
	id := w.do(&FenceRequested{Node: "a", Action: resources.FencingOff, Reason: "asked for"}).Fence
	w.do(&FenceStarted{Fence: id, Node: "a", Executor: "b"})
	w.do(&FenceReported{Fence: id, Node: "a", Proven: true})
	w.rejected(&FenceReleased{Node: "a"}, Refused, "was not left off")
	w.do(&VersionRaised{Version: VersionPremise})
	id = w.do(&FenceReleased{Node: "a", Reason: "moved to its new rack"}).Fence
	if f := w.s.Fencing["a"]; f == nil || f.ID != id || f.Phase != FencingOff || f.Action != resources.FencingRelease {
		t.Fatalf("got %+v", f)
	}
	w.do(&FencePoweredOn{Fence: id, Node: "a"})
	w.rejected(&FenceReleased{Node: "b"}, Refused, "was not left off")
}

func TestReleaseOfANodeThatIsBack(t *testing.T) {
	w := hold(t)
	w.do(&MemberBooted{Node: "a", Incarnation: "run-2", BootID: "boot-2", Software: 1})
	w.do(&FenceReleased{Node: "a"})
	if last := w.s.FenceHistory[len(w.s.FenceHistory)-1]; last.Action != resources.FencingRelease || len(w.s.Fencing) != 0 || !w.s.Nodes["a"].Online() {
		t.Errorf("history ends with %+v", last)
	}
}
