package simulate

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/belay-ha/belay/cluster/policy"
)

func TestParseFailure(t *testing.T) {
	cases := []struct {
		text string
		want Failure
		err  string
	}{
		{"web:start:node-1", Failure{"web", "start", "node-1", 0}, ""},
		{"web:0:monitor:node-1=9", Failure{"web:0", "monitor", "node-1", 9}, ""},
		{"web:start", Failure{}, "write RESOURCE:OPERATION:NODE"},
		{"web:strat:node-1", Failure{}, `no operation "strat"`},
		{"web:start:node-1=x", Failure{}, `the return code "x"`},
	}
	for _, c := range cases {
		t.Run(c.text, func(t *testing.T) {
			got, err := ParseFailure(c.text)
			if c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) {
					t.Fatalf("error %v, want %q", err, c.err)
				}
				return
			}
			if err != nil || got != c.want || got.String() != c.text {
				t.Errorf("got %+v (%s), %v; want %+v", got, got, err, c.want)
			}
		})
	}
}

// restart is a plan: stop a, then a mark, then start a on n2 and start b.
func restart() *policy.Plan {
	return &policy.Plan{Present: &policy.Report{}, Steps: []policy.Step{
		{Number: 0, Task: "start", Resource: "b", Base: "b", Node: "n2", After: []int{2}},
		{Number: 1, Task: "stop", Resource: "a", Base: "a", Node: "n1"},
		{Number: 2, Task: "stopped", Pseudo: true, After: []int{1}},
		{Number: 3, Task: "start", Resource: "a", Base: "a", Node: "n2", After: []int{2, 1}},
		{Number: 4, Task: "monitor", Resource: "a", Base: "a", Node: "n2", Interval: 10 * time.Second, After: []int{3}},
	}}
}

func cluster() *policy.Input {
	return &policy.Input{
		Nodes:     []policy.NodeConfig{{ID: "1", Name: "n1"}, {ID: "2", Name: "n2"}},
		Resources: []policy.ResourceConfig{{ID: "a", Class: "ocf", Provider: "test", Type: "a"}, {ID: "b", Class: "systemd", Type: "b"}},
		Status: []policy.NodeStatus{{ID: "1", Name: "n1", History: []policy.ResourceHistory{
			{Resource: "a", Ops: []policy.HistoryOp{{ID: "a_last_0", Op: "start", CallID: 5}}},
		}}},
	}
}

func TestOrderOfSteps(t *testing.T) {
	cases := []struct {
		name             string
		failures         []Failure
		executed, failed []int
		unmatched        int
	}{
		{"all succeed", nil, []int{1, 2, 3, 4, 0}, nil, 0},
		{"the first fails", []Failure{{Resource: "a", Task: "stop", Node: "n1"}}, []int{1}, []int{1}, 0},
		{"nothing begins after a failure", []Failure{{Resource: "a", Task: "start", Node: "n2"}}, []int{1, 2, 3}, []int{3}, 0},
		{"a failure of nothing", []Failure{{Resource: "a", Task: "start", Node: "n1"}}, []int{1, 2, 3, 4, 0}, nil, 1},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			tr := newTransition(cluster(), restart(), c.failures)
			tr.run()
			if diff := cmp.Diff(c.executed, tr.executed); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(c.failed, tr.failed); diff != "" {
				t.Error(diff)
			}
			if len(tr.unmatched()) != c.unmatched {
				t.Errorf("unmatched: %v", tr.unmatched())
			}
		})
	}
}

func TestRecord(t *testing.T) {
	in := cluster()
	before, _ := json.Marshal(in)
	tr := newTransition(in, restart(), []Failure{{Resource: "a", Task: "start", Node: "n2"}})
	tr.run()
	if after, _ := json.Marshal(in); !bytes.Equal(before, after) {
		t.Error("the input was changed")
	}
	reached := tr.record.in
	if got := reached.Status[0].History[0].Ops; len(got) != 1 || got[0].Op != "stop" || got[0].CallID != 6 {
		t.Errorf("on n1: %+v", got)
	}
	n2 := reached.Status[1]
	if n2.ID != "2" || len(n2.History) != 1 || n2.History[0].Type != "a" {
		t.Fatalf("on n2: %+v", n2)
	}
	var ids []string
	for _, op := range n2.History[0].Ops {
		ids = append(ids, op.ID)
	}
	if diff := cmp.Diff([]string{"a_last_failure_0", "a_last_0"}, ids); diff != "" {
		t.Error(diff)
	}
	if got := attribute(n2.Attributes, "fail-count-a#start_0"); got != "INFINITY" {
		t.Errorf("failures of a start: %q", got)
	}
}

func TestFenceForgets(t *testing.T) {
	plan := &policy.Plan{Present: &policy.Report{}, Steps: []policy.Step{{Task: "fence", FenceAction: "reboot", Node: "n1"}}}
	tr := newTransition(cluster(), plan, nil)
	tr.run()
	s := tr.record.in.Status[0]
	if s.InMembership != "false" || s.Expected != "down" || len(s.History) != 0 {
		t.Errorf("after fencing: %+v", s)
	}
}

func TestGraph(t *testing.T) {
	forms, pseudo := graphForms(restart().Steps)
	if pseudo != 1 {
		t.Errorf("%d pseudo-steps, want 1", pseudo)
	}
	var got [][]int
	for _, f := range forms {
		got = append(got, f.After)
	}
	if diff := cmp.Diff([][]int{{1}, nil, {1}, {2}}, got); diff != "" {
		t.Error(diff)
	}
}

func TestReducedGraph(t *testing.T) {
	// A ladder: each step after all earlier ones; all edges but the last follow.
	var steps []policy.Step
	for i := range 100 {
		step := policy.Step{Task: "start"}
		for j := range i {
			step.After = append(step.After, j)
		}
		steps = append(steps, step)
	}
	for i, after := range reduced(steps) {
		if i > 0 && !slices.Equal(after, []int{i - 1}) {
			t.Fatalf("step %d comes after %v", i, after)
		}
	}
	// Steps in a circle have no order, and do no harm.
	circle := []policy.Step{{Task: "start", After: []int{1}}, {Task: "stop", After: []int{0}}}
	if forms, _ := graphForms(circle); len(forms) != 2 {
		t.Errorf("a circle: %+v", forms)
	}
}

func TestAgents(t *testing.T) {
	a := agentsOf(&policy.Input{Resources: []policy.ResourceConfig{
		{ID: "db", Variant: policy.Bundle, Bundle: &policy.BundleConfig{Launcher: "podman"}, Members: []policy.ResourceConfig{{ID: "pg", Class: "ocf", Type: "pgsql"}}},
		{ID: "vm", Class: "ocf", Type: "VirtualDomain", Meta: []policy.AttributeSet{{Pairs: []policy.Pair{{Name: "remote-node", Value: "guest"}}}}},
	}})
	for id, want := range map[string]string{
		"pg": "pgsql", "db-podman-0": "podman", "db-ip-10.0.0.1": "IPaddr2", "db-1": "remote", "vm": "VirtualDomain", "guest": "remote", "gone": "",
	} {
		if got := a.of(id).kind; got != want {
			t.Errorf("%s is run by %q, want %q", id, got, want)
		}
	}
}
