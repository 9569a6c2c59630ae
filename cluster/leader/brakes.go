package leader

import (
	"time"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/resources"
)

// brakes slow down an action that the plan wants again and again, such as a
// probe that never says anything: the first two times at once, then after 1, 2,
// 4 … 30 seconds. One that worked, and was not wanted again soon, is free: an
// address that comes back to a node with each failover must not wait there.
type brakes struct{ seen map[string]braked }

type braked struct {
	times int
	last  time.Time
	// worked is when it was last heard to have worked; zero if it has not since it
	// was released.
	worked time.Time
}

const (
	freeTimes   = 2
	longestWait = 30 * time.Second
	// settledAfter is for how long what worked must not be wanted again. A resource
	// that is moved to and fro, or fails as soon as it runs, is wanted sooner.
	settledAfter = 10 * time.Second
	// forgetAfter must exceed longestWait, or an action would be free again.
	forgetAfter = 2 * time.Minute
	maxBraked   = 10_000
)

func newBrakes() *brakes { return &brakes{seen: map[string]braked{}} }

// release reports whether the action may be dispatched now, and counts it if
// so. If not, at is when it may.
func (b *brakes) release(key string, now time.Time) (ok bool, at time.Time) {
	before := b.seen[key]
	if now.Sub(before.last) > forgetAfter || !before.worked.IsZero() && now.Sub(before.worked) >= settledAfter {
		before = braked{}
	}
	if before.times >= freeTimes {
		wait := min(time.Second<<min(before.times-freeTimes, 5), longestWait)
		if at = before.last.Add(wait); now.Before(at) {
			return false, at
		}
	}
	if len(b.seen) >= maxBraked {
		clear(b.seen)
	}
	b.seen[key] = braked{times: before.times + 1, last: now}
	return true, time.Time{}
}

// done takes down how an operation ended.
func (b *brakes) done(op *state.Operation, outcome agents.Outcome, now time.Time) {
	if outcome != agents.OutcomeOK && (outcome != agents.OutcomeNotRunning || op.Op != resources.OpProbe) {
		return
	}
	key := operationKey(op.Op, op.Instance, op.Node)
	if before, known := b.seen[key]; known {
		before.worked = now
		b.seen[key] = before
	}
}

// operationKey names an operation that the plan wants, as its action's key does.
func operationKey(op resources.Op, instance resources.InstanceID, node resources.NodeName) string {
	return string(op) + " " + string(instance) + "@" + string(node)
}
