package scheduler

import (
	"strings"
	"time"

	"github.com/belay-ha/belay/resources"
)

// Options are what Plan needs to know besides the state. They are read only.
type Options struct {
	// Quorum says that the caller leads a majority now. Without it nothing is
	// planned.
	Quorum bool
	// Agents by the agent's name without a suffix ("systemd") or, for facts of
	// one unit or script, the whole name ("systemd:nova-api").
	Agents map[string]AgentFacts
	// Leader is the member that plans, which rules may ask for (#is_dc); empty
	// where nobody knows: then it is none.
	Leader resources.NodeName
	// Explain fills Transition.Placements and Scores.
	Explain bool
	// unheld plans as if nothing were in maintenance and everything managed, for
	// HeldBack: such a plan is never carried out.
	unheld bool
}

// AgentFacts is what planning needs to know of an agent.
type AgentFacts struct {
	// Promotable agents know promote and demote.
	Promotable bool
	// Reloads says that a changed definition is taken over by a reload instead
	// of a restart.
	Reloads bool
	// Advisor says that promotion is for the agent's advice alone to decide
	// (state.Advice): without advice nothing is newly promoted, and what is
	// promoted stays so.
	Advisor bool
	// NeedsNoScore lets any healthy started instance be promoted.
	NeedsNoScore bool
	// Migrates says that instances can be moved live.
	Migrates bool
	// Notified agents want to hear of operations on other copies of their clone.
	Notified bool
	// Timeouts of each operation where the definition says nothing.
	Timeouts map[resources.Op]time.Duration
}

// DefaultTimeout of an operation that neither the definition nor the agent
// gives one (Pacemaker Explained, "Operation Properties").
const DefaultTimeout = 20 * time.Second

// Facts returns what is known of an agent.
func (o Options) Facts(agent string) AgentFacts {
	if facts, found := o.Agents[agent]; found {
		return facts
	}
	base, _, _ := strings.Cut(agent, ":")
	return o.Agents[base]
}
