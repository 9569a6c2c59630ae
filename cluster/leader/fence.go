package leader

import (
	"time"

	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/cluster/transition"
	"github.com/belay-ha/belay/internal/mutant"
	"github.com/belay-ha/belay/resources"
)

// startFencing makes an executor begin with each fencing whose right is granted
// or whose retry is due.
func (c *Core) startFencing() {
	for _, name := range c.s.NodeNames() {
		f, open := c.s.Fencing[name]
		if !open {
			continue
		}
		due := f.Phase == state.FencingRequested || RetryDue(c.s, f, c.in.Wall)
		// This member is at it itself, whatever the others say of it.
		orphaned := f.Phase == state.FencingRunning && f.Executor != c.config.Self && !online(c.s, f.Executor)
		switch {
		case due || orphaned:
			c.propose(&state.FenceStarted{Fence: f.ID, Node: name, Executor: Executor(c.s, c.config.Self, f)})
		case f.Phase == state.FencingFailed && !f.RetryAt.IsZero():
			c.wakeAt(c.monotonic(f.RetryAt))
		}
	}
}

func online(s *state.State, name resources.NodeName) bool {
	n, found := s.Nodes[name]
	return found && n.Online()
}

// requestFencing grants the right to fence a node that the plan wants fenced.
func (c *Core) requestFencing(action transition.Action) {
	if _, open := c.s.Fencing[action.Node]; open || action.Kind != transition.KindFence {
		return
	}
	request := &state.FenceRequested{Node: action.Node, Action: c.fencingAction(action), Reason: action.Reason}
	if c.s.Version >= state.VersionPremise {
		request.Premise = action.Premise
	}
	c.propose(request)
}

// fencingAction is how a node is fenced: as the definition says, unless one of its
// devices leaves it off, or it was fenced too often.
func (c *Core) fencingAction(action transition.Action) resources.FencingAction {
	how := c.s.Definition.Properties.FencingAction
	switch {
	case action.Hold:
		return resources.FencingHold
	case c.s.Definition.LeavesOff(action.Node):
		return resources.FencingOff
	case how == "":
		return resources.FencingReboot
	}
	return how
}

// Executor chooses who switches the power: the leader first, then each other
// online member in turn, so that one member's lost management network does not
// end the matter. A leader that has to be fenced itself leaves it to the others;
// it is named only when there is nobody else, and then refuses.
func Executor(s *state.State, self resources.NodeName, f *state.Fencing) resources.NodeName {
	var candidates []resources.NodeName
	if self != f.Node && !isWitness(s, self) {
		candidates = append(candidates, self)
	}
	for _, name := range s.NodeNames() {
		if name != self && name != f.Node && s.Nodes[name].Online() && !s.Nodes[name].Witness {
			candidates = append(candidates, name)
		}
	}
	if len(candidates) == 0 {
		return self
	}
	return candidates[f.Attempts%len(candidates)]
}

// isWitness reports whether a member only votes: it may stand where no power
// controller can be reached. With nobody else left it has to try.
func isWitness(s *state.State, name resources.NodeName) bool {
	n, found := s.Nodes[name]
	return found && n.Witness
}

// MaxBackOff is the longest pause between two attempts, and MaxRefusedBackOff
// that after refused logins, which lock accounts.
const (
	MaxBackOff        = time.Minute
	MaxRefusedBackOff = 10 * time.Minute
)

// backOff is the pause after a failed attempt: 1 s, doubling to MaxBackOff.
func backOff(attempts int) time.Duration {
	return min(time.Second<<min(max(attempts-1, 0), 6), MaxBackOff)
}

// refusedBackOff is the pause after an attempt that was refused the login: 5 s,
// doubling to MaxRefusedBackOff.
func refusedBackOff(attempts int) time.Duration {
	return min(5*time.Second<<min(max(attempts-1, 0), 7), MaxRefusedBackOff)
}

// RetryDue reports whether a failed fencing may be repeated, by the wall clock;
// one without a time waits for an operator. One that was refused the login goes
// on as soon as its devices have other parameters or secrets. The time was set by
// the clock of some leader: one that is further away than any pause between
// attempts is that of a clock that was wrong, and is not waited for.
func RetryDue(s *state.State, f *state.Fencing, now time.Time) bool {
	longest := MaxBackOff
	switch {
	case f.Phase != state.FencingFailed || f.RetryAt.IsZero() || mutant.Is(mutant.NoRetry):
		return false
	case f.Refused != "" && f.Refused != s.FencingDigest(f.Node):
		return true
	case f.Refused != "":
		longest = MaxRefusedBackOff
	}
	return !now.Before(f.RetryAt) || f.RetryAt.Sub(now) > longest
}
