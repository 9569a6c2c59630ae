package galera

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/resources"
)

// Keys and words of Request.Advice.
const (
	adviceMode     = "mode"     // bootstrap, join or wait
	adviceUUID     = "uuid"     // with bootstrap: the history that was chosen
	adviceSeqno    = "seqno"    // with bootstrap: its end
	adviceOverride = "override" // with bootstrap: "true" when an operator chose

	modeBootstrap = "bootstrap"
	modeJoin      = "join"
	modeWait      = "wait"

	// overrideBootstrap is the key of Situation.Override that names a node.
	overrideBootstrap = "bootstrap"
	// overrideAt tells one operator's word from an earlier one for the same node.
	overrideAt = "at"
	// adviceSpent, in every member's words, is the override that has been
	// followed, or was pointless because a primary component was there: it must
	// not decide the next outage.
	adviceSpent = "spent_override"
)

// Promotion scores: members that serve keep their place, then members that
// need little to join.
const (
	scoreLive      resources.Score = 1000
	scoreBootstrap resources.Score = 1000
	scoreIST       resources.Score = 100
	scoreSST       resources.Score = 50
)

// command is what an operator runs to decide.
const command = "belayctl galera bootstrap --from "

// Advise decides who is promoted and how: with a live primary component
// everybody joins it; without one exactly one member bootstraps, and only after
// the positions of all expected members have been compared. A wrong choice
// loses every transaction that the others had, so each doubt is the operator's
// to resolve. It is pure.
func (a *Agent) Advise(s agents.Situation) agents.Advice {
	all := members(s)
	from, given := s.Override[overrideBootstrap]
	if !given {
		return decide(s, all, "")
	}
	token := from + "@" + s.Override[overrideAt]
	spent := false
	for _, words := range s.Current.Instances {
		spent = spent || words[adviceSpent] == token
	}
	if spent {
		from = ""
	}
	advice := decide(s, all, from)
	if spent || len(filter(all, (*member).live)) > 0 {
		for _, words := range advice.Instances {
			words[adviceSpent] = token
		}
	}
	return advice
}

func decide(s agents.Situation, all []member, override string) agents.Advice {
	if live := filter(all, (*member).live); len(live) > 0 {
		return join(all, live, override)
	}
	if override != "" {
		return overridden(all, resources.NodeName(override))
	}
	if len(all) == 0 {
		return agents.Advice{Reason: "no node may run this resource"}
	}
	if running := filter(all, (*member).running); len(running) > 0 {
		return wait(all, false, fmt.Sprintf("%s runs, or did, outside a primary component; it is stopped before positions are compared", names(running)))
	}
	if missing := filter(all, func(m *member) bool { return !m.reported }); len(missing) > 0 {
		return awaiting(all, missing)
	}
	create := false
	if text := s.Params["enable_creation"]; text != "" {
		create, _ = strconv.ParseBool(text) // an unreadable word creates nothing
	}
	return elect(all, create)
}

// elect chooses among complete reports.
func elect(all []member, create bool) agents.Advice {
	if bad := filter(all, func(m *member) bool { return m.problem != "" }); len(bad) > 0 {
		return wait(all, true, fmt.Sprintf("%s: %s; look at the table, then choose the member with the newest data: `%s`%s",
			bad[0].node, bad[0].problem, command+hint(all), more(len(bad)-1)))
	}
	old := filter(all, (*member).hasHistory)
	half := filter(all, func(m *member) bool { return m.half })
	switch {
	case len(old) == 0 && len(half) > 0:
		return wait(all, true, fmt.Sprintf("a state transfer to %s broke off, so there was a cluster, but no member has its data; find the member that gave it, or choose what to go on with: `%sNODE`", names(half), command))
	case len(old) == 0:
		return fresh(all, create)
	}
	slices.SortStableFunc(old, newest)
	best := old[0]
	if others := filter(old, func(m *member) bool { return m.UUID != best.UUID }); len(others) > 0 {
		return wait(all, true, fmt.Sprintf("members hold different histories (%s: %s, %s: %s), which cannot be compared; choose the one to keep, the others are overwritten: `%sNODE`",
			best.node, best.UUID, others[0].node, others[0].UUID, command))
	}
	trusted := filter(old, func(m *member) bool { return m.Grastate == grastatePresent })
	if len(trusted) == 0 {
		return wait(all, true, fmt.Sprintf("no member that has data has a grastate.dat; if the tables of %s are whole: `%s%s`", best.node, command, best.node))
	}
	if best.Grastate != grastatePresent && best.Seqno > trusted[0].Seqno {
		return wait(all, true, fmt.Sprintf("%s has no grastate.dat, but its tables are at %d, beyond %s at %d; if they are whole: `%s%s`, else `%s%s`",
			best.node, best.Seqno, trusted[0].node, trusted[0].Seqno, command, best.node, command, trusted[0].node))
	}
	return bootstrap(all, trusted[0], false, because(trusted))
}

// newest orders members by what they would keep: the highest seqno, then the
// flag, then the name. The flag alone never wins: it says who stopped last, not
// who has the data.
func newest(a, b member) int {
	flag := func(m member) int {
		if m.Safe {
			return 1
		}
		return 0
	}
	return cmp.Or(cmp.Compare(b.Seqno, a.Seqno), cmp.Compare(flag(b), flag(a)), cmp.Compare(a.node, b.node))
}

