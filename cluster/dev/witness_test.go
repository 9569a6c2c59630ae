package dev

import (
	"testing"

	"github.com/belay-ha/belay/cluster/api"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/resources"
)

// Two nodes and a witness: whichever node is lost, the other and the witness are a
// majority, fence it and take over. The witness runs nothing and has no fence
// device, although the definition names it.
func TestTwoNodesAndAWitness(t *testing.T) {
	t.Parallel()
	c := startWith(t, func(config *Config) { config.Witness = true })
	witness := c.Hosts()[2]
	define(t, c, func(d *resources.Definition) {
		d.Fences = d.Fences[:2]
	})
	settled := func(s api.Status) bool {
		return holder(s, "vip") != "" && count(s, "web") == 2 && len(s.Actions) == 0
	}
	status := until(t, c, "everything runs on the two nodes", soon, settled)
	if s := stateOf(t, c); !s.Nodes[witness.Name()].Witness || !s.Nodes[witness.Name()].Voter || len(s.Nodes[witness.Name()].Instances) != 0 {
		t.Errorf("the witness: %+v", s.Nodes[witness.Name()])
	}
	for range 2 {
		victim, _ := c.Host(holder(status, "vip"))
		victim.CutPower()
		status = until(t, c, "the other node takes over", outage, func(s api.Status) bool {
			at := holder(s, "vip")
			return at != "" && at != victim.Name() && at != witness.Name()
		})
		if off := stateOf(t, c).Nodes[victim.Name()].Off; off != nil && off.By != state.ProofPower {
			t.Errorf("proof on record: %+v", off)
		}
		status = until(t, c, "the lost node is back", outage, settled)
	}
	if witness.Services.Running("vip").Active() || witness.Services.Running("web").Active() {
		t.Error("the witness runs something")
	}
}

// The loss of the witness costs a vote and nothing else.
func TestWitnessIsLost(t *testing.T) {
	t.Parallel()
	c := startWith(t, func(config *Config) { config.Witness = true })
	witness := c.Hosts()[2]
	define(t, c, func(d *resources.Definition) { d.Fences = d.Fences[:2] })
	until(t, c, "everything runs", soon, func(s api.Status) bool { return holder(s, "vip") != "" && count(s, "web") == 2 && len(s.Actions) == 0 })
	witness.CutPower()
	s := until(t, c, "the loss is told", outage, func(s api.Status) bool {
		for _, p := range s.Problems {
			if p.Code == "witness_lost" && p.Node == witness.Name() {
				return true
			}
		}
		return false
	})
	if holder(s, "vip") == "" || count(s, "web") != 2 || len(stateOf(t, c).Fencing) != 0 {
		t.Errorf("it cost more than its vote: %+v", s.Resources)
	}
}
