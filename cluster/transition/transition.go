// Package transition is a plan as data: the actions that lead from a state to
// what the scheduler wants, the order they must happen in, and why.
//
// A transition is level-triggered and has no barrier. The leader plans anew on
// every change of the state, dispatches what is Ready and waits for the next
// change. An action whose effect is in the state already is not in the plan;
// one in flight stays in it and holds back only its own successors.
//
// The package does no I/O, reads no clock and starts no goroutine.
package transition

import (
	"fmt"
	"time"

	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/resources"
)

// Transition is one plan. It is never changed after the scheduler returned it.
type Transition struct {
	// Index and Term of the state that was planned from.
	Index uint64 `json:"index"`
	Term  uint64 `json:"term"`
	// Actions that are still to happen or in flight; Action.After points into it.
	Actions []Action `json:"actions,omitempty"`
	// Targets are the active roles that the plan leads to. An instance that is
	// not listed is to be stopped.
	Targets map[resources.NodeName]map[resources.InstanceID]resources.Role `json:"targets,omitempty"`
	// Problems are what keeps the cluster from its definition, worst first.
	Problems []Problem `json:"problems,omitempty"`
	// Placements and Scores say why: filled only when an explanation was asked
	// for, because they are large.
	Placements []Placement `json:"placements,omitempty"`
	Scores     []Score     `json:"scores,omitempty"`
	// RecheckAt is when the same state would be planned differently (a failure
	// expires, a move ends, a retry is due); zero if never.
	RecheckAt time.Time `json:"recheck_at,omitzero"`
}

// Kind is what an action does.
type Kind string

// The kinds. All but the last three are operations on an instance and have the
// words of resources.Op.
const (
	KindStart   Kind = "start"
	KindStop    Kind = "stop"
	KindPromote Kind = "promote"
	KindDemote  Kind = "demote"
	KindProbe   Kind = "probe"
	KindReload  Kind = "reload"
	KindNotify  Kind = "notify"
	// A live migration: away from the source, completed on the target.
	KindMigrateTo   Kind = "migrate_to"
	KindMigrateFrom Kind = "migrate_from"
	KindFence       Kind = "fence"
	KindPowerOn     Kind = "power_on"
	KindUnfence     Kind = "unfence" // let in again by what cuts the node off
)

// Op returns the operation that the action asks an agent for; false for
// actions on a node's power.
func (k Kind) Op() (resources.Op, bool) {
	switch k {
	case KindStart, KindStop, KindPromote, KindDemote, KindProbe, KindReload, KindNotify, KindMigrateTo, KindMigrateFrom:
		return resources.Op(k), true
	case KindFence, KindPowerOn, KindUnfence:
		return "", false
	default:
		panic("transition: invalid kind " + string(k))
	}
}

// Action is one step of a transition.
type Action struct {
	// Key names the action within plans: "start galera@controller-0". It is
	// unique in its plan and the same in each plan that holds the action.
	Key  string `json:"key"`
	Kind Kind   `json:"kind"`
	// Node that acts, or that is fenced or unfenced.
	Node     resources.NodeName   `json:"node"`
	Instance resources.InstanceID `json:"instance,omitempty"`
	Timeout  resources.Duration   `json:"timeout,omitempty"`
	// Digest of the definition that a start or reload brings into force.
	Digest string `json:"digest,omitempty"`
	// Notify says that peers are to be told when it has ended well; Notice is
	// what a notify tells.
	Notify bool          `json:"notify,omitempty"`
	Notice *state.Notice `json:"notice,omitempty"`
	// Peer is the other node of a migration.
	Peer resources.NodeName `json:"peer,omitempty"`
	// Reason is one line for people: why the action is needed.
	Reason string `json:"reason,omitempty"`
	// Hold leaves a fenced node off: it was fenced too often.
	Hold bool `json:"hold,omitempty"`
	// Premise of a fence action is what it is planned from, for the log.
	Premise *state.FencePremise `json:"-"`
	// After holds indexes into Transition.Actions: what must be gone from the
	// plan before this action may be dispatched. Ascending, without repeats.
	After []int `json:"after,omitempty"`
	// InFlight is the dispatched action, or the id of the open fencing or unfencing.
	InFlight resources.ActionID `json:"in_flight,omitempty"`
	// Wait says why the action cannot be dispatched although nothing in After
	// holds it back; empty if it can.
	Wait string `json:"wait,omitempty"`
}

// Severity is how much a problem matters.
type Severity int

// The severities, in rising order.
const (
	SeverityInfo     Severity = iota + 1 // worth knowing
	SeverityWarning                      // less redundancy, or waits for something that may heal
	SeverityCritical                     // an operator must act
)

var severityNames = []string{"", "info", "warning", "critical"}

// String returns the severity's word, as in JSON.
func (s Severity) String() string {
	if s < SeverityInfo || s > SeverityCritical {
		return "invalid"
	}
	return severityNames[s]
}

// MarshalText writes the severity's word.
func (s Severity) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads the severity's word.
func (s *Severity) UnmarshalText(text []byte) error {
	for k := SeverityInfo; k <= SeverityCritical; k++ {
		if severityNames[k] == string(text) {
			*s = k
			return nil
		}
	}
	return fmt.Errorf("unknown severity %q: expected one of %v", text, severityNames[1:])
}

// Problem is one thing that keeps the cluster from its definition.
type Problem struct {
	// Code is stable, for scripts: "no_quorum".
	Code     string               `json:"code"`
	Severity Severity             `json:"severity"`
	Node     resources.NodeName   `json:"node,omitempty"`
	Resource resources.ResourceID `json:"resource,omitempty"`
	Text     string               `json:"text"`
	// Next is the command to type, if there is one.
	Next string `json:"next,omitempty"`
}

// Placement is where an instance was put, and why there.
type Placement struct {
	Resource resources.ResourceID `json:"resource"`
	Instance resources.InstanceID `json:"instance,omitempty"`
	// Node is empty when no node may run it.
	Node   resources.NodeName `json:"node,omitempty"`
	Role   resources.Role     `json:"role"`
	Reason string             `json:"reason,omitempty"`
}

// Score is how much a node suits a resource (or, with Role promoted, how much
// the instance there suits promotion), and what gave it.
type Score struct {
	Resource resources.ResourceID `json:"resource"`
	Node     resources.NodeName   `json:"node"`
	Role     resources.Role       `json:"role,omitempty"`
	Value    resources.Score      `json:"value"`
	Parts    []Part               `json:"parts,omitempty"`
}

// Part is one contribution to a score.
type Part struct {
	// Source names it: "location db-on-a", "stickiness", "failed start".
	Source string          `json:"source"`
	Value  resources.Score `json:"value"`
	// Rule is that of the location, where it has one.
	Rule string `json:"rule,omitempty"`
}
