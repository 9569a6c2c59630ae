package policy_test

import (
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/belay-ha/belay/cluster/policy"
)

// TestPlannerAgrees lets one planner follow a cluster through random events:
// after each it must decide what Compute decides, which knows nothing of before.
func TestPlannerAgrees(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := runningCluster(4, 40, -1)
		var planner policy.Planner
		for range rapid.IntRange(1, 12).Draw(t, "events") {
			event := events[rapid.IntRange(0, len(events)-1).Draw(t, "event")]
			changed := *in
			changed.Status = slices.Clone(in.Status)
			in = &changed
			event.happen(in, rapid.IntRange(0, len(in.Status)-1).Draw(t, "node"), rapid.IntRange(0, 30).Draw(t, "place"))
			if got, want := planner.Compute(in), policy.Compute(in); !reflect.DeepEqual(got, want) {
				t.Fatalf("after %q the planner decides\n%+v\nand not\n%+v", event.name, got.Summary, want.Summary)
			}
			if got, want := planner.Inspect(in), policy.Inspect(in); !reflect.DeepEqual(got, want) {
				t.Fatalf("after %q the planner knows\n%+v\nand not\n%+v", event.name, got, want)
			}
		}
	})
}

// TestPlannerKnowsTheTime: values that follow the clock are not kept.
func TestPlannerKnowsTheTime(t *testing.T) {
	in := runningCluster(3, 20, -1)
	later := policy.Condition{Date: &policy.DateExpression{Operation: "gt", Start: in.Now.Add(time.Minute)}}
	in.ResourceDefaults = pairs("target-role", "Stopped")
	in.ResourceDefaults[0].Rule = &policy.Rule{Parts: []policy.Condition{later}}
	var planner policy.Planner
	if plan := planner.Compute(in); len(plan.Summary) > 10 {
		t.Fatalf("before the time comes there are %d changes", len(plan.Summary))
	}
	in.Now = in.Now.Add(time.Hour)
	if plan := planner.Compute(in); len(plan.Summary) < 20 {
		t.Errorf("when the time has come there are only %d changes", len(plan.Summary))
	}
}

// event is something that happens to a node, a resource or everything. It
// writes into no slice but Status, which is the test's own.
type event struct {
	name   string
	happen func(in *policy.Input, node, place int)
}

var events = []event{
	{"nothing", func(*policy.Input, int, int) {}},
	{"a node is lost", func(in *policy.Input, node, _ int) {
		in.Status[node].InMembership, in.Status[node].Peer, in.Status[node].Join = "false", "offline", "down"
	}},
	{"a node is back", func(in *policy.Input, node, _ int) {
		s := &in.Status[node]
		s.InMembership, s.Peer, s.Join, s.History = "true", "online", "member", nil
	}},
	{"a resource is gone", func(in *policy.Input, node, place int) {
		setOps(in, node, place, policy.HistoryOp{ID: "x_monitor_0", Op: "monitor", CallID: 999, RC: 7, Expected: 7})
	}},
	{"a resource runs", func(in *policy.Input, node, place int) {
		setOps(in, node, place, policy.HistoryOp{ID: "x_start_0", Op: "start", CallID: 999, Digest: noParams})
	}},
	{"a resource failed", func(in *policy.Input, node, place int) {
		setOps(in, node, place, policy.HistoryOp{ID: "x_last_failure_0", Op: "start", CallID: 999, RC: 1, Changed: in.Now})
	}},
	{"an unknown resource runs", func(in *policy.Input, node, place int) {
		in.Status[node].History = append(slices.Clone(in.Status[node].History), policy.ResourceHistory{
			Resource: fmt.Sprint("old-", place), Class: "ocf", Provider: "pacemaker", Type: []string{"Dummy", "remote"}[place%2],
			Ops: []policy.HistoryOp{{ID: "old_start_0", Op: "start", CallID: 999}},
		})
	}},
	{"time passes", func(in *policy.Input, _, place int) { in.Now = in.Now.Add(time.Duration(place) * time.Minute) }},
	{"an option changes", func(in *policy.Input, _, place int) {
		in.Options = pairs("fencing-enabled", fmt.Sprint(place%2 == 0), "maintenance-mode", fmt.Sprint(place%5 == 0))
	}},
	{"stickiness changes", func(in *policy.Input, _, place int) {
		in.ResourceDefaults = pairs("resource-stickiness", fmt.Sprint(place), "failure-timeout", fmt.Sprint(place%3, "min"))
	}},
	{"everything runs until some time", func(in *policy.Input, _, place int) {
		in.ResourceDefaults = pairs("target-role", "Stopped")
		in.ResourceDefaults[0].Rule = &policy.Rule{Parts: []policy.Condition{{Date: &policy.DateExpression{
			Operation: "gt", Start: in.Now.Add(time.Duration(place) * time.Minute),
		}}}}
	}},
	{"monitors get another timeout", func(in *policy.Input, _, place int) {
		in.OpDefaults = pairs("timeout", fmt.Sprint(place, "s"), "interval-origin", "2017-07-14T02:40:07Z")
	}},
	{"a resource gets parameters", func(in *policy.Input, _, place int) {
		in.Resources = slices.Clone(in.Resources)
		in.Resources[place%len(in.Resources)].Params = pairs("port", fmt.Sprint(place))
	}},
	{"a resource is removed", func(in *policy.Input, _, place int) {
		at := place % len(in.Resources)
		in.Resources = slices.Delete(slices.Clone(in.Resources), at, at+1)
	}},
}

// setOps replaces what is recorded at a place of a node's history.
func setOps(in *policy.Input, node, place int, op policy.HistoryOp) {
	s := &in.Status[node]
	s.History = slices.Clone(s.History)
	if len(s.History) > 0 {
		s.History[place%len(s.History)].Ops = []policy.HistoryOp{op}
	}
}
