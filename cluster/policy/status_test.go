package policy

import (
	"fmt"
	"testing"
	"time"
)

var statusNow = time.Unix(2_000_000, 0)

// upStatus is the status of a member in good order.
func upStatus(name string, history ...ResourceHistory) NodeStatus {
	return NodeStatus{
		ID: "id-" + name, Name: name, InMembership: "1900000", Peer: "1900000", Join: "member", Expected: "member", History: history,
	}
}

// fencingDevice is enough for fencing to be possible.
func fencingDevice() ResourceConfig {
	return ResourceConfig{ID: "fencing", Class: "stonith", Type: "fence_x"}
}

func TestNodeStates(t *testing.T) {
	tests := []struct {
		name    string
		options []AttributeSet
		status  *NodeStatus
		attrs   []AttributeSet
		want    string // online, standby, pending, unclean, shutdown
	}{
		{"up", nil, &NodeStatus{InMembership: "true", Peer: "online", Join: "member", Expected: "member"}, nil, "true false false false false"},
		{"never seen", nil, nil, nil, "false false false true false"},
		{"never seen, without startup fencing", said("startup-fencing", "false"), nil, nil, "false false false false false"},
		{"unknown membership", nil, &NodeStatus{Peer: "online"}, nil, "false false false true false"},
		{"lost", nil, &NodeStatus{InMembership: "0", Peer: "0", Join: "member", Expected: "member"}, nil, "false false false true false"},
		{"process died", nil, &NodeStatus{InMembership: "1", Peer: "0", Join: "member", Expected: "member"}, nil, "true false false true false"},
		{"banned", nil, &NodeStatus{InMembership: "1", Peer: "1", Join: "banned", Expected: "member"}, nil, "true false false true false"},
		{"odd join", nil, &NodeStatus{InMembership: "1", Peer: "1", Join: "odd", Expected: "member"}, nil, "true false false true false"},
		{"joining", nil, &NodeStatus{InMembership: "1", Peer: "1", Join: "pending", Expected: "member"}, nil, "true true true false false"},
		{"coming up", nil, &NodeStatus{InMembership: "1999990", Peer: "0", Join: "down", Expected: "down"}, nil, "true true true false false"},
		{"coming up for too long", said("node-pending-timeout", "5s"), &NodeStatus{InMembership: "1999990", Peer: "0", Join: "down", Expected: "down"}, nil, "true false false true false"},
		{"down", nil, &NodeStatus{InMembership: "false", Peer: "offline", Join: "down", Expected: "down"}, nil, "false false false false false"},
		{"leaving", nil, &NodeStatus{InMembership: "1", Peer: "1", Join: "member", Expected: "member"}, said("shutdown", "1999999"), "true false false false true"},
		{"left", nil, &NodeStatus{InMembership: "1", Peer: "0", Join: "down", Expected: "member"}, said("shutdown", "1999999"), "false false false false true"},
		{"to be fenced", nil, &NodeStatus{InMembership: "1", Peer: "1", Join: "member", Expected: "member"}, said("terminate", "1999999"), "true false false true false"},
		{"fenced as asked", nil, &NodeStatus{InMembership: "0", Peer: "0", Join: "down", Expected: "member"}, said("terminate", "true"), "false false false false false"},
		{"standby", nil, &NodeStatus{InMembership: "1", Peer: "1", Join: "member", Expected: "member"}, said("standby", "on"), "true true false false false"},
		{"lost, without fencing", said("stonith-enabled", "false"), &NodeStatus{InMembership: "0", Peer: "0", Join: "member", Expected: "member"}, nil, "false false false false false"},
		{"process died, without fencing", said("stonith-enabled", "false"), &NodeStatus{InMembership: "1", Peer: "0", Join: "member", Expected: "member"}, nil, "false false false true false"},
		{"joining, without fencing", said("stonith-enabled", "false"), &NodeStatus{InMembership: "1", Peer: "1", Join: "pending", Expected: "member"}, nil, "false false false false false"},
	}
	for _, test := range tests {
		in := &Input{Nodes: members("n1"), Options: test.options, Quorum: true, Now: statusNow, Resources: []ResourceConfig{fencingDevice()}}
		if test.status != nil {
			test.status.ID, test.status.Name, test.status.Attributes = "id-n1", "n1", test.attrs
			in.Status = []NodeStatus{*test.status}
		}
		n := newEngine(in).nodeBy["n1"]
		if got := fmt.Sprint(n.online, n.standby, n.pending, n.unclean, n.shutdown); got != test.want {
			t.Errorf("%s: %s, want %s", test.name, got, test.want)
		}
	}
}

