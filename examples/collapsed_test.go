package examples_test

import (
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/belay-ha/belay/cluster/catalog"
	"github.com/belay-ha/belay/cluster/node"
	"github.com/belay-ha/belay/cluster/scheduler"
	"github.com/belay-ha/belay/cluster/simulate"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/cluster/transition"
	"github.com/belay-ha/belay/resources"
	"github.com/belay-ha/belay/resources/definition"
)

var epoch = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func collapsed(t *testing.T) *resources.Definition {
	t.Helper()
	text, err := os.ReadFile("collapsed-openstack.toml")
	if err != nil {
		t.Fatal(err)
	}
	agents, fences := tables()
	def, err := definition.Decode(agents, fences, definition.File{Name: "collapsed-openstack.toml", Text: text})
	if err != nil {
		t.Fatal(err)
	}
	return def
}

func options() simulate.Options {
	return simulate.Options{Now: epoch, Planner: scheduler.Options{Quorum: true, Agents: node.AgentFacts(catalog.Agents(zap.NewNop()))}}
}

// serving lists where a resource is active, by node.
func serving(s *state.State, id resources.ResourceID) []string {
	var nodes []string
	for _, name := range s.NodeNames() {
		for instance, i := range s.Nodes[name].Instances {
			if instance.Resource() == id && i.Role.Active() {
				nodes = append(nodes, string(name))
			}
		}
	}
	return nodes
}

// TestCollapsedPlan: the first plan holds together, and its orders lead from the
// database to the virtual machines.
func TestCollapsedPlan(t *testing.T) {
	start := simulate.Empty(collapsed(t), epoch)
	plan := scheduler.Plan(start, epoch, options().Planner)
	if err := transition.Validate(&plan); err != nil {
		t.Fatal(err)
	}
	r := simulate.Run(start, options())
	at := map[string]int{}
	for n, step := range r.Steps {
		at[step.Key] = n
	}
	for _, edge := range [][2]string{
		{"promote galera@controller-0", "start keystone@controller-0"}, {"start rabbitmq@controller-0", "start keystone@controller-0"},
		{"start keystone@controller-1", "start nova-consoleauth@controller-1"}, {"start nova-api@controller-2", "start nova-conductor@controller-2"},
		{"start libvirtd-compute@compute-0", "start nova-compute@compute-0"}, {"start nova-compute-fs@compute-1", "start nova-compute@compute-1"},
	} {
		before, found := at[edge[0]]
		after, also := at[edge[1]]
		if !found || !also || before >= after {
			t.Errorf("%s is step %d (%v), %s is step %d (%v)", edge[0], before, found, edge[1], after, also)
		}
	}
}

// TestCollapsedRuns: everything comes up where it belongs, and stays as it is.
func TestCollapsedRuns(t *testing.T) {
	def := collapsed(t)
	r := simulate.Run(simulate.Empty(def, epoch), options())
	if r.Endless != "" || len(r.Plan.Actions) > 0 || len(r.Plan.Problems) > 0 {
		t.Fatalf("endless %q, left %v, problems %v", r.Endless, r.Plan.Actions, r.Plan.Problems)
	}
	instances := 0
	for _, resource := range def.Resources {
		nodes := serving(r.After, resource.ID)
		instances += len(nodes)
		want, kind := 1, "controller-"
		if resource.Clone != nil {
			want = 3
		}
		if strings.HasSuffix(string(resource.ID), "-compute") || strings.HasPrefix(string(resource.ID), "nova-compute") {
			want, kind = 2, "compute-"
		}
		if len(nodes) != want || slices.ContainsFunc(nodes, func(n string) bool { return !strings.HasPrefix(n, kind) }) {
			t.Errorf("%s runs on %v, want %d of %s*", resource.ID, nodes, want, kind)
		}
	}
	if instances < 121 {
		t.Errorf("only %d instances", instances)
	}
	if again := simulate.Run(r.After, options()); len(again.Steps) > 0 {
		t.Errorf("it does not rest: %+v", again.Steps[0])
	}
}

// TestCollapsedLosesNodes: a controller's addresses move and nothing else is
// touched; a compute node is fenced by both of its devices.
func TestCollapsedLosesNodes(t *testing.T) {
	running := simulate.Run(simulate.Empty(collapsed(t), epoch), options()).After
	for _, lost := range []resources.NodeName{"controller-0", "controller-1", "compute-0"} {
		t.Run(string(lost), func(t *testing.T) {
			s, err := simulate.Apply(running, epoch, simulate.Changes{Lost: []resources.NodeName{lost}})
			if err != nil {
				t.Fatal(err)
			}
			r := simulate.Run(s, options())
			if r.Endless != "" {
				t.Fatal(r.Endless)
			}
			for _, resource := range r.After.Definition.Resources {
				if resource.Clone == nil && len(serving(r.After, resource.ID)) != 1 {
					t.Errorf("%s runs on %v", resource.ID, serving(r.After, resource.ID))
				}
			}
			for _, step := range r.Steps {
				if step.Kind == transition.KindStop && strings.HasPrefix(string(step.Instance), "vip-") {
					t.Errorf("%s: an address moves that need not", step.Key)
				}
			}
			if len(r.After.FenceHistory) != 1 || r.After.FenceHistory[0].Node != lost {
				t.Errorf("fenced: %v", r.After.FenceHistory)
			}
		})
	}
	if devices := running.Definition.FencesOf("compute-0"); len(devices) != 2 || max(devices[0].Level, 1) != max(devices[1].Level, 1) {
		t.Errorf("compute-0 is fenced by %v", devices)
	}
}
