package member

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/internal/mutant"
	"github.com/belay-ha/belay/resources"
)

// Errors of orders that were not obeyed: nothing was done.
var (
	ErrStaleTerm = errors.New("order of an older term than this member has seen")
	ErrStaleRun  = errors.New("order for an earlier run of this member's daemon")
	ErrNoLease   = errors.New("this member has lost the leader and obeys the no-quorum policy")
	// ErrOutdated: by this member's own state the operation is over, or was given
	// up. The order is a late copy, or the leader will know soon.
	ErrOutdated = errors.New("order for an operation that is not in flight any more")
	// ErrBehind: this member has not yet applied what the order is about. Give it
	// the same order again when it has applied more.
	ErrBehind = errors.New("this member is behind")
)

// maxRuns bounds the remembered results of orders.
const maxRuns = 4096

// run is one order's execution, remembered after its end.
type run struct {
	op       state.Operation
	task     *task // nil when done
	done     bool
	result   agents.Result // valid when done
	progress agents.Progress
}

func (r *run) status() Status { return Status{Done: r.done, Result: r.result, Progress: r.progress} }

// Order obeys an order, or joins it if the same action was ordered before, and
// says how far it is. s is the newest state that this member has applied. What
// the order begins with is in the next Step's output, so call that next.
func (c *Core) Order(now time.Time, s *state.State, order state.Order) (Status, error) {
	c.learn(now, s)
	if order.LeaderTerm < c.maxTerm && !mutant.Is(mutant.OlderTerm) {
		return Status{}, fmt.Errorf("%w: %d < %d", ErrStaleTerm, order.LeaderTerm, c.maxTerm)
	}
	c.maxTerm = order.LeaderTerm
	if order.Incarnation != c.incarnation {
		return Status{}, ErrStaleRun
	}
	if s.Index < order.Index {
		return Status{}, fmt.Errorf("%w: at log index %d, the order is of %d", ErrBehind, s.Index, order.Index)
	}
	if r, known := c.runs[order.ID]; known && !(r.done && mutant.Is(mutant.RunTwice)) {
		return r.status(), nil
	}
	// What the wire says only names the operation: the log says what it is, and
	// whether it is still wanted. A copy that the network kept back for long must
	// not start what runs elsewhere by now.
	op, inFlight := s.Operations[order.ID]
	if !inFlight || op.Node != c.config.Self || op.Incarnation != c.incarnation {
		return Status{}, fmt.Errorf("%w: %s at log index %d", ErrOutdated, order.ID, s.Index)
	}
	if c.suspended && raises(op.Op) {
		return Status{}, ErrNoLease
	}
	r := &run{op: *op}
	r.task = &task{Task: Task{Kind: KindOrder, Instance: op.Instance, Op: op.Op, Timeout: op.Timeout.Std(), State: s, Operation: &r.op, Remember: raises(op.Op)}, run: r}
	c.remember(r)
	c.enqueue(r.task)
	return r.status(), nil
}

// Status returns how far an order is that Order has taken; false if it is not
// known.
func (c *Core) Status(id resources.ActionID) (Status, bool) {
	r, known := c.runs[id]
	if !known {
		return Status{}, false
	}
	return r.status(), true
}

// Cancel asks an operation to end early. Its result is then cancelled or
// unknown, as the agent says.
func (c *Core) Cancel(id resources.ActionID) {
	r, known := c.runs[id]
	switch {
	case !known || r.done:
	case r.task.begun:
		c.cut(r.task)
	default:
		i, t := c.instances[r.op.Instance], r.task
		i.waiting = slices.DeleteFunc(i.waiting, func(w *task) bool { return w == t })
		c.conclude(t, agents.Result{Outcome: agents.OutcomeCancelled, Reason: string(t.Op) + " was not begun: it is no longer wanted"}, "")
	}
}

// remember keeps a run, and forgets old ones beyond maxRuns: those that are done
// and whose operation is no longer in flight, so that no order can ask for them
// again.
func (c *Core) remember(r *run) {
	c.runs[r.op.ID] = r
	c.runOrder = append(c.runOrder, r.op.ID)
	for n := 0; len(c.runOrder) > maxRuns && n < len(c.runOrder); {
		id := c.runOrder[n]
		if _, inFlight := c.s.Operations[id]; inFlight || !c.runs[id].done {
			n++
			continue
		}
		delete(c.runs, id)
		c.runOrder = slices.Delete(c.runOrder, n, n+1)
	}
}