// ran is a finished operation; call orders operations.
func ran(call int, op string, interval time.Duration, rc, expected int) HistoryOp {
	return HistoryOp{
		ID: fmt.Sprintf("r_%s_%d", op, interval.Milliseconds()), Op: op, Interval: interval, CallID: call,
		RC: rc, Expected: expected, Transition: 1, Controller: "x", Changed: statusNow.Add(time.Duration(call-100) * time.Minute),
	}
}

func pendingOp(op string) HistoryOp {
	return HistoryOp{ID: "r_" + op + "_0", Op: op, CallID: -1, Status: ExecPending, RC: 193, Expected: 0, Transition: 2, Controller: "x", Changed: statusNow}
}

func TestHistories(t *testing.T) {
	const every = 10 * time.Second
	tests := []struct {
		name    string
		options []AttributeSet
		meta    []AttributeSet
		config  []OpConfig
		ops     []HistoryOp
		want    string // role, failed, managed, blocked, node unclean, node standby, banned here
	}{
		{"not there", nil, nil, nil, []HistoryOp{ran(1, "monitor", 0, 7, 7)}, "Stopped false true false false false false"},
		{"found by a probe", nil, nil, nil, []HistoryOp{ran(1, "monitor", 0, 0, 7)}, "Started false true false false false false"},
		{"started", nil, nil, nil, []HistoryOp{ran(2, "start", 0, 0, 0), ran(1, "monitor", 0, 7, 7)}, "Started false true false false false false"},
		{"stopped since", nil, nil, nil, []HistoryOp{ran(2, "start", 0, 0, 0), ran(3, "stop", 0, 0, 0)}, "Stopped false true false false false false"},
		{"starting", nil, nil, nil, []HistoryOp{ran(1, "monitor", 0, 7, 7), pendingOp("start")}, "Started false true false false false false"},
		{"monitor failed", nil, nil, nil, []HistoryOp{ran(1, "start", 0, 0, 0), ran(2, "monitor", every, 1, 0)}, "Started true true false false false false"},
		{"vanished", nil, nil, nil, []HistoryOp{ran(1, "start", 0, 0, 0), ran(2, "monitor", every, 7, 0)}, "Started true true false false false false"},
		{"vanished, unmanaged", nil, said("is-managed", "false"), nil, []HistoryOp{ran(1, "start", 0, 0, 0), ran(2, "monitor", every, 7, 0)}, "Stopped false false false false false false"},
		{"failed, then stopped", nil, nil, nil, []HistoryOp{ran(2, "monitor", every, 1, 0), ran(3, "stop", 0, 0, 0)}, "Stopped false true false false false false"},
		{"degraded is fine", nil, nil, nil, []HistoryOp{ran(1, "start", 0, 0, 0), ran(2, "monitor", every, 190, 0)}, "Started false true false false false false"},
		{"not installed", nil, nil, nil, []HistoryOp{ran(1, "monitor", 0, 5, 7)}, "Stopped false true false false false true"},
		{"start cannot work here", nil, nil, nil, []HistoryOp{ran(2, "start", 0, 2, 0)}, "Started true true false false false true"},
		{"stop failed", nil, nil, nil, []HistoryOp{ran(1, "start", 0, 0, 0), ran(2, "stop", 0, 1, 0)}, "Started true true false true false true"},
		{"stop failed, without fencing", said("stonith-enabled", "false"), nil, nil, []HistoryOp{ran(1, "start", 0, 0, 0), ran(2, "stop", 0, 1, 0)}, "Started true false true false false true"},
		{"on-fail block", nil, nil, []OpConfig{{Name: "monitor", Interval: every, Attributes: []Pair{{"on-fail", "block"}}}}, []HistoryOp{ran(1, "start", 0, 0, 0), ran(2, "monitor", every, 1, 0)}, "Started true false true false false false"},
		{"on-fail ignore", nil, nil, []OpConfig{{Name: "monitor", Interval: every, Attributes: []Pair{{"on-fail", "ignore"}}}}, []HistoryOp{ran(1, "start", 0, 0, 0), ran(2, "monitor", every, 1, 0)}, "Started false true false false false false"},
		{"on-fail standby", nil, nil, []OpConfig{{Name: "monitor", Interval: every, Attributes: []Pair{{"on-fail", "standby"}}}}, []HistoryOp{ran(1, "start", 0, 0, 0), ran(2, "monitor", every, 1, 0)}, "Started true true false false true false"},
		{"on-fail fence", nil, nil, []OpConfig{{Name: "monitor", Interval: every, Attributes: []Pair{{"on-fail", "fence"}}}}, []HistoryOp{ran(1, "start", 0, 0, 0), ran(2, "monitor", every, 1, 0)}, "Started true true false true false false"},
		{"on-fail stop", nil, nil, []OpConfig{{Name: "monitor", Interval: every, Attributes: []Pair{{"on-fail", "stop"}}}}, []HistoryOp{ran(1, "start", 0, 0, 0), ran(2, "monitor", every, 1, 0)}, "Started true true false false false true"},
		{"expired", nil, said("failure-timeout", "60s"), nil, []HistoryOp{ran(1, "start", 0, 1, 0)}, "Unknown false true false false false false"},
		{"nothing usable", nil, nil, nil, []HistoryOp{{ID: "x", Op: "notify"}, {ID: "y", Op: "start", Status: 99}, {Op: "start"}}, "Unknown false true false false false false"},
	}
	for _, test := range tests {
		config := dummyConfig("r")
		config.Meta, config.Ops = test.meta, test.config
		in := &Input{
			Nodes: members("n1", "n2"), Options: test.options, Quorum: true, Now: statusNow,
			Resources: []ResourceConfig{fencingDevice(), config},
			Status:    []NodeStatus{upStatus("n1", ResourceHistory{Resource: "r", Class: "ocf", Provider: "pacemaker", Type: "Dummy", Ops: test.ops}), upStatus("n2")},
		}
		e := newEngine(in)
		r, n := e.find("r"), e.nodeBy["n1"]
		role := r.role
		if len(r.runningOn) == 0 && role == RoleStopped && !r.knownOn.has(n) {
			role = RoleUnknown
		}
		got := fmt.Sprint(role, r.is(flagFailed), r.is(flagManaged), r.is(flagBlocked), n.unclean, n.standbyOnFail, r.allowed.score(n) <= minusInfinity)
		if got != test.want {
			t.Errorf("%s: %s, want %s", test.name, got, test.want)
		}
	}
}

