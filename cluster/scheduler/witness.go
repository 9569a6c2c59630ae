package scheduler

import (
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/cluster/transition"
)

// witness tells of a witness that is lost: nothing of it is fenced or recovered,
// but the cluster has one vote less.
func (p *planner) witness(n *node) {
	if n.st.Liveness != state.LivenessDead && n.st.Liveness != state.LivenessLeft {
		return
	}
	p.problem(transition.Problem{
		Code: "witness_lost", Severity: transition.SeverityWarning, Node: n.name,
		Text: "witness " + string(n.name) + " is " + n.st.Liveness.String() + ": it runs nothing, but its vote is missing when another member is lost",
		Next: "systemctl status belayd   # on " + string(n.name),
	})
}

// tellTwoVoters says what two voters are worth: as much as one. The loss of either
// leaves no majority.
func (p *planner) tellTwoVoters() {
	voters := 0
	for _, n := range p.s.Nodes {
		if n.Voter {
			voters++
		}
	}
	if voters != 2 || len(p.def.Resources) == 0 {
		return
	}
	p.problem(transition.Problem{
		Code: "two_voters", Severity: transition.SeverityWarning,
		Text: "the cluster has two voters: the loss of either leaves no majority, and everything stops; a witness, a small member anywhere that only votes, is enough",
		Next: "belayctl cluster join PEER --address ADDRESS --witness   # on a third host",
	})
}
