package state

import (
	"testing"
	"time"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/resources"
)

// fenceable returns a world whose nodes have power controllers and have failed to stop
// what they run, and which acts for the cluster itself.
func fenceable(t *testing.T) *world {
	w := newWorld(t)
	d := w.s.Definition.Clone()
	for _, n := range d.Nodes {
		d.Fences = append(d.Fences, resources.FenceDevice{ID: "bmc-" + string(n.Name), Agent: "redfish", Targets: []resources.NodeName{n.Name}})
	}
	w.do(&DefinitionSet{Base: w.s.Revision, Definition: d})
	w.run("b", resources.OpStart, agents.Result{Outcome: agents.OutcomeOK})
	w.run("b", resources.OpStop, agents.Result{Outcome: agents.OutcomeFailed})
	w.by = ByCluster
	return w
}

func (w *world) lose(node resources.NodeName) {
	w.t.Helper()
	w.do(&MemberVerdict{Node: node, Liveness: LivenessDead, Incarnation: "run-1-" + string(node)})
}

// requestFor is a plan's request to fence a node, as the state is now.
func (w *world) requestFor(node resources.NodeName, id resources.InstanceID, ticket resources.TicketName) *FenceRequested {
	p := &FencePremise{Revision: w.s.Revision, Instance: id, Ticket: ticket}
	if id == "" {
		p.Since = w.s.Nodes[node].Since
	} else {
		p.Changed = w.s.Nodes[node].Instances[id].Changed
	}
	return &FenceRequested{Node: node, Action: resources.FencingReboot, Reason: "r", Premise: p}
}

// TestRightToFenceHoldsAgainstItsState: what changes between a plan to fence and its
// entry takes the right away; what does not matter leaves it.
func TestRightToFenceHoldsAgainstItsState(t *testing.T) {
	until := epoch.Add(time.Hour)
	fenceA := func(w *world) { // and have it come back
		w.do(&FenceRequested{Node: "a", Action: resources.FencingReboot, Reason: "lost"})
		id := w.s.Fencing["a"].ID
		w.do(&FenceStarted{Fence: id, Node: "a", Executor: "c"})
		w.do(&FenceReported{Fence: id, Node: "a", Proven: true})
		w.do(&FencePoweredOn{Fence: id, Node: "a"})
	}
	change := func(do func(d *resources.Definition)) func(w *world) {
		return func(w *world) {
			d := w.s.Definition.Clone()
			do(d)
			w.do(&DefinitionSet{Base: w.s.Revision, Definition: d})
		}
	}
	for name, tc := range map[string]struct {
		wish    resources.InstanceID // of b; empty: a is lost
		between func(w *world)
		code    RejectionCode // empty: it is granted
		says    string
	}{
		"nothing happened":       {"", func(*world) {}, "", ""},
		"something elsewhere":    {"", func(w *world) { w.do(&NodeStandby{Node: "c", Standby: true}) }, "", ""},
		"evidence of the same":   {"", func(w *world) { w.lose("a") }, "", ""},
		"its daemon is back":     {"", func(w *world) { w.do(&MemberBooted{Node: "a", Incarnation: "x", BootID: "boot-1-a"}) }, Conflict, "come back"},
		"its host has restarted": {"", func(w *world) { w.do(&MemberBooted{Node: "a", Incarnation: "x", BootID: "y"}) }, Conflict, "come back"},
		"it is heard again":      {"", func(w *world) { w.do(&MemberVerdict{Node: "a", Liveness: LivenessAlive, Incarnation: "run-1-a"}) }, Conflict, "come back"},
		"it is confirmed off":    {"", func(w *world) { w.do(&FenceConfirmed{Node: "a", Reason: "unplugged"}) }, Conflict, "proven off"},
		"it was fenced":          {"", fenceA, Conflict, "proven off"},
		"it was fenced and is back": {"", func(w *world) {
			fenceA(w)
			w.do(&MemberBooted{Node: "a", Incarnation: "x", BootID: "y"})
		}, Conflict, "come back"},
		"it is lost another time": {"", func(w *world) {
			w.do(&MemberVerdict{Node: "a", Liveness: LivenessAlive, Incarnation: "run-1-a"})
			w.lose("a")
		}, Conflict, "come back"},
		"it is no member":   {"", func(w *world) { w.do(&MemberRemoved{Node: "a", Force: true}) }, NotFound, "a"},
		"maintenance of it": {"", func(w *world) { w.do(&NodeMaintenance{Node: "a", On: true}) }, Refused, "maintenance"},
		"maintenance of it is over": {"", func(w *world) {
			w.do(&NodeMaintenance{Node: "a", On: true, Until: epoch.Add(time.Duration(w.index+1) * time.Second)})
		}, "", ""},
		"maintenance of all":    {"", func(w *world) { w.do(&MaintenanceSet{Scope: ScopeCluster, Until: until}) }, Refused, "maintenance"},
		"another definition":    {"", change(func(d *resources.Definition) { d.Fences[0].Agent = "ipmi" }), Conflict, "definition has changed"},
		"half are being fenced": {"", func(w *world) { w.do(&FenceRequested{Node: "b", Action: resources.FencingReboot, Reason: "asked for"}) }, Refused, "half of the members"},
		"most are silent":       {"", func(w *world) { w.do(&MemberVerdict{Node: "b", Liveness: LivenessSuspect, Incarnation: "run-1-b"}) }, Refused, "silent at once"},

		"what could not be stopped":          {"vip", func(*world) {}, "", ""},
		"it was cleaned up":                  {"vip", func(w *world) { w.do(&FailuresCleared{Resource: "vip"}) }, Conflict, "was cleared"},
		"it was stopped":                     {"vip", func(w *world) { w.run("b", resources.OpStop, agents.Result{Outcome: agents.OutcomeOK}) }, Conflict, "something was done"},
		"it failed to stop again":            {"vip", func(w *world) { w.run("b", resources.OpStop, agents.Result{Outcome: agents.OutcomeFailed}) }, Conflict, "something was done"},
		"its daemon restarted, nothing else": {"vip", func(w *world) { w.do(&MemberBooted{Node: "b", Incarnation: "x", BootID: "boot-1-b"}) }, "", ""},
		"its host restarted":                 {"vip", func(w *world) { w.do(&MemberBooted{Node: "b", Incarnation: "x", BootID: "y"}) }, Conflict, "something was done"},
		"its node was lost":                  {"vip", func(w *world) { w.lose("b") }, Conflict, "was lost"},
	} {
		t.Run(name, func(t *testing.T) {
			w := fenceable(t)
			node := resources.NodeName("a")
			if tc.wish != "" {
				node = "b"
			} else {
				w.lose("a")
			}
			request := w.requestFor(node, tc.wish, "")
			tc.between(w)
			if tc.code != "" {
				w.rejected(request, tc.code, tc.says)
				return
			}
			if id := w.do(request).Fence; w.s.Fencing[node] == nil || w.s.Fencing[node].ID != id {
				t.Errorf("the right was not granted: %v", w.s.Fencing)
			}
		})
	}
}