func TestRemovedResources(t *testing.T) {
	history := ResourceHistory{Resource: "old", Class: "ocf", Provider: "x", Type: "y", Ops: []HistoryOp{ran(1, "start", 0, 0, 0)}}
	e := newEngine(&Input{Nodes: members("n1"), Quorum: true, Now: statusNow, Status: []NodeStatus{upStatus("n1", history)}})
	r := e.find("old")
	if r == nil || !r.is(flagRemoved) || len(r.runningOn) != 1 || r.allowed.score(e.nodeBy["n1"]) > minusInfinity {
		t.Fatal("what was removed from the configuration is not to be stopped")
	}
	if e.top[len(e.top)-1] != r {
		t.Error("it is not the last of all")
	}
}

func TestAnonymousInstances(t *testing.T) {
	clone := ResourceConfig{ID: "c", Variant: Clone, Meta: said("clone-max", "1"), Members: []ResourceConfig{dummyConfig("r")}}
	started := ResourceHistory{Resource: "r", Ops: []HistoryOp{ran(1, "start", 0, 0, 0)}}
	again := ResourceHistory{Resource: "r:7", Ops: []HistoryOp{ran(2, "start", 0, 0, 0)}}
	e := newEngine(&Input{
		Nodes: members("n1", "n2"), Quorum: true, Now: statusNow, Resources: []ResourceConfig{clone},
		Status: []NodeStatus{upStatus("n1", started, again), upStatus("n2", started)},
	})
	at := ""
	for _, m := range e.find("c").members {
		at += fmt.Sprintf("%s on %s removed %v; ", m.id, m.runningOn[0].name, m.is(flagRemoved))
	}
	if want := "r:0 on n1 removed false; r:1 on n1 removed true; r:2 on n2 removed true; "; at != want {
		t.Errorf("%s want %s", at, want)
	}
}

