package scheduler

import (
	"github.com/belay-ha/belay/cluster/transition"
	"github.com/belay-ha/belay/resources"
)

// promotion scores that need no agent's word.
const (
	noScore       resources.Score = -1
	healthyScore  resources.Score = 1
	presentHolder resources.Score = 5
)

// promotionScore returns how much the instance asks for promotion; noScore if
// it does not.
func (p *planner) promotionScore(qi, copy, n int) resources.Score {
	q := &p.prims[qi]
	u := &p.units[q.unit]
	i := p.at(qi, copy, n)
	if advice := p.s.Advice[q.id]; advice != nil && q.facts.Advisor {
		if score, found := advice.Promotion[p.nodes[n].name]; found {
			return score
		}
		return noScore
	}
	if q.facts.Advisor {
		if i != nil && i.cur == resources.RolePromoted {
			return healthyScore // nobody has decided anything: leave it
		}
		return noScore
	}
	if i != nil && i.st != nil {
		if score, found := readScore(i.st.Attributes["promotion_score"]); found {
			return score
		}
	}
	if score, found := readScore(p.nodes[n].attrs["master-"+string(q.ids[copy])]); found {
		return score
	}
	// Copies that are told apart ask each for itself, members of groups aside.
	if score, found := readScore(p.nodes[n].attrs["master-"+string(q.id)]); found && (u.group || !u.unique) {
		return score
	}
	if !q.facts.NeedsNoScore || i == nil || !i.active() || i.restart {
		return noScore
	}
	if i.cur == resources.RolePromoted {
		return healthyScore + presentHolder
	}
	return healthyScore
}

func readScore(text string) (resources.Score, bool) {
	if text == "" {
		return 0, false
	}
	score, err := resources.ParseScore(text)
	return score, err == nil
}

// promotionAllowed reports whether anybody may be promoted who is not: an advisor
// may have decided that an operator must act first.
func (p *planner) promotionAllowed(u *unit) bool {
	for _, qi := range u.prims {
		q := &p.prims[qi]
		if q.stopped {
			return false
		}
		advice := p.s.Advice[q.id]
		if advice == nil || !q.facts.Advisor || !advice.Blocked {
			continue
		}
		p.problem(transition.Problem{
			Code: "advice_blocked", Severity: transition.SeverityCritical, Resource: q.id,
			Text: string(q.id) + " is not promoted anywhere new: " + advice.Reason, Next: "belayctl resource show " + string(q.id),
		})
		return false
	}
	return true
}

// promotedNow reports whether a copy on a node is promoted already.
func (p *planner) promotedNow(prim, copy, node int) bool {
	i := p.at(prim, copy, node)
	return i != nil && i.cur == resources.RolePromoted
}
