package state

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/resources"
)

// world applies commands one after another, one second apart, and checks after
// each that the state before it did not change.
type world struct {
	t     *testing.T
	s     *State
	index uint64
	by    string
	// skew is added to the proposer's clock.
	skew time.Duration
}

func newWorld(t *testing.T) *world {
	w := &world{t: t, s: New(), by: "test"}
	w.do(&ClusterCreated{ID: "id", Name: "overcloud", Node: "a", Address: "192.0.2.1:7450", Serial: "01"})
	for _, name := range []resources.NodeName{"b", "c"} {
		token := "t-" + string(name)
		w.do(&TokenCreated{ID: token, ExpiresAt: epoch.Add(time.Hour)})
		w.do(&MemberJoined{Node: name, Address: "192.0.2.2:7450", Voter: true, Serial: "s-" + string(name), Token: token})
	}
	for _, name := range []resources.NodeName{"a", "b", "c"} {
		w.do(&MemberBooted{Node: name, Incarnation: "run-1-" + string(name), BootID: "boot-1-" + string(name), Software: 1})
	}
	w.do(&DefinitionSet{Definition: &resources.Definition{
		Nodes:     []resources.Node{{Name: "a"}, {Name: "b"}, {Name: "c"}},
		Resources: []resources.Resource{{ID: "vip", Agent: "vip", Params: resources.Params{"address": "192.0.2.9/24"}}},
	}})
	return w
}

func (w *world) try(c Command) Result {
	w.t.Helper()
	before := w.s.Hash()
	w.index++
	next, result := ApplyCommand(w.s, w.index, 1, epoch.Add(time.Duration(w.index)*time.Second+w.skew), w.by, c)
	if after := w.s.Hash(); after != before {
		w.t.Fatalf("%s changed the state that it was given", c.name())
	}
	w.s = next
	return result
}

func (w *world) do(c Command) Result {
	w.t.Helper()
	result := w.try(c)
	if result.Err != nil {
		w.t.Fatalf("%s: %v", c.name(), result.Err)
	}
	return result
}

func (w *world) rejected(c Command, code RejectionCode, text string) {
	w.t.Helper()
	before := *w.s
	result := w.try(c)
	var rejection *Rejection
	if !errors.As(result.Err, &rejection) || rejection.Code != code || !strings.Contains(rejection.Text, text) {
		w.t.Errorf("%s: got %v, want %s with %q", c.name(), result.Err, code, text)
	}
	before.Index, before.Term, before.At = w.s.Index, w.s.Term, w.s.At
	if diff := cmp.Diff(&before, w.s); diff != "" {
		w.t.Errorf("a rejected %s changed the state:\n%s", c.name(), diff)
	}
}

func (w *world) order(node resources.NodeName, op resources.Op) resources.ActionID {
	w.t.Helper()
	result := w.do(&OperationsStarted{Operations: []Intent{{Node: node, Instance: "vip", Op: op, Incarnation: w.s.Nodes[node].Incarnation, Timeout: resources.Duration(time.Minute), Digest: "d"}}})
	return result.Actions[0]
}

func (w *world) run(node resources.NodeName, op resources.Op, r agents.Result) *Instance {
	w.t.Helper()
	id := w.order(node, op)
	if id == "" {
		w.t.Fatalf("%s on %s was refused", op, node)
	}
	w.do(&OperationFinished{Action: id, Result: r})
	return w.vip(node)
}

func (w *world) vip(node resources.NodeName) *Instance {
	i, found := w.s.Instance(node, "vip")
	if !found {
		w.t.Fatalf("no vip on %s", node)
	}
	return i
}

var (
	ok     = agents.Result{Outcome: agents.OutcomeOK}
	absent = agents.Result{Outcome: agents.OutcomeNotRunning}
	failed = agents.Result{Outcome: agents.OutcomeFailed, Reason: "broken"}
	silent = agents.Result{}
)

