package scheduler_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/belay-ha/belay/cluster/scheduler"
	"github.com/belay-ha/belay/cluster/transition"
	"github.com/belay-ha/belay/resources"
)

func actions(t transition.Transition) []string {
	var list []string
	for _, a := range t.Actions {
		list = append(list, strings.TrimSpace(a.Key+": "+a.Reason))
	}
	return list
}

// TestStopByDate stops a resource while a rule about the time holds, says so, and
// asks to be asked again when it begins and ends.
func TestStopByDate(t *testing.T) {
	c := cluster3().parse("rsc a\nis a@n1 started")
	begin, end := epoch.Add(time.Hour), epoch.Add(2*time.Hour)
	stopped := resources.RoleStopped
	c.d.Resources[0].When = []resources.When{{
		Rule: "date >= " + begin.Format(time.RFC3339) + " and date < " + end.Format(time.RFC3339), Meta: resources.Meta{TargetRole: &stopped},
	}}
	s := c.build()
	var planner scheduler.Planner
	for _, tc := range []struct {
		now, again time.Time
		stops      bool
	}{{epoch, begin, false}, {begin, end, true}, {end.Add(-1), end, true}, {end, time.Time{}, false}, {epoch, begin, false}} {
		for _, plan := range []transition.Transition{planner.Plan(s, tc.now, c.opts), scheduler.Plan(s, tc.now, c.opts)} {
			got := actions(plan)
			if tc.stops != slices.ContainsFunc(got, func(a string) bool {
				return strings.HasPrefix(a, "stop a@n1: target_role is stopped (meta.target_role = stopped by rule 'date")
			}) {
				t.Errorf("at %s it is planned to %q", tc.now, got)
			}
			if !plan.RecheckAt.Equal(tc.again) {
				t.Errorf("at %s the next plan is due %s, want %s", tc.now, plan.RecheckAt, tc.again)
			}
		}
	}
}

// TestParamsByNode: what runs with the parameters of its node is left alone, and
// restarted when a rule gives others.
func TestParamsByNode(t *testing.T) {
	c := cluster3().parse("rsc a\nis a@n2 started")
	c.d.Resources[0].Params = resources.Params{"nic": "eth0"}
	c.d.Resources[0].When = []resources.When{{Rule: "#uname == n2 and fast == yes", Params: resources.Params{"nic": "eth2"}}}
	s := c.build()
	i := s.Nodes["n2"].Instances["a"]
	i.Config = c.d.Resources[0].On(s.Scene("n2", epoch))
	i.Digest = resources.Digest(i.Config)
	if got := actions(scheduler.Plan(s, epoch, c.opts)); len(got) > 0 {
		t.Errorf("it is planned to %q", got)
	}
	s.Nodes["n2"].Attributes = map[string]string{"fast": "yes"}
	plan := scheduler.Plan(s, epoch, c.opts)
	got := actions(plan)
	if len(got) != 2 || !strings.Contains(got[0], "its parameters have changed (params.nic by rule '#uname == n2 and fast == yes')") {
		t.Errorf("it is planned to %q", got)
	}
	on := c.d.Resources[0].On(s.Scene("n2", epoch))
	if start := plan.Actions[len(plan.Actions)-1]; start.Digest != resources.Digest(on) || on.Params["nic"] != "eth2" {
		t.Errorf("it starts as %+v, want the digest of %v", start, on.Params)
	}
}

// TestLocationByParam places each resource by a parameter of its own.
func TestLocationByParam(t *testing.T) {
	c := cluster3().parse("rsc a\nrsc b")
	c.d.Resources[0].Params, c.d.Resources[1].Params = resources.Params{"rack": "2"}, resources.Params{"rack": "3"}
	c.d.Nodes[1].Attributes, c.d.Nodes[2].Attributes = map[string]string{"rack": "2"}, map[string]string{"rack": "3"}
	c.d.Locations = []resources.Location{{ID: "l", Selector: &resources.Selector{ID: "."}, Rule: "rack == param rack", Score: 10}}
	plan := scheduler.Plan(c.build(), epoch, c.opts)
	if plan.Targets["n2"]["a"] != resources.RoleStarted || plan.Targets["n3"]["b"] != resources.RoleStarted {
		t.Errorf("they run on %v", plan.Targets)
	}
}

