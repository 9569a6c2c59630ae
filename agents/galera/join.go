package galera

import (
	"fmt"
	"slices"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/resources"
)

// join lets everybody into the primary component that there is. Members that
// need only the newest transactions come at once; those that need a whole copy
// come as many at a time as there are donors, because a second one would only
// wait, moving nothing, until its promote timed out.
func join(all, live []member, override string) agents.Advice {
	advice := wait(all, false, fmt.Sprintf("%s in the primary component; the others join", names(live)))
	if override != "" && !slices.ContainsFunc(live, func(m member) bool { return string(m.node) == override }) {
		advice.Reason += fmt.Sprintf("; the operator's bootstrap of %s is ignored: it would make a second cluster", override)
	}
	advice.Promotion = map[resources.NodeName]resources.Score{}
	verdict := map[resources.NodeName]string{}
	allow := func(m member, score resources.Score, why string) {
		advice.Instances[m.node] = map[string]string{adviceMode: modeJoin}
		advice.Promotion[m.node], verdict[m.node] = score, why
	}
	for _, m := range live {
		allow(m, scoreLive, "primary")
	}
	joiners := filter(all, func(m *member) bool { return !m.live() })
	quick := filter(joiners, func(m *member) bool { return m.incremental(live) })
	whole := filter(joiners, func(m *member) bool { return !m.incremental(live) })
	pending := 0
	for _, m := range quick {
		allow(m, scoreIST, "joins by incremental transfer")
		if m.peer != nil && !m.peer.Failed {
			pending++
		}
	}
	// A transfer under way keeps its donor; failed members come last, so that one
	// that cannot join does not keep the others out.
	slices.SortStableFunc(whole, func(a, b member) int { return a.turn() - b.turn() })
	donors := len(live)
	for _, m := range whole {
		switch {
		case m.peer != nil && m.peer.Busy:
			donors--
			allow(m, scoreSST, "joins by state transfer")
		case donors > 0 && pending == 0:
			donors--
			allow(m, scoreSST, "joins by state transfer")
		default:
			verdict[m.node] = "joins by state transfer when a donor is free"
		}
	}
	advice.Table = table(all, verdict)
	return advice
}

// incremental reports whether a live member still caches all that m lacks.
func (m *member) incremental(live []member) bool {
	if !m.reported || m.problem != "" || m.Grastate != grastatePresent || m.Seqno < 0 {
		return false
	}
	return slices.ContainsFunc(live, func(donor member) bool {
		return donor.UUID == m.UUID && donor.cached > 0 && m.Seqno+1 >= donor.cached
	})
}

// turn orders the members that need a whole copy: whoever is not up yet must
// not hold a donor's place.
func (m *member) turn() int {
	switch {
	case m.peer == nil, !m.alive, m.peer.Role != resources.RoleStarted && !m.peer.Busy:
		return 3
	case m.peer.Busy:
		return 0
	case m.peer.Failed:
		return 2
	}
	return 1
}
