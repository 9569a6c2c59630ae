package member

import (
	"fmt"
	"time"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/resources"
)

// Cut is why a call of an agent had to end, by the time that it did.
type Cut int

// The reasons.
const (
	Whole    Cut = iota // it had not
	TimedOut            // its deadline had passed
	Canceled            // it was cut short: by an order, the no-quorum policy, or the end of the daemon
)

// Conclude bounds what an agent said. A failure that came with the deadline is
// unknown: the agent may have been wrong about what it could not finish. One
// that came because the call was cut short is no failure of the instance:
// somebody has to look, and a daemon's restart must not get a node fenced for a
// stop that it cut short.
func Conclude(op resources.Op, timeout time.Duration, result agents.Result, cut Cut) agents.Result {
	if len(result.Output) > agents.MaxOutput {
		result.Output = result.Output[len(result.Output)-agents.MaxOutput:]
	}
	open := result.Outcome == agents.OutcomeFailed || result.Outcome == agents.OutcomeUnknown
	switch {
	case cut == Whole || !open:
	case cut == TimedOut:
		result.Outcome = agents.OutcomeUnknown
	default:
		result.Outcome = agents.OutcomeCancelled
	}
	if result.Outcome == agents.OutcomeUnknown && result.Reason == "" {
		result.Reason = fmt.Sprintf("%s: no result within %s", op, timeout)
	}
	return result
}

// maxExtension bounds how often progress may renew an operation's timeout.
const maxExtension = 20

// Extensions counts how often an operation's progress has renewed its timeout.
type Extensions struct {
	count int
	last  int64
}

// Moves reports whether a step forward gives the operation its full timeout
// again, and counts it if so.
func (x *Extensions) Moves(p agents.Progress) bool {
	if x.count > 0 && p.Done <= x.last || p.Done < 0 || x.count >= maxExtension {
		return false
	}
	x.count, x.last = x.count+1, p.Done
	return true
}
