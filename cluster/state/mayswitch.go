package state

import (
	"github.com/belay-ha/belay/internal/mutant"
	"github.com/belay-ha/belay/resources"
)

// MaySwitch reports whether the log grants a member the right to switch a node's
// power now: off while it is the executor of the running fencing of that id, on
// after that fencing has proven the power off. A member that is asked and does
// not find the right is asked too late, or by a leader that is none any more.
func (s *State) MaySwitch(by, node resources.NodeName, fence string, on bool) bool {
	if mutant.Is(mutant.FenceWithoutRight) {
		return true
	}
	f, open := s.Fencing[node]
	if !open || f.ID != fence {
		return false
	}
	if on {
		return f.Phase == FencingOff
	}
	return f.Phase == FencingRunning && f.Executor == by
}
