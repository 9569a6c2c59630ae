package state

import (
	"testing"

	"github.com/belay-ha/belay/resources"
)

// The test of one level that fails is over, and leaves a node that was alive to
// be heard again, and looked at before anything is believed of it.
func TestFailedTestOfALevel(t *testing.T) {
	w := newWorld(t)
	w.run("b", resources.OpStart, ok)
	id := w.do(&FenceRequested{Node: "b", Action: resources.FencingReboot, Reason: "test", Level: 2}).Fence
	w.rejected(&FenceRequested{Node: "b", Action: resources.FencingReboot, Reason: "lost"}, Conflict, "being fenced already")
	w.do(&FenceStarted{Fence: id, Node: "b", Executor: "a"})
	w.do(&FenceReported{Fence: id, Node: "b", Error: "HTTP 503", RetryAt: epoch})
	if len(w.s.Fencing) != 0 || len(w.s.FenceHistory) != 1 || w.s.FenceHistory[0].Phase != FencingWithdrawn || w.s.FenceHistory[0].Error != "HTTP 503" {
		t.Fatalf("open %v, history %+v", w.s.Fencing, w.s.FenceHistory)
	}
	n := w.s.Nodes["b"]
	if n.Liveness != LivenessSuspect || n.Off != nil || n.Instances["vip"].Probed || !n.Instances["vip"].Role.Active() {
		t.Errorf("afterwards %s, off %v, vip %+v", n.Liveness, n.Off, n.Instances["vip"])
	}
	w.do(&MemberVerdict{Node: "b", Liveness: LivenessAlive, Incarnation: n.Incarnation})
}

func TestFailedTestOfALostNode(t *testing.T) {
	w := newWorld(t)
	w.do(&MemberVerdict{Node: "b", Liveness: LivenessDead, Incarnation: w.s.Nodes["b"].Incarnation})
	id := w.do(&FenceRequested{Node: "b", Action: resources.FencingReboot, Reason: "test", Level: 2}).Fence
	w.do(&FenceStarted{Fence: id, Node: "b", Executor: "a"})
	w.do(&FenceReported{Fence: id, Node: "b", Error: "HTTP 503"})
	if n := w.s.Nodes["b"]; n.Liveness != LivenessDead || n.Off != nil {
		t.Errorf("a failed test brought a lost node back: %s", n.Liveness)
	}
}

func TestProofsOnRecord(t *testing.T) {
	for _, proof := range []string{"", ProofKdump, ProofCycle} {
		w := newWorld(t)
		w.do(&MemberVerdict{Node: "b", Liveness: LivenessDead, Incarnation: w.s.Nodes["b"].Incarnation})
		id := w.do(&FenceRequested{Node: "b", Action: resources.FencingOff, Reason: "lost"}).Fence
		w.do(&FenceStarted{Fence: id, Node: "b", Executor: "a"})
		w.do(&FenceReported{Fence: id, Node: "b", Proven: true, Proof: proof})
		want := proof
		if want == "" {
			want = ProofPower
		}
		last := w.s.Events[len(w.s.Events)-1]
		if off := w.s.Nodes["b"].Off; off == nil || off.By != want || last.Text == "" {
			t.Errorf("proof %q: on record %+v, event %+v", proof, off, last)
		}
	}
}
