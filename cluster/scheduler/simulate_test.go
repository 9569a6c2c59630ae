package scheduler_test

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/belay-ha/belay/cluster/simulate"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/cluster/transition"
	"github.com/belay-ha/belay/resources"
)

// TestSimulationSettles: from whatever a cluster has come to, also with nodes lost
// and operations failing, a simulation ends, does each thing after what it waited
// for, and finds nothing more to do in what it has reached.
func TestSimulationSettles(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t, drawCluster(t))
		w.adopt()
		w.faults = rapid.IntRange(0, 3).Draw(t, "faults")
		names := w.s.NodeNames()
		for range rapid.IntRange(0, 60).Draw(t, "steps") {
			switch rapid.IntRange(0, 19).Draw(t, "event") {
			case 0:
				w.lose(rapid.SampledFrom(names).Draw(t, "node"))
			case 1:
				w.restartDaemon(rapid.SampledFrom(names).Draw(t, "node"))
			default:
				w.step()
			}
		}
		before := describe(w.s)
		first := simulate.Run(w.s, simulate.Options{Planner: w.c.opts, Now: w.now})
		if describe(w.s) != before {
			w.fail("simulating changed the state")
		}
		if first.Endless != "" {
			return // cut off; that plans come to rest is TestSettles' business
		}
		for _, a := range transition.Ready(&first.Plan) {
			if a.Kind != transition.KindFence || othersOnline(first.After, a.Node) {
				w.fail("%s is left over", a.Key)
			}
		}
		for k, step := range first.Steps {
			for _, before := range step.After {
				if before >= k || first.Steps[before].Round > step.Round {
					w.fail("%s is done before %s, which it waited for", step.Key, first.Steps[before].Key)
				}
			}
		}
		again := simulate.Run(first.After, simulate.Options{Planner: w.c.opts, Now: w.now})
		if len(again.Steps) > 0 {
			w.fail("simulated again, there is still %v", again.Steps)
		}
	})
}

// rests goes on until nothing more can happen, and reports whether that came.
func (w *world) rests() bool {
	for range 1000 {
		if !w.step() {
			return true
		}
	}
	return false
}

// othersOnline reports whether anybody is there who can switch a node's power.
func othersOnline(s *state.State, node resources.NodeName) bool {
	return slices.ContainsFunc(s.NodeNames(), func(name resources.NodeName) bool { return name != node && s.Nodes[name].Online() })
}

// TestSimulationEmptiesStandby: a node goes into standby, and the simulation ends
// with nothing on it, nothing failed and no more of anything than is allowed.
// (Where else things go may depend on which of two results comes first.)
func TestSimulationEmptiesStandby(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t, drawCluster(t))
		if !w.rests() {
			return // TestSettles' business
		}
		name := rapid.SampledFrom(w.s.NodeNames()).Draw(t, "node")
		w.apply(&state.NodeStandby{Node: name, Standby: true})
		r := simulate.Run(w.s, simulate.Options{Planner: w.c.opts, Now: w.now})
		if r.Endless != "" {
			return
		}
		w.s = r.After
		for _, node := range w.s.NodeNames() {
			clear(w.runs[node])
			for id, i := range w.s.Nodes[node].Instances {
				if i.Failed || (i.Role.Active() && node == name) {
					w.fail("%s on %s: %+v", id, node, i)
				}
				if i.Role.Active() {
					w.runs[node][id] = i.Role
				}
			}
		}
		w.check()
	})
}