func TestOperationResults(t *testing.T) {
	type want struct {
		role   resources.Role
		probed bool
		failed bool
	}
	cases := map[string]struct {
		before resources.Role
		op     resources.Op
		result agents.Result
		want   want
	}{
		"start works":                         {resources.RoleStopped, resources.OpStart, ok, want{resources.RoleStarted, true, false}},
		"failed start may be running":         {resources.RoleStopped, resources.OpStart, failed, want{resources.RoleStarted, true, true}},
		"silent start may be running":         {resources.RoleStopped, resources.OpStart, silent, want{resources.RoleStarted, false, true}},
		"stop works":                          {resources.RoleStarted, resources.OpStop, ok, want{resources.RoleStopped, true, false}},
		"failed stop still runs":              {resources.RoleStarted, resources.OpStop, failed, want{resources.RoleStarted, true, true}},
		"silent stop still runs":              {resources.RoleStarted, resources.OpStop, silent, want{resources.RoleStarted, false, true}},
		"silent promote may be promoted":      {resources.RoleStarted, resources.OpPromote, silent, want{resources.RolePromoted, false, true}},
		"failed demote may still be promoted": {resources.RolePromoted, resources.OpDemote, failed, want{resources.RolePromoted, true, true}},
		"demote works":                        {resources.RolePromoted, resources.OpDemote, ok, want{resources.RoleStarted, true, false}},
		"probe finds it":                      {resources.RoleStopped, resources.OpProbe, ok, want{resources.RoleStarted, true, false}},
		"probe finds nothing":                 {resources.RoleStarted, resources.OpProbe, absent, want{resources.RoleStopped, true, false}},
		"probe that says nothing":             {resources.RoleStarted, resources.OpProbe, silent, want{resources.RoleStarted, false, false}},
		"probe finds it broken":               {resources.RoleStarted, resources.OpProbe, failed, want{resources.RoleStarted, true, true}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.run("a", resources.OpProbe, absent)
			if c.before.Active() {
				w.run("a", resources.OpStart, ok)
			}
			if c.before == resources.RolePromoted {
				w.run("a", resources.OpPromote, ok)
			}
			i := w.run("a", c.op, c.result)
			if got := (want{i.Role, i.Probed, i.Failed}); got != c.want {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
			if len(w.s.Operations) != 0 || i.Action != "" {
				t.Error("the operation is still in flight")
			}
		})
	}
}

func TestDemotionMendsOnlyWhatItIsFor(t *testing.T) {
	cases := map[string]struct {
		failedOp resources.Op
		onFail   resources.OnFail
		failed   bool
	}{
		"a failed monitor still needs a restart": {resources.OpMonitor, resources.OnFailDefault, true},
		"on_fail = demote is done":               {resources.OpMonitor, resources.OnFailDemote, false},
		"a failed promotion is done":             {resources.OpPromote, resources.OnFailDefault, false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.do(&DefinitionSet{Base: w.s.Revision, Definition: &resources.Definition{Resources: []resources.Resource{
				{ID: "vip", Agent: "vip", Ops: []resources.Operation{{Name: resources.OpMonitor, OnFail: c.onFail}}},
			}}})
			w.run("a", resources.OpProbe, absent)
			w.run("a", resources.OpStart, ok)
			if c.failedOp == resources.OpPromote {
				w.run("a", resources.OpPromote, failed)
			} else {
				w.run("a", resources.OpPromote, ok)
				w.do(&InstanceReported{Node: "a", Incarnation: "run-1-a", Instance: "vip", Result: failed, Seen: w.s.Index})
			}
			if i := w.run("a", resources.OpDemote, ok); i.Failed != c.failed {
				t.Errorf("failed is %v, want %v", i.Failed, c.failed)
			}
		})
	}
}

// A clock that is set back dates history wrongly; it changes no decision, loses
// no change and starts nothing twice.
func TestClockSetBack(t *testing.T) {
	roles := func(skew time.Duration) (resources.Role, int, bool) {
		w := newWorld(t)
		w.run("a", resources.OpProbe, absent)
		start := w.order("a", resources.OpStart)
		w.skew = skew
		w.do(&OperationFinished{Action: start, Result: ok})
		w.do(&OperationFinished{Action: start, Result: absent}) // a late copy
		w.do(&MemberVerdict{Node: "b", Liveness: LivenessDead, Incarnation: "run-1-b"})
		id := w.do(&FenceRequested{Node: "b", Action: resources.FencingReboot, Reason: "lost"}).Fence
		w.do(&FenceStarted{Fence: id, Node: "b", Executor: "a"})
		w.do(&FenceReported{Fence: id, Node: "b", Proven: true})
		return w.vip("a").Role, len(w.s.Operations), w.s.Nodes["b"].Lost()
	}
	role, operations, lost := roles(0)
	for _, skew := range []time.Duration{-time.Hour, time.Hour} {
		if r, o, l := roles(skew); r != role || o != operations || l != lost {
			t.Errorf("with the clock moved by %s: role %s, %d operations, lost %v; want %s, %d, %v", skew, r, o, l, role, operations, lost)
		}
	}
}