func because(trusted []member) string {
	best := trusted[0]
	if len(trusted) == 1 {
		return fmt.Sprintf("%s is the only member with a history and a grastate.dat (seqno %d)", best.node, best.Seqno)
	}
	second := trusted[1]
	switch {
	case best.Seqno > second.Seqno:
		return fmt.Sprintf("%s has the newest data: seqno %d, next is %s at %d", best.node, best.Seqno, second.node, second.Seqno)
	case best.Safe && !second.Safe:
		return fmt.Sprintf("%s and others are at seqno %d; it was the last to stop (safe_to_bootstrap)", best.node, best.Seqno)
	}
	return fmt.Sprintf("%s and others are at seqno %d; it is the first by name", best.node, best.Seqno)
}

// fresh decides about members of which none was ever in a cluster.
func fresh(all []member, create bool) agents.Advice {
	if marked := filter(all, (*member).tables); len(marked) > 0 {
		return wait(all, true, fmt.Sprintf("grastate.dat of %s says that its data is not to be trusted, and no member has better; the tables are at %s; choose: `%s%s`",
			marked[0].node, marked[0].Recovered, command, marked[0].node))
	}
	owners := filter(all, func(m *member) bool { return m.Databases > 0 })
	first := all[0]
	switch {
	case len(owners) > 1:
		return wait(all, true, fmt.Sprintf("no member was ever in a cluster, but %s have databases, and all but one would be overwritten; choose: `%sNODE`", names(owners), command))
	case len(owners) == 1:
		first = owners[0]
	}
	if !create {
		return wait(all, true, fmt.Sprintf("no member was ever in a cluster; to create one set enable_creation = true, or run `%s%s`", command, first.node))
	}
	why := fmt.Sprintf("no member was ever in a cluster and enable_creation is set; %s is the first by name", first.node)
	if len(owners) == 1 {
		why = fmt.Sprintf("no member was ever in a cluster and enable_creation is set; %s is the only one with databases", first.node)
	}
	return bootstrap(all, first, false, why)
}

// overridden follows an operator's word.
func overridden(all []member, from resources.NodeName) agents.Advice {
	i := slices.IndexFunc(all, func(m member) bool { return m.node == from })
	if i < 0 {
		return wait(all, true, fmt.Sprintf("the operator chose %s, which may not run this resource; choose another: `%sNODE`", from, command))
	}
	chosen := all[i]
	if running := filter(all, (*member).running); len(running) > 0 {
		return wait(all, false, fmt.Sprintf("the operator chose %s; %s runs without a primary component and is stopped first", from, names(running)))
	}
	if !chosen.reported {
		return wait(all, !chosen.alive, fmt.Sprintf("the operator chose %s, which has not reported (%s)", from, chosen.status()))
	}
	why := fmt.Sprintf("the operator chose %s (seqno %d), against or without the comparison", from, chosen.Seqno)
	if chosen.half {
		why = fmt.Sprintf("the operator chose %s, although a state transfer to it broke off: tables may be missing or damaged", from)
	}
	return bootstrap(all, chosen, true, why)
}

// awaiting says whose report is missing and what to do if it never comes.
func awaiting(all, missing []member) agents.Advice {
	down := filter(missing, func(m *member) bool { return !m.alive })
	if len(down) == 0 {
		return wait(all, false, fmt.Sprintf("waiting for the position of %s", names(missing)))
	}
	return wait(all, true, fmt.Sprintf("waiting for the position of %s (down: %s), which may have the newest data; bring it back, or if it is lost for good: `%s%s`",
		names(missing), names(down), command, hint(all)))
}

// hint names the best of those that reported something usable.
func hint(all []member) string {
	usable := filter(all, func(m *member) bool { return m.reported && m.problem == "" && m.hasHistory() })
	if len(usable) == 0 {
		return "NODE"
	}
	slices.SortStableFunc(usable, newest)
	return string(usable[0].node)
}

func more(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf(" (and %d more)", n)
}

// bootstrap lets one member form the cluster; the others wait until it has.
func bootstrap(all []member, chosen member, override bool, why string) agents.Advice {
	advice := wait(all, false, "bootstrap "+string(chosen.node)+": "+why)
	words := map[string]string{adviceMode: modeBootstrap, adviceUUID: chosen.UUID, adviceSeqno: strconv.FormatInt(chosen.Seqno, 10)}
	if override {
		words[adviceOverride] = "true"
	}
	advice.Instances[chosen.node] = words
	advice.Promotion = map[resources.NodeName]resources.Score{chosen.node: scoreBootstrap}
	advice.Table = table(all, map[resources.NodeName]string{chosen.node: modeBootstrap})
	return advice
}

// wait lets nobody be promoted.
func wait(all []member, blocked bool, why string) agents.Advice {
	advice := agents.Advice{Instances: map[resources.NodeName]map[string]string{}, Reason: why, Blocked: blocked, Table: table(all, nil)}
	for _, m := range all {
		advice.Instances[m.node] = map[string]string{adviceMode: modeWait}
	}
	return advice
}
