package leader

import (
	"time"

	"github.com/belay-ha/belay/cluster/state"
)

// report is what was done, on its way into the log: each command is proposed
// again and again until it is committed, or until what it tells of is over.
type report struct {
	commands []state.Command // left to commit, in order
	proposal uint64          // of the first command; 0 when it is not under way
	next     time.Time
	retry    time.Duration
}

func newReport(commands ...state.Command) *report {
	return &report{commands: commands, retry: firstRetry}
}

// pushReport proposes the next command if it is due.
func (c *Core) pushReport(r *report) {
	if r.proposal != 0 || len(r.commands) == 0 {
		return
	}
	if c.in.Now.Before(r.next) {
		c.wakeAt(r.next)
		return
	}
	r.proposal = c.newID()
	c.records[r.proposal] = r
	c.out.Records = append(c.out.Records, Proposal{r.proposal, r.commands[0]})
}

// recorded takes what became of a report's command. One that was rejected is as
// good as committed: the log knows better.
func (c *Core) recorded(r *report, outcome Outcome) {
	r.proposal = 0
	if outcome == Uncertain {
		r.next = c.in.Now.Add(r.retry)
		r.retry = min(2*r.retry, lastRetry)
		return
	}
	r.commands, r.retry = r.commands[1:], firstRetry
}

// forgetReport drops a report whose subject is over; nil is none.
func (c *Core) forgetReport(r *report) {
	if r != nil {
		delete(c.records, r.proposal)
	}
}
