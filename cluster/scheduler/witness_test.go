package scheduler_test

import (
	"slices"
	"testing"

	"github.com/belay-ha/belay/cluster/scheduler"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/cluster/transition"
	"github.com/belay-ha/belay/resources"
)

func problemCodes(plan transition.Transition) []string {
	var codes []string
	for _, p := range plan.Problems {
		codes = append(codes, p.Code)
	}
	return codes
}

func TestWitnessRunsNothingAndIsNeverFenced(t *testing.T) {
	for _, liveness := range []state.Liveness{state.LivenessAlive, state.LivenessSuspect, state.LivenessDead, state.LivenessUnknown} {
		world := newCluster("n1", "n2", "n3")
		world.d.Resources = append(world.d.Resources, resources.Resource{ID: "web", Agent: "sim", Clone: &resources.Clone{}})
		w := world.s.Nodes["n3"]
		w.Witness, w.Liveness = true, liveness
		plan := scheduler.Plan(world.build(), world.now, world.opts)
		for _, a := range plan.Actions {
			if a.Node == "n3" {
				t.Errorf("%s: %s", liveness, a.Key)
			}
		}
		if told := slices.Contains(problemCodes(plan), "witness_lost"); told != (liveness == state.LivenessDead) {
			t.Errorf("%s: problems %v", liveness, problemCodes(plan))
		}
	}
}

// Two voters survive the loss of none: status says so.
func TestTwoVotersAreTold(t *testing.T) {
	for voters, told := range map[int]bool{1: false, 2: true, 3: false} {
		world := newCluster("n1", "n2", "n3")
		world.d.Resources = append(world.d.Resources, resources.Resource{ID: "web", Agent: "sim"})
		for i, name := range []resources.NodeName{"n1", "n2", "n3"} {
			world.s.Nodes[name].Voter = i < voters
		}
		plan := scheduler.Plan(world.build(), world.now, world.opts)
		if slices.Contains(problemCodes(plan), "two_voters") != told {
			t.Errorf("%d voters: %v", voters, problemCodes(plan))
		}
	}
}

// A witness that somebody has fenced is one of those that are being fenced: the
// fault may be the cluster's own.
func TestFencedWitnessCountsAgainstTheShare(t *testing.T) {
	for fenced, want := range map[bool]string{false: "", true: "half of the members are being fenced or lie fenced: the fault may be ours"} {
		world := newCluster("n1", "n2", "n3", "n4", "n5")
		world.d.Properties.FenceBudget = 5
		world.parse("node n3 off\nnode n4 dead since=-1s")
		w := world.s.Nodes["n5"]
		w.Witness = true
		if fenced {
			world.s.Fencing["n5"] = &state.Fencing{ID: "f1", Node: "n5", Action: resources.FencingReboot, By: "root", Phase: state.FencingRequested}
		}
		plan := scheduler.Plan(world.build(), world.now, world.opts)
		for _, a := range plan.Actions {
			if a.Key == "fence n4" && a.Wait != want {
				t.Errorf("a fenced witness %v: n4 waits for %q, want %q", fenced, a.Wait, want)
			}
		}
		if !slices.ContainsFunc(plan.Actions, func(a transition.Action) bool { return a.Key == "fence n4" }) {
			t.Error("n4 is not to be fenced")
		}
	}
}
