package leader

import (
	"fmt"
	"time"

	"github.com/belay-ha/belay/cluster/transition"
)

// listProblems says what the evidence means to an operator.
func (c *Core) listProblems() []transition.Problem {
	var list []transition.Problem
	for _, name := range c.s.NodeNames() {
		if first, away := c.judge.away[name]; away && c.s.Nodes[name].Online() {
			since := c.in.Wall.Add(first.Sub(c.in.Now))
			list = append(list, transition.Problem{
				Code: "daemon_away", Severity: transition.SeverityWarning, Node: name,
				Text: fmt.Sprintf("the host of %s lives but its belayd has been away since %s; its services go on unwatched", name, since.Format(time.TimeOnly)),
				Next: fmt.Sprintf("systemctl status belayd   # on %s", name),
			})
		}
		if count, many := c.judge.restarts.many(name); many {
			list = append(list, transition.Problem{
				Code: "daemon_restarts", Severity: transition.SeverityCritical, Node: name,
				Text: fmt.Sprintf("belayd on %s has started %d times in the last minute: the services there go on unwatched", name, count),
				Next: fmt.Sprintf("journalctl -u belayd -n 20   # on %s", name),
			})
		}
	}
	return append(list, c.blockedAdvice()...)
}

func (c *Core) blockedAdvice() []transition.Problem {
	var list []transition.Problem
	for _, r := range c.s.Definition.Resolved().Resources {
		if advice, found := c.s.Advice[r.ID]; found && advice.Blocked {
			next := "belayctl status"
			if r.Agent == "galera" {
				next = "belayctl galera status " + string(r.ID)
			}
			list = append(list, transition.Problem{Code: "advice_blocked", Severity: transition.SeverityCritical, Resource: r.ID, Text: advice.Reason, Next: next})
		}
	}
	return list
}