func TestOneOperationPerInstance(t *testing.T) {
	w := newWorld(t)
	first := w.order("a", resources.OpProbe)
	if second := w.order("a", resources.OpStart); second != "" {
		t.Errorf("a second operation %s was accepted", second)
	}
	w.do(&OperationFinished{Action: first, Result: absent})
	w.do(&OperationFinished{Action: first, Result: ok}) // a late copy
	if got := w.vip("a").Role; got != resources.RoleStopped {
		t.Errorf("a second result changed the role to %s", got)
	}
}

func TestIntentForAnEarlierRunIsRefused(t *testing.T) {
	w := newWorld(t)
	result := w.do(&OperationsStarted{Operations: []Intent{{Node: "a", Instance: "vip", Op: resources.OpStart, Incarnation: "run-0"}}})
	if result.Actions[0] != "" {
		t.Error("an intent for an earlier run was accepted")
	}
}

func TestDaemonRestartKeepsBeliefs(t *testing.T) {
	w := newWorld(t)
	w.run("a", resources.OpProbe, absent)
	w.run("a", resources.OpStart, ok)
	w.do(&MemberBooted{Node: "a", Incarnation: "run-2", BootID: "boot-1-a", Software: 1})
	if i := w.vip("a"); i.Role != resources.RoleStarted || i.Probed {
		t.Errorf("got role %s probed %v, want a belief in started", i.Role, i.Probed)
	}
}

func TestHostRestartForgetsWhatRan(t *testing.T) {
	w := newWorld(t)
	w.run("a", resources.OpProbe, absent)
	w.run("a", resources.OpStart, ok)
	w.do(&MemberVerdict{Node: "a", Liveness: LivenessDead, Incarnation: "run-1-a"})
	if !w.s.Nodes["a"].Lost() {
		t.Fatal("a dead node without proof must count as lost")
	}
	w.do(&MemberBooted{Node: "a", Incarnation: "run-2", BootID: "boot-2", Software: 1})
	if i, n := w.vip("a"), w.s.Nodes["a"]; i.Role != resources.RoleStopped || i.Probed || n.Lost() {
		t.Errorf("got role %s probed %v lost %v", i.Role, i.Probed, n.Lost())
	}
}

func TestDeathLeavesStartsInDoubt(t *testing.T) {
	w := newWorld(t)
	w.run("a", resources.OpProbe, absent)
	w.order("a", resources.OpStart)
	w.do(&MemberVerdict{Node: "a", Liveness: LivenessDead, Incarnation: "run-1-a"})
	if i := w.vip("a"); i.Role != resources.RoleStarted || i.Probed || i.Action != "" {
		t.Errorf("a start cut short must count as running: %+v", i)
	}
}

func TestVerdictAboutAnEarlierRunIsDropped(t *testing.T) {
	w := newWorld(t)
	w.do(&MemberBooted{Node: "a", Incarnation: "run-2", BootID: "boot-2", Software: 1})
	w.rejected(&MemberVerdict{Node: "a", Liveness: LivenessDead, Incarnation: "run-1-a"}, Conflict, "restarted since")
}

func TestFencing(t *testing.T) {
	w := newWorld(t)
	w.run("a", resources.OpProbe, absent)
	w.run("a", resources.OpStart, ok)
	w.do(&MemberVerdict{Node: "a", Liveness: LivenessDead, Incarnation: "run-1-a"})
	id := w.do(&FenceRequested{Node: "a", Action: resources.FencingReboot, Reason: "lost"}).Fence
	if again := w.do(&FenceRequested{Node: "a", Action: resources.FencingOff, Reason: "lost"}).Fence; again != id {
		t.Errorf("a second request opened %s beside %s", again, id)
	}
	w.do(&FenceStarted{Fence: id, Node: "a", Executor: "b"})
	w.do(&FenceReported{Fence: id, Node: "a", Error: "HTTP 503"})
	if w.s.Nodes["a"].Off != nil || w.vip("a").Role != resources.RoleStarted {
		t.Fatal("a failed attempt must prove nothing")
	}
	w.do(&FenceStarted{Fence: id, Node: "a", Executor: "c"})
	w.do(&FenceReported{Fence: id, Node: "a", Proven: true})
	if n := w.s.Nodes["a"]; n.Lost() || n.Off == nil || w.vip("a").Role != resources.RoleStopped {
		t.Errorf("proof was not taken: %+v", n)
	}
	w.rejected(&FenceStarted{Fence: id, Node: "a", Executor: "b"}, Refused, "proven off already")
	w.do(&FencePoweredOn{Fence: id, Node: "a"})
	if len(w.s.Fencing) != 0 || len(w.s.FenceHistory) != 1 || w.s.FenceHistory[0].Attempts != 2 {
		t.Errorf("history: %+v, open %v", w.s.FenceHistory, w.s.Fencing)
	}
	w.do(&MemberBooted{Node: "a", Incarnation: "run-2", BootID: "boot-2", Software: 1})
	if n := w.s.Nodes["a"]; n.Off != nil || !n.Online() {
		t.Error("the fenced node did not come back")
	}
}

