package main

import (
	"strings"
	"testing"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/cluster/api"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/resources"
)

// TestStatusFitsAScreen: 121 resources on 3 nodes are told in groups, and what has
// failed by itself, first.
func TestStatusFitsAScreen(t *testing.T) {
	_, def := manyFile(t)
	served, address := serve(t, def, true)
	c := newConsole(t)
	c.app.dial = dial
	out := c.must(t, "--addr", address, "status")
	if lines := strings.Count(out, "\n"); lines > 24 {
		t.Errorf("%d lines:\n%s", lines, out)
	}
	for _, want := range []string{"running as they should", "started on all 3 nodes: r100, r13, r14,", " more", ", runs "} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in:\n%s", want, out)
		}
	}
	if full := c.must(t, "--addr", address, "status", "--all"); strings.Count(full, "\n") < 200 || strings.Contains(full, "running as they should") {
		t.Errorf("--all:\n%s", full)
	}
	r := served.state.Nodes["controller-1"].Instances["r20"]
	r.Failed, r.FailedOp, r.Reason = true, resources.OpMonitor, "exited with 1"
	r.Failures = map[resources.Op]*state.Failure{resources.OpMonitor: {Count: 1, Outcome: agents.OutcomeFailed, Last: epoch}}
	out = c.must(t, "--addr", address, "status")
	first, _, _ := strings.Cut(out, "●")
	if !strings.Contains(first, "monitor of r20 on controller-1: failed") || !strings.Contains(first, "next: belayctl resource retry r20 controller-1") {
		t.Errorf("the failure does not come first:\n%s", out)
	}
	if !strings.Contains(out, "└─ r20  started, failed") || strings.Count(out, "\n") > 30 {
		t.Errorf("the failed instance is not by itself:\n%s", out)
	}
}

func TestGroups(t *testing.T) {
	at := func(id, node string, role resources.Role) instance {
		return instance{ID: resources.InstanceID(id), Node: resources.NodeName(node), Role: role, Probed: true}
	}
	list := groups(api.Status{Resources: []instance{
		at("a", "n1", resources.RoleStarted), at("a", "n2", resources.RoleStarted), at("b", "n1", resources.RoleStarted), at("b", "n2", resources.RoleStarted), at("c", "n1", resources.RoleStarted),
		at("db", "n1", resources.RolePromoted), {ID: "x", Node: "n1", Role: resources.RoleStarted, Probed: true, Failed: true}, {ID: "y", Node: "n1", Role: resources.RoleStarted},
	}})
	var got []string
	for _, g := range list {
		got = append(got, g.role.String()+" on "+strings.Join(g.nodes, "+")+": "+strings.Join(g.names, " "))
	}
	if want := "promoted on n1: db; started on n1+n2: a b; started on n1: c"; strings.Join(got, "; ") != want {
		t.Errorf("got %s\nwant %s", strings.Join(got, "; "), want)
	}
}
