package leader

import (
	"maps"

	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/cluster/transition"
	"github.com/belay-ha/belay/resources"
)

// cancelUnwanted asks once for the end of every start or promotion in flight
// whose instance is to be lowered as soon as it ends. The agent may go on all the
// same; its result is awaited in any case.
func (c *Core) cancelUnwanted() {
	maps.DeleteFunc(c.cancelled, func(id resources.ActionID, _ bool) bool {
		_, inFlight := c.s.Operations[id]
		return !inFlight
	})
	for _, op := range unwanted(c.s, &c.plan) {
		if !c.cancelled[op.ID] {
			c.cancelled[op.ID] = true
			c.out.Cancels = append(c.out.Cancels, op)
		}
	}
}

// unwanted lists the operations in flight that raise an instance which the plan
// lowers next.
func unwanted(s *state.State, plan *transition.Transition) []*state.Operation {
	var list []*state.Operation
	for _, a := range plan.Actions {
		if a.Kind != transition.KindStop && a.Kind != transition.KindDemote || a.InFlight != "" || a.Wait != "" {
			continue
		}
		for _, before := range a.After {
			first := plan.Actions[before]
			op, inFlight := s.Operations[first.InFlight]
			if inFlight && first.Instance == a.Instance && first.Node == a.Node && (op.Op == resources.OpStart || op.Op == resources.OpPromote) {
				list = append(list, op)
			}
		}
	}
	return list
}
