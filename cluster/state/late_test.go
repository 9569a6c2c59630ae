package state

import (
	"testing"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/resources"
)

// Messages that arrive later than what they are about: each would, if it were
// believed, let something run twice or leave a node in the wrong state.

func TestReportFromBeforeAnOperationIsRefused(t *testing.T) {
	for name, late := range map[string]agents.Result{
		"it was stopped":     absent,
		"it was not serving": failed,
		"it was not raised":  {Outcome: agents.OutcomeOK, Role: resources.RoleStarted},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.run("a", resources.OpProbe, absent)
			w.run("a", resources.OpStart, ok)
			seen := w.s.Index // a monitor begins; its report is slow
			w.run("a", resources.OpPromote, ok)
			w.rejected(&InstanceReported{Node: "a", Incarnation: "run-1-a", Instance: "vip", Result: late, Seen: seen}, Conflict, "out of date")
			if i := w.vip("a"); i.Role != resources.RolePromoted || i.Failed {
				t.Errorf("got role %s failed %v", i.Role, i.Failed)
			}
		})
	}
}

func TestReportsInTheWrongOrder(t *testing.T) {
	w := newWorld(t)
	w.run("a", resources.OpProbe, absent)
	w.run("a", resources.OpStart, ok)
	first := w.s.Index
	w.do(&NodeStandby{Node: "b", Standby: true})
	w.do(&InstanceReported{Node: "a", Incarnation: "run-1-a", Instance: "vip", Result: ok, Seen: w.s.Index})
	w.rejected(&InstanceReported{Node: "a", Incarnation: "run-1-a", Instance: "vip", Result: absent, Seen: first}, Conflict, "out of date")
}

func TestProofFromBeforeTheHostStartedAgain(t *testing.T) {
	w := newWorld(t)
	w.by = "root" // an operator's fencing is not withdrawn by a return
	id := w.do(&FenceRequested{Node: "a", Action: resources.FencingReboot, Reason: "test"}).Fence
	w.do(&FenceStarted{Fence: id, Node: "a", Executor: "b"})
	w.do(&MemberBooted{Node: "a", Incarnation: "run-2", BootID: "boot-2", Software: 1})
	w.do(&FenceReported{Fence: id, Node: "a", Proven: true})
	if n := w.s.Nodes["a"]; n.Off != nil || !n.Online() {
		t.Error("the power of the earlier start of the host was taken for that of the present one")
	}
	if f := w.s.Fencing["a"]; f == nil || f.Phase != FencingFailed || f.RetryAt.IsZero() {
		t.Errorf("the attempt must be repeated: %+v", f)
	}
	w.do(&FenceStarted{Fence: id, Node: "a", Executor: "b"})
	w.do(&FenceReported{Fence: id, Node: "a", Proven: true})
	if n := w.s.Nodes["a"]; n.Off == nil || n.Lost() {
		t.Error("the proof of the present start was not taken")
	}
}

func TestNodeFencedForWhatItDoesStaysFenced(t *testing.T) {
	w := newWorld(t)
	w.by = ByCluster // a stop failed: the node itself is well
	id := w.do(&FenceRequested{Node: "a", Action: resources.FencingReboot, Reason: "vip could not be stopped"}).Fence
	w.do(&FenceStarted{Fence: id, Node: "a", Executor: "b"})
	alive := &MemberVerdict{Node: "a", Liveness: LivenessAlive, Incarnation: "run-1-a"}
	w.rejected(alive, Conflict, "being fenced although it lives")
	w.do(&FenceReported{Fence: id, Node: "a", Error: "HTTP 503"})
	w.rejected(alive, Conflict, "being fenced although it lives")
	w.do(&FenceStarted{Fence: id, Node: "a", Executor: "c"})
	w.do(&MemberBooted{Node: "a", Incarnation: "run-2", BootID: "boot-1-a", Software: 1})
	if f := w.s.Fencing["a"]; f == nil || f.Phase != FencingRunning {
		t.Errorf("a daemon's restart ended the fencing: %+v", f)
	}
}

func TestAliveIsNoNewsOfANodeThatIsOff(t *testing.T) {
	w := newWorld(t)
	w.do(&MemberVerdict{Node: "a", Liveness: LivenessDead, Incarnation: "run-1-a"})
	w.do(&FenceConfirmed{Node: "a", Reason: "unplugged"})
	w.rejected(&MemberVerdict{Node: "a", Liveness: LivenessAlive, Incarnation: "run-1-a"}, Conflict, "announce itself")
}