// The first steps of a fencing and its newest ones stay, and so do the newest
// fencings: what is kept does not grow with a device that fails all night.
func TestFencingIsBounded(t *testing.T) {
	w := newWorld(t)
	for range MaxFenceHistory + 2 {
		w.do(&MemberVerdict{Node: "a", Liveness: LivenessDead, Incarnation: "run-1-a"})
		id := w.do(&FenceRequested{Node: "a", Action: resources.FencingReboot, Reason: "lost"}).Fence
		if len(w.s.FenceHistory) == MaxFenceHistory {
			for n := range 2 * maxFenceSteps {
				w.do(&FenceStarted{Fence: id, Node: "a", Executor: "b"})
				w.do(&FenceReported{Fence: id, Node: "a", Error: "HTTP 503", Steps: []FenceStep{{Device: "bmc-a", Step: fmt.Sprint(n)}}})
			}
			steps := w.s.Fencing["a"].Steps
			if len(steps) != maxFenceSteps || steps[0].Step != "0" || steps[maxFenceSteps-1].Step != fmt.Sprint(2*maxFenceSteps-1) {
				t.Fatalf("%d steps, from %q to %q", len(steps), steps[0].Step, steps[len(steps)-1].Step)
			}
		}
		w.do(&MemberVerdict{Node: "a", Liveness: LivenessAlive, Incarnation: "run-1-a"})
	}
	if len(w.s.FenceHistory) != MaxFenceHistory {
		t.Errorf("%d fencings on record", len(w.s.FenceHistory))
	}
}

func TestReturnWithdrawsFencing(t *testing.T) {
	w := newWorld(t)
	w.do(&MemberVerdict{Node: "a", Liveness: LivenessDead, Incarnation: "run-1-a"})
	w.do(&FenceRequested{Node: "a", Action: resources.FencingReboot, Reason: "lost"})
	w.do(&MemberVerdict{Node: "a", Liveness: LivenessAlive, Incarnation: "run-1-a"})
	if len(w.s.Fencing) != 0 || w.s.FenceHistory[0].Phase != FencingWithdrawn {
		t.Error("the fencing of a node that lives is still open")
	}
}

func TestReturnDuringAttempt(t *testing.T) {
	for by, open := range map[string]int{ByCluster: 0, "root": 1} {
		t.Run(by, func(t *testing.T) {
			w := newWorld(t)
			w.do(&MemberVerdict{Node: "a", Liveness: LivenessDead, Incarnation: "run-1-a"})
			w.by = by
			id := w.do(&FenceRequested{Node: "a", Action: resources.FencingReboot, Reason: "lost"}).Fence
			w.by = ByCluster
			w.do(&FenceStarted{Fence: id, Node: "a", Executor: "b"})
			w.do(&MemberBooted{Node: "a", Incarnation: "run-2", BootID: "boot-2", Software: 1})
			if len(w.s.Fencing) != open {
				t.Errorf("%d fencings are open, want %d", len(w.s.Fencing), open)
			}
			if open == 0 {
				w.rejected(&FenceReported{Fence: id, Node: "a", Proven: true}, Conflict, "not open")
			}
		})
	}
}

