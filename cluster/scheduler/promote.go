package scheduler

import (
	"cmp"
	"slices"

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
	if score, found := readScore(p.nodes[n].attrs["master-"+string(q.id)]); found {
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

// unitPromotion sums the members' scores; a copy none of whose members asks
// has none.
func (p *planner) unitPromotion(u *unit, copy, n int) resources.Score {
	sum, asked := resources.Score(0), false
	for _, qi := range u.prims {
		if score := p.promotionScore(qi, copy, n); score != noScore {
			sum, asked = sum.Add(score), true
		}
	}
	if !asked {
		return noScore
	}
	return sum
}

// addPromotionScores lets nodes that suit promotion attract copies.
func (p *planner) addPromotionScores(ui int, row []resources.Score) {
	u := &p.units[ui]
	if u.unique {
		return
	}
	for n := range row {
		if score := p.unitPromotion(u, 0, n); score > 0 {
			row[n] = row[n].Add(score)
			p.note(ui, n, 0, score, "promotion score")
		}
	}
}

// promote chooses which of the placed copies are promoted: the best by score,
// at most promoted_max and promoted_node_max of those that want it.
func (p *planner) promote(ui int) {
	u := &p.units[ui]
	if len(u.prims) == 0 {
		return
	}
	row := p.promotionRow(ui)
	value := make([]resources.Score, len(u.at))
	order := make([]int, 0, len(u.at))
	count, perNode := 0, make([]int, len(p.nodes))
	for k, n := range u.at {
		if n < 0 {
			continue
		}
		i := p.at(u.prims[0], p.copyOf(u, k), n)
		if i != nil && i.pinned {
			if i.active() && i.cur == resources.RolePromoted {
				u.prom[k] = true
				count++
				perNode[n]++
			}
			continue
		}
		value[k] = p.unitPromotion(u, p.copyOf(u, k), n)
		p.note(ui, n, resources.RolePromoted, value[k], "promotion score")
		if value[k] < 0 {
			value[k] = -resources.Infinity // no location promotes what does not ask for it
		}
		value[k] = value[k].Add(row[n])
		order = append(order, k)
	}
	p.scoredPromotion(ui, value)
	if !p.promotionAllowed(u) {
		return
	}
	slices.SortStableFunc(order, func(a, b int) int {
		return cmp.Or(cmp.Compare(value[b], value[a]), cmp.Compare(p.promotedNow(u, b), p.promotedNow(u, a)))
	})
	for _, k := range order {
		n := u.at[k]
		if value[k] >= 0 && count < u.promotedMax && perNode[n] < u.promotedNodeMax && p.memberRuns(u, 0, p.copyOf(u, k), n) {
			u.prom[k] = true
			count++
			perNode[n]++
		}
	}
}

// copyOf returns the number of the copy at index k of unit.at.
func (p *planner) copyOf(u *unit, k int) int {
	if u.unique {
		return k
	}
	return 0
}

// promotedNow is 1 where the copy is promoted already, to break ties.
func (p *planner) promotedNow(u *unit, k int) int {
	if i := p.at(u.prims[0], p.copyOf(u, k), u.at[k]); i != nil && i.cur == resources.RolePromoted {
		return 1
	}
	return 0
}

// promotionAllowed reports whether anybody may be promoted: an advisor may have
// decided that an operator must act first.
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
		return p.keepPromoted(u)
	}
	return true
}

// keepPromoted leaves what is promoted and says that nothing else may be.
func (p *planner) keepPromoted(u *unit) bool {
	for k, n := range u.at {
		if n >= 0 && p.promotedNow(u, k) == 1 {
			u.prom[k] = true
		}
	}
	return false
}

// promotionRow is what locations and colocations of the promoted role give each
// node.
func (p *planner) promotionRow(ui int) []resources.Score {
	u := &p.units[ui]
	row := make([]resources.Score, len(p.nodes))
	for _, qi := range u.prims {
		for n, s := range p.prims[qi].promo {
			row[n] = row[n].Add(s)
		}
	}
	for _, ci := range u.deps {
		c := &p.colocations[ci]
		if c.depRole != resources.RolePromoted || p.units[c.with].state != placed {
			continue
		}
		match, any := p.beside(c)
		for n := range row {
			switch {
			case !any && c.score >= resources.Infinity, any && !match[n] && c.score >= resources.Infinity:
				row[n] = -resources.Infinity
				p.note(ui, n, resources.RolePromoted, -resources.Infinity, "colocation ", c.id)
			case any && match[n]:
				row[n] = row[n].Add(c.score)
				p.note(ui, n, resources.RolePromoted, c.score, "colocation ", c.id)
			}
		}
	}
	for _, ci := range u.withs {
		if c := &p.colocations[ci]; c.withRole == resources.RolePromoted {
			p.addWish(c, row, resources.RolePromoted)
		}
	}
	return row
}
