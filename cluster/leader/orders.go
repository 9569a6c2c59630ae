package leader

import (
	"maps"
	"slices"
	"time"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/resources"
)

// Pauses before something is asked or recorded again.
const (
	firstRetry = 50 * time.Millisecond
	lastRetry  = time.Second
)

// follow brings one operation in flight to a recorded result: its node is asked
// again and again until it says, or until the state holds the operation no more.
type follow struct {
	asking   bool
	over     bool // nothing more is asked: recorded, or the term is
	next     time.Time
	retry    time.Duration
	heard    bool
	progress agents.Progress
	report   *report // the result, on its way into the log
}

// followOrders takes answers, lets go of what the state no longer holds, and
// asks what is due.
func (c *Core) followOrders() {
	for _, answer := range c.in.Ordered {
		if f, known := c.orders[answer.Action]; known && f.asking {
			c.takeAnswer(f, answer)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(c.orders)) {
		if _, inFlight := c.s.Operations[id]; !inFlight {
			if c.orders[id].asking {
				c.out.Drop = append(c.out.Drop, string(id))
			}
			c.forgetReport(c.orders[id].report)
			delete(c.orders, id)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(c.s.Operations)) {
		f := c.orders[id]
		if f == nil {
			f = &follow{retry: firstRetry}
			c.orders[id] = f
		}
		switch {
		case f.report != nil:
			c.pushReport(f.report)
		case f.asking || f.over:
		case c.in.Now.Before(f.next):
			c.wakeAt(f.next)
		default:
			f.asking = true
			// The newest index known here: a member must not obey an order that it
			// will read is given up.
			c.out.Orders = append(c.out.Orders, state.Order{Operation: *c.s.Operations[id], LeaderTerm: c.config.Term, Index: c.s.Index})
		}
	}
}

// takeAnswer takes what a node said to an order.
func (c *Core) takeAnswer(f *follow, answer Ordered) {
	f.asking = false
	switch answer.Reply {
	case Superseded:
		f.over = true
	case Refused:
		f.report = finished(answer.Action, agents.Result{Outcome: agents.OutcomeCancelled, Reason: answer.Reason})
	case Done:
		f.report = finished(answer.Action, answer.Result)
		if op, inFlight := c.s.Operations[answer.Action]; inFlight {
			c.brakes.done(op, answer.Result.Outcome, c.in.Now)
		}
	case Running:
		f.heard, f.progress = true, answer.Progress
		f.retry = firstRetry
		f.next = c.in.Now.Add(firstRetry) // should a member answer at once
	default:
		// The member may be gone, restarting or slow: its verdict or its boot ends
		// the operation.
		f.next = c.in.Now.Add(f.retry)
		f.retry = min(2*f.retry, lastRetry)
	}
}

func finished(id resources.ActionID, result agents.Result) *report {
	return newReport(&state.OperationFinished{Action: id, Result: result})
}