// TestUnpromoted keeps a resource away from copies that are not promoted, and lets
// it leave before one is demoted.
func TestUnpromoted(t *testing.T) {
	c := cluster3().parse("clone db promotable\nrsc a")
	c.d.Colocations = []resources.Colocation{{ID: "c", Resource: "a", With: "db", WithRole: resources.RoleStarted, Score: -resources.Infinity}}
	s := c.build()
	s.Nodes["n2"].Attributes = map[string]string{"master-db": "5"}
	plan := scheduler.Plan(s, epoch, c.opts)
	where := func(id resources.InstanceID, role resources.Role) (nodes []resources.NodeName) {
		for node, roles := range plan.Targets {
			if roles[id] == role {
				nodes = append(nodes, node)
			}
		}
		return nodes
	}
	promoted, runs := where("db", resources.RolePromoted), where("a", resources.RoleStarted)
	if len(runs) > 0 && !slices.Equal(runs, promoted) {
		t.Errorf("a runs on %v, where db is not promoted, as it is on %v", runs, promoted)
	}
	if len(promoted) > 0 && len(runs) == 0 {
		t.Errorf("a runs nowhere, although db is promoted on %v", promoted)
	}
	if len(promoted) == 0 {
		t.Error("nothing is promoted, which tests nothing")
	}
}

// TestLooseGroup: members of a group that is neither ordered nor on one node.
func TestLooseGroup(t *testing.T) {
	no := false
	c := cluster3().parse("rsc a\nrsc b\ngroup g a b\nlocation a n1 score=5\nlocation b n2 score=5")
	c.d.Groups[0].Ordered, c.d.Groups[0].Collocated = &no, &no
	plan := scheduler.Plan(c.build(), epoch, c.opts)
	if len(plan.Targets["n1"]) != 1 || len(plan.Targets["n2"]) != 1 {
		t.Errorf("they run on %v", plan.Targets)
	}
	for _, a := range plan.Actions {
		for _, before := range a.After {
			if plan.Actions[before].Kind == transition.KindStart {
				t.Errorf("%s waits for %s", a.Key, plan.Actions[before].Key)
			}
		}
	}
}

// TestRemovedIsLeft: with stop_removed_resources = false what is defined no more runs on.
func TestRemovedIsLeft(t *testing.T) {
	for _, stops := range []bool{true, false} {
		c := cluster3().parse("rsc a\nis a@n1 started")
		s := c.build()
		removed := s.Definition.Clone()
		s.Nodes["n1"].Instances["a"].Config = &removed.Resources[0]
		removed = removed.Clone()
		removed.Resources, removed.Properties.StopRemovedResources = nil, &stops
		s.Definition = removed
		got := actions(scheduler.Plan(s, epoch, c.opts))
		if stopped := slices.ContainsFunc(got, func(a string) bool { return strings.HasPrefix(a, "stop a@n1") }); stopped != stops {
			t.Errorf("stop_removed_resources = %v: it is planned to %q", stops, got)
		}
	}
}

// TestStandbyByRule moves what a node runs while a rule has it in standby.
func TestStandbyByRule(t *testing.T) {
	c := cluster3().parse("rsc a sticky=100\nis a@n1 started")
	c.d.Nodes[0].When = []resources.NodeWhen{{Rule: "date >= " + epoch.Format(time.RFC3339), Standby: new(true)}}
	s := c.build()
	before, after := scheduler.Plan(s, epoch.Add(-1), c.opts), scheduler.Plan(s, epoch, c.opts)
	if before.Targets["n1"]["a"] != resources.RoleStarted || !before.RecheckAt.Equal(epoch) || len(after.Targets["n1"]) > 0 {
		t.Errorf("before it runs on %v (until %s), then on %v", before.Targets, before.RecheckAt, after.Targets)
	}
	if got, want := after.Actions[0].Reason, "node n1 is in standby by rule 'date >= "+epoch.Format(time.RFC3339)+"'"; got != want {
		t.Errorf("it is moved because %s, want %s", got, want)
	}
}