func TestConfirm(t *testing.T) {
	w := newWorld(t)
	w.rejected(&FenceConfirmed{Node: "a", Reason: "x"}, Refused, "only a lost node")
	w.do(&MemberVerdict{Node: "a", Liveness: LivenessDead, Incarnation: "run-1-a"})
	w.do(&FenceConfirmed{Node: "a", Reason: "unplugged it"})
	if n := w.s.Nodes["a"]; n.Lost() || n.Off.By != "confirm" || !strings.Contains(w.s.FenceHistory[0].Steps[0].Answer, "test: unplugged it") {
		t.Errorf("who and why are not on record: %+v", w.s.FenceHistory[0])
	}
}

func TestTokenIsSpentOnce(t *testing.T) {
	w := newWorld(t)
	w.rejected(&MemberJoined{Node: "d", Token: "t-b"}, Refused, "was used by b already")
	w.rejected(&MemberJoined{Node: "d", Token: "t-x"}, NotFound, "unknown")
	w.do(&TokenCreated{ID: "old", ExpiresAt: epoch})
	w.rejected(&MemberJoined{Node: "d", Token: "old"}, Refused, "expired")
}

func TestDefinitionConflict(t *testing.T) {
	w := newWorld(t)
	w.rejected(&DefinitionSet{Base: 1, Definition: &resources.Definition{}}, Conflict, "read it again")
}

func TestRunningInstanceKeepsItsDefinition(t *testing.T) {
	w := newWorld(t)
	w.run("a", resources.OpProbe, absent)
	w.run("a", resources.OpStart, ok)
	w.do(&DefinitionSet{Base: w.s.Revision, Definition: &resources.Definition{}})
	if i := w.vip("a"); i.Config == nil || i.Config.Params["address"] != "192.0.2.9/24" {
		t.Fatal("a running instance lost the parameters to stop it with")
	}
	w.do(&OperationFinished{Action: w.order("a", resources.OpStop), Result: ok})
	if _, known := w.s.Instance("a", "vip"); known {
		t.Error("a removed resource was not forgotten after its stop")
	}
}

func TestMonitorReports(t *testing.T) {
	w := newWorld(t)
	w.run("a", resources.OpProbe, absent)
	w.run("a", resources.OpStart, ok)
	report := func(r agents.Result) Command {
		return &InstanceReported{Node: "a", Incarnation: "run-1-a", Instance: "vip", Result: r, Seen: w.s.Index}
	}
	w.do(report(failed))
	if i := w.vip("a"); !i.Failed || i.Role != resources.RoleStarted || i.Failures[resources.OpMonitor].Count != 1 {
		t.Errorf("failed monitor: %+v", i)
	}
	w.do(report(ok))
	if i := w.vip("a"); i.Failed || i.Failures[resources.OpMonitor].Count != 1 {
		t.Errorf("a good monitor ends the failure and keeps its count: %+v", i)
	}
	w.do(report(absent))
	if i := w.vip("a"); !i.Failed || i.Role != resources.RoleStopped {
		t.Errorf("vanished instance: %+v", i)
	}
	w.order("b", resources.OpProbe)
	w.rejected(&InstanceReported{Node: "b", Incarnation: "run-1-b", Instance: "vip", Result: ok, Seen: w.s.Index}, Conflict, "out of date")
}

func TestSnapshotRoundTrip(t *testing.T) {
	w := newWorld(t)
	w.run("a", resources.OpProbe, absent)
	w.order("a", resources.OpStart)
	w.do(&MemberVerdict{Node: "b", Liveness: LivenessDead, Incarnation: "run-1-b"})
	w.do(&FenceRequested{Node: "b", Action: resources.FencingReboot, Reason: "lost"})
	var stream bytes.Buffer
	if err := w.s.WriteSnapshot(&stream); err != nil {
		t.Fatal(err)
	}
	whole := stream.Bytes()
	restored, err := ReadSnapshot(bytes.NewReader(whole))
	if err != nil {
		t.Fatal(err)
	}
	if restored.Hash() != w.s.Hash() {
		t.Error("the restored state differs")
	}
	for _, length := range []int{0, 1, 40, len(whole) / 2, len(whole) - 3} {
		if _, err := ReadSnapshot(bytes.NewReader(whole[:length])); err == nil {
			t.Errorf("a snapshot torn at %d of %d bytes was accepted", length, len(whole))
		}
	}
	newer := bytes.Replace(whole, []byte(`"format":1`), []byte(`"format":2`), 1)
	if _, err := ReadSnapshot(bytes.NewReader(newer)); err == nil || !strings.Contains(err.Error(), "newer release") {
		t.Errorf("newer format: %v", err)
	}
}
