package main

import (
	"testing"

	"github.com/belay-ha/belay/cluster/simulate"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/cluster/transition"
	"github.com/belay-ha/belay/resources"
)

// TestLiveMoveInterruptsNothing: what moves live serves all the time; where it does
// not arrive, it is interrupted like anything that is stopped.
func TestLiveMoveInterruptsNothing(t *testing.T) {
	def := &resources.Definition{Nodes: []resources.Node{{Name: "a"}, {Name: "b"}}, Resources: []resources.Resource{{ID: "guest"}}}
	at := func(node resources.NodeName) *state.State {
		s := state.New()
		s.Definition = def
		for _, name := range []resources.NodeName{"a", "b"} {
			role := resources.RoleStopped
			if name == node {
				role = resources.RoleStarted
			}
			s.Nodes[name] = &state.Node{Name: name, Instances: map[resources.InstanceID]*state.Instance{"guest": {ID: "guest", Role: role, Probed: true}}}
		}
		return s
	}
	step := func(kind transition.Kind, node resources.NodeName, failed bool) simulate.Step {
		return simulate.Step{Key: string(kind) + " guest@" + string(node), Kind: kind, Node: node, Instance: "guest", Failed: failed}
	}
	for _, c := range []struct {
		name    string
		arrives bool
		want    string
	}{{"it arrives", true, ""}, {"it does not", false, "guest: moves from a to b"}} {
		after := &simulate.Result{After: at("b"), Steps: []simulate.Step{
			step(transition.KindMigrateTo, "a", false), step(transition.KindMigrateFrom, "b", !c.arrives), step(transition.KindStop, "a", false),
		}}
		got := ""
		for _, i := range interruptions(at("a"), after, &simulate.Result{}) {
			got += i.String()
		}
		if got != c.want {
			t.Errorf("%s: interrupted %q, want %q", c.name, got, c.want)
		}
	}
}