// TestRightToFenceWithoutATicket: what runs without its ticket is a reason until the
// ticket is granted.
func TestRightToFenceWithoutATicket(t *testing.T) {
	w := fenceable(t)
	request := w.requestFor("b", "vip", "geo")
	w.do(&TicketSet{Ticket: "geo", Granted: new(true)})
	w.rejected(request, Conflict, "ticket geo was granted")
	w.do(&TicketSet{Ticket: "geo", Granted: new(false)})
	w.do(request)
}

// TestBudgetHoldsWhenTheRightIsGranted: requests of plans that did not know of each
// other are never more than the budget.
func TestBudgetHoldsWhenTheRightIsGranted(t *testing.T) {
	w := fenceable(t)
	d := w.s.Definition.Clone()
	d.Properties.FenceBudget = 1
	w.do(&DefinitionSet{Base: w.s.Revision, Definition: d})
	w.lose("a")
	w.do(w.requestFor("a", "", ""))
	id := w.s.Fencing["a"].ID
	w.do(&FenceStarted{Fence: id, Node: "a", Executor: "c"})
	w.do(&FenceReported{Fence: id, Node: "a", Proven: true})
	w.do(&FencePoweredOn{Fence: id, Node: "a"})
	w.do(&MemberBooted{Node: "a", Incarnation: "run-1-a2", BootID: "y"})
	w.lose("b")
	request := w.requestFor("b", "", "")
	w.rejected(request, Refused, "budget is spent")
	w.skew = DefaultFenceWindow
	w.do(request)
}

// TestOperatorsAreNotHeldBack: an operator fences whom the cluster would not, and an
// older command means what it meant.
func TestOperatorsAreNotHeldBack(t *testing.T) {
	w := fenceable(t)
	w.do(&NodeMaintenance{Node: "c", On: true})
	w.do(&FenceRequested{Node: "c", Action: resources.FencingReboot, Reason: "asked for"})
	if w.s.Fencing["c"] == nil {
		t.Error("it was not granted")
	}
}
