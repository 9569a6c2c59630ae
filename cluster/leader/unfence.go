package leader

import (
	"fmt"

	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/cluster/transition"
	"github.com/belay-ha/belay/resources"
)

// startUnfencing makes a member begin with an unfencing that the plan wants.
func (c *Core) startUnfencing(action transition.Action) {
	if action.Kind != transition.KindUnfence {
		return
	}
	attempts := 0
	if f, open := c.s.Unfencing[action.Node]; open {
		attempts = f.Attempts
	}
	c.propose(&state.UnfenceStarted{Node: action.Node, Executor: unfencer(c.s, c.config.Self, action.Node, attempts), Reason: action.Reason})
}

// unfencer chooses who unfences a node: the node itself first, because some
// devices know whom to let in only by who asks; then, for those that are reached
// another way, each other member in turn.
func unfencer(s *state.State, self, node resources.NodeName, attempts int) resources.NodeName {
	if attempts%2 == 0 {
		return node
	}
	return Executor(s, self, &state.Fencing{Node: node, Attempts: attempts / 2})
}

// unfenceReport is what is recorded of an attempt to unfence a node.
func (c *Core) unfenceReport(a *attempt, answer Fenced) *report {
	f := a.asked.Fencing
	if answer.Unanswered != "" {
		answer = Fenced{Error: fmt.Sprintf("ask %s to unfence %s: %s", f.Executor, f.Node, answer.Unanswered)}
	}
	result := &state.UnfenceReported{ID: f.ID, Node: f.Node, Done: answer.Proven, Digest: a.digest, Steps: answer.Steps, Error: answer.Error}
	switch {
	case result.Done:
		result.Error = ""
	case answer.Refused:
		result.RetryAt = c.in.Wall.Add(refusedBackOff(f.Attempts))
	default:
		result.RetryAt = c.in.Wall.Add(backOff(f.Attempts))
	}
	return newReport(result)
}