func TestLiveMigrations(t *testing.T) {
	to := func(call, rc int) HistoryOp {
		op := ran(call, "migrate_to", 0, rc, 0)
		op.MigrateSource, op.MigrateTarget = "n1", "n2"
		return op
	}
	from := func(call, rc int) HistoryOp {
		op := ran(call, "migrate_from", 0, rc, 0)
		op.MigrateSource, op.MigrateTarget, op.OnNode = "n1", "n2", "n2"
		return op
	}
	start, probe := ran(1, "start", 0, 0, 0), ran(1, "monitor", 0, 7, 7)
	probe.OnNode = "n2"
	tests := []struct {
		name           string
		source, target []HistoryOp
		want           string
	}{
		{"half done", []HistoryOp{start, to(2, 0)}, []HistoryOp{probe}, "[n1 n2] partial true dangling 0 failed false"},
		{"only the stop is missing", []HistoryOp{start, to(2, 0)}, []HistoryOp{probe, from(3, 0)}, "[n2] partial false dangling 1 failed false"},
		{"arrival failed", []HistoryOp{start, to(2, 0)}, []HistoryOp{probe, from(3, 1)}, "[n1 n2] partial false dangling 0 failed true"},
		{"departure failed", []HistoryOp{start, to(2, 1)}, []HistoryOp{probe}, "[n1 n2] partial false dangling 0 failed true"},
		{"target unknown", []HistoryOp{start, to(2, 0)}, nil, "[n1] partial false dangling 0 failed false"},
	}
	for _, test := range tests {
		e := newEngine(&Input{
			Nodes: members("n1", "n2"), Quorum: true, Now: statusNow, Resources: []ResourceConfig{fencingDevice(), dummyConfig("r")},
			Status: []NodeStatus{
				upStatus("n1", ResourceHistory{Resource: "r", Ops: test.source}),
				upStatus("n2", ResourceHistory{Resource: "r", Ops: test.target}),
			},
		})
		r := e.find("r")
		names := map[string]bool{}
		for _, n := range r.runningOn {
			names[n.name] = true
		}
		var on []string
		for _, n := range e.nodes {
			if names[n.name] {
				on = append(on, n.name)
			}
		}
		if got := fmt.Sprintf("%v partial %v dangling %d failed %v", on, r.migrateTo != nil, len(r.dangling), r.is(flagFailed)); got != test.want {
			t.Errorf("%s: %s, want %s", test.name, got, test.want)
		}
	}
}

func TestGuestIsReadAfterItsHost(t *testing.T) {
	vm := dummyConfig("vm")
	vm.Meta = said("remote-node", "guest")
	inside := ResourceHistory{Resource: "r", Ops: []HistoryOp{ran(1, "start", 0, 0, 0)}}
	e := newEngine(&Input{
		Nodes: members("n1"), Quorum: true, Now: statusNow, Resources: []ResourceConfig{fencingDevice(), vm, dummyConfig("r")},
		Status: []NodeStatus{
			{ID: "guest", Name: "guest", Remote: true, History: []ResourceHistory{inside}},
			upStatus("n1",
				ResourceHistory{Resource: "vm", Ops: []HistoryOp{ran(1, "start", 0, 0, 0)}},
				ResourceHistory{Resource: "guest", Class: "ocf", Provider: "pacemaker", Type: "remote", Ops: []HistoryOp{ran(2, "start", 0, 0, 0)}}),
		},
	})
	guest := e.nodeBy["guest"]
	if !guest.online || guest.unclean || !e.find("r").activeOn(guest) {
		t.Error("the guest's history was not read")
	}
	var report *NodeReport
	for i, n := range e.report().Nodes {
		if n.Name == "guest" {
			report = &e.report().Nodes[i]
		}
	}
	if report == nil || report.GuestOf != "vm" || report.Kind != KindRemote {
		t.Errorf("the guest is reported as %+v", report)
	}
}
