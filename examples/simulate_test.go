package examples_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/belay-ha/belay/cluster/scheduler"
	"github.com/belay-ha/belay/cluster/simulate"
	"github.com/belay-ha/belay/cluster/transition"
	"github.com/belay-ha/belay/resources"
)

// TestExamplesRun plans each example and carries the plans out on paper: everything
// comes up and rests, also when any one node is lost, and comes back.
func TestExamplesRun(t *testing.T) {
	eachExample(t, func(t *testing.T, def *resources.Definition) {
		plan := scheduler.Plan(simulate.Empty(def, epoch), epoch, options().Planner)
		if err := transition.Validate(&plan); err != nil || len(plan.Actions) == 0 {
			t.Errorf("the first plan has %d actions, %v", len(plan.Actions), err)
		}
		up := simulate.Run(simulate.Empty(def, epoch), options())
		if up.Endless != "" || len(up.Plan.Actions) > 0 || len(up.Plan.Problems) > 0 {
			t.Fatalf("endless %q, left %v, problems %v", up.Endless, up.Plan.Actions, up.Plan.Problems)
		}
		for _, r := range def.Everything() {
			if len(serving(up.After, r.ID)) == 0 {
				t.Errorf("%s runs nowhere", r.ID)
			}
		}
		if len(def.Nodes) == 1 {
			return // nobody is there to notice
		}
		for _, node := range def.Nodes {
			s, err := simulate.Apply(up.After, epoch, simulate.Changes{Lost: []resources.NodeName{node.Name}})
			if err != nil {
				t.Fatal(err)
			}
			down := simulate.Run(s, options())
			if down.Endless != "" || len(down.After.FenceHistory) != 1 {
				t.Errorf("%s is lost: endless %q, fenced %v", node.Name, down.Endless, down.After.FenceHistory)
			}
			for _, r := range def.Everything() {
				once := r.Clone == nil && len(serving(up.After, r.ID)) == 1
				if nodes := serving(down.After, r.ID); once && len(nodes) != 1 && !tied(def, r.ID) {
					t.Errorf("%s is lost: %s runs on %v", node.Name, r.ID, nodes)
				}
			}
		}
	})
}

// tied reports whether a resource is one of several replicas that each have a node of
// their own, and wait for it.
func tied(def *resources.Definition, id resources.ResourceID) bool {
	b, is := def.PartOf(id)
	return is && b.Count() >= len(def.Nodes)
}

// TestCollapsedAddresses: whatever the balancer listens on is an address of the cluster,
// of the same name, and who logs in does so where keystone is listened for.
func TestCollapsedAddresses(t *testing.T) {
	def := collapsed(t)
	addresses := map[string]string{}
	for _, r := range def.Resources {
		if address, _, is := strings.Cut(r.Params["address"], "/"); is && r.Agent == "vip" {
			addresses[address] = string(r.ID)
		}
	}
	balancer, _ := def.Resource("lb")
	binds := map[string]string{}
	for name, value := range balancer.Params {
		if service, is := strings.CutSuffix(name, ".bind"); is {
			binds[value] = strings.TrimPrefix(service, "listen.")
		}
	}
	for bind, service := range binds {
		address, _, _ := strings.Cut(bind, ":")
		if id := addresses[address]; id != "vip-"+service {
			t.Errorf("%s listens on %s, which is %q", service, bind, id)
		}
	}
	if device := def.Fences[len(def.Fences)-1]; device.ID != "nova-fence" || device.Params["auth_url"] != fmt.Sprintf("http://%s/v3", keyOf(binds, "keystone")) {
		t.Errorf("%s logs in at %s", device.ID, device.Params["auth_url"])
	}
}

func keyOf(m map[string]string, value string) string {
	for k, v := range m {
		if v == value {
			return k
		}
	}
	return ""
}
