package sim

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// effect is something that went wrong at a moment at which it mattered: a fault may
// come and go while nobody asks what it spoils.
type effect int

const (
	bmcWasSlow effect = iota
	bmcHung
	bmcWithoutCurrent
	bmcOutOfReach
	bmcDeniedLogin
	bmcBroken
	bmcOfOther
	bmcLied
	agentHung
	agentFailed
	agentLeft
	agentStubborn
	agentLate
	agentLied
	agentSilent
	agentSlow
	messageCut
	messageLost
	messageDoubled
	diskHung
	diskFull
	diskTorn
	dogFired
	dogDead
	effects
)

// effectNames are the effects in words, in their order.
var effectNames = [effects]string{
	"BMC slow", "BMC hangs", "BMC without current", "BMC out of reach", "BMC refuses the login", "BMC broken", "BMC of another system", "BMC lies",
	"agent hangs", "agent fails", "agent leaves processes", "service does not die", "agent late", "monitor lies", "monitor silent", "agent slow",
	"message cut off", "message lost", "message doubled", "disk hangs a write", "disk full at a write", "log damaged at a start", "watchdog fires", "watchdog does not fire",
}

// meets counts how often each effect mattered.
type meets [effects]int

func (w *world) meet(e effect) { w.met[e]++ }

// effect is what a spoiled call of an agent does.
func (m *mood) effect(count *int) effect {
	switch count {
	case &m.hang:
		return agentHung
	case &m.fail:
		return agentFailed
	case &m.leave:
		return agentLeft
	case &m.stubborn:
		return agentStubborn
	case &m.late:
		return agentLate
	case &m.lie:
		return agentLied
	case &m.silent:
		return agentSilent
	default:
		return agentSlow
	}
}

// said is one line: what was counted, the rarest first.
func said(counts map[string]int) string {
	names := slices.Sorted(maps.Keys(counts))
	slices.SortStableFunc(names, func(a, b string) int { return counts[a] - counts[b] })
	parts := make([]string, len(names))
	for i, name := range names {
		parts[i] = fmt.Sprintf("%s %d", name, counts[name])
	}
	return strings.Join(parts, ", ")
}
