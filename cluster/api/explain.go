package api

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/cluster/transition"
	"github.com/belay-ha/belay/resources"
)

// Explanation says why a resource runs where it does, or does not, as `belayctl
// explain` shows it. Fields are only ever added.
type Explanation struct {
	// Resource is what was asked for: a resource, or a group.
	Resource resources.ResourceID `json:"resource"`
	Kind     string               `json:"kind"` // primitive, group, clone, promotable clone
	At       time.Time            `json:"at"`
	Index    uint64               `json:"index"`
	// Members are the resources that are meant: itself, or the group's.
	Members []resources.ResourceID `json:"members"`
	// Wanted is where the plan puts it and why, Actual what is active, failed or
	// under way now.
	Wanted []transition.Placement `json:"wanted"`
	Actual []InstanceStatus       `json:"actual"`
	// Advice is what the agent decided about promotion, and why.
	Advice []string `json:"advice,omitempty"`
	// Rules are the values that it has by rules of the definition now.
	Rules []RuleValue `json:"rules,omitempty"`
	// Nodes say what each node is to it.
	Nodes []NodeExplanation `json:"nodes"`
	// Actions are those that are still to be done to it.
	Actions []ActionExplanation `json:"actions"`
	// Problems are those of the resource and of what it waits for.
	Problems []ProblemStatus `json:"problems"`
	// Changes would make something else of it.
	Changes []Remedy `json:"changes"`
}

// NodeExplanation is what a node is to a resource.
type NodeExplanation struct {
	Node resources.NodeName `json:"node"`
	// Placed says that the plan puts it there.
	Placed bool `json:"placed"`
	// Verdict is one line: "may not run it", "takes nothing: in standby".
	Verdict string `json:"verdict"`
	// Scores of each member (and of its promotion) with what gave them.
	Scores []transition.Score `json:"scores"`
}

// ActionExplanation is an action that is not done yet.
type ActionExplanation struct {
	ActionStatus
	// Roots are what it waits for in the end: under way, due or held back.
	Roots []ActionStatus `json:"roots,omitempty"`
	// Since an action in flight was begun.
	Since    time.Time `json:"since,omitzero"`
	Progress string    `json:"progress,omitempty"`
}

// Remedy is a change that would have another outcome.
type Remedy struct {
	Node resources.NodeName `json:"node,omitempty"`
	Text string             `json:"text"`
	// Command to type; empty where there is none.
	Command string `json:"command,omitempty"`
}

// Explain explains a resource, a group or a bundle by a plan that was made at now, with
// reasons. With a node it speaks of that node alone. A name that is none is an
// *Error.
func Explain(s *state.State, now time.Time, plan *transition.Transition, progress map[resources.ActionID]agents.Progress, id resources.ResourceID, node resources.NodeName) (*Explanation, error) {
	e := &explainer{s: s, plan: plan, x: &Explanation{Resource: id, At: now, Index: s.Index}}
	if err := e.find(resources.InstanceID(id).Resource(), node); err != nil {
		return nil, err
	}
	live := Live{Transition: *plan, Progress: progress}
	for _, i := range instances(s, live) {
		if e.member(i.Resource) && (node == "" || i.Node == node || i.Node == "") {
			e.x.Actual = append(e.x.Actual, i)
		}
	}
	for _, p := range plan.Placements {
		if p.Resource == e.unit || e.bundle && e.member(p.Resource) {
			e.x.Wanted = append(e.x.Wanted, p)
		}
	}
	for _, member := range e.x.Members {
		if advice, found := s.Advice[member]; found && advice.Reason != "" {
			e.x.Advice = append(e.x.Advice, advice.Reason)
		}
	}
	e.actions(live)
	e.problems()
	for _, name := range s.NodeNames() {
		if node == "" || name == node {
			e.explainNode(s.Nodes[name])
		}
	}
	e.rules(node)
	e.remedies()
	e.x.Wanted, e.x.Actual, e.x.Nodes = orNone(e.x.Wanted), orNone(e.x.Actual), orNone(e.x.Nodes)
	e.x.Actions, e.x.Problems, e.x.Changes = orNone(e.x.Actions), orNone(e.x.Problems), orNone(e.x.Changes)
	return e.x, nil
}

// orNone writes as [] in JSON, never as null.
func orNone[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

type explainer struct {
	s    *state.State
	plan *transition.Transition
	x    *Explanation
	// unit is what is placed as one: the group of a member.
	unit  resources.ResourceID
	clone *resources.Clone
	// bundle says that it is one: each of its parts is placed by itself.
	bundle bool
}

func (e *explainer) member(id resources.ResourceID) bool { return slices.Contains(e.x.Members, id) }

// find fills in what the names mean.
func (e *explainer) find(id resources.ResourceID, node resources.NodeName) error {
	def := e.s.Definition
	e.x.Resource, e.unit, e.x.Kind = id, id, "primitive"
	if g, isGroup := def.Group(id); isGroup {
		e.x.Members, e.x.Kind, e.clone = g.Members, "group", g.Clone
	} else if b, isBundle := def.Bundle(id); isBundle {
		e.x.Kind, e.bundle = "bundle", true
		for replica := range b.Count() { // addresses go with their containers
			e.x.Members = append(e.x.Members, b.Container(replica))
		}
	} else if r, found := def.Resource(id); found {
		e.x.Members, e.clone = []resources.ResourceID{id}, r.Clone
		if g, inGroup := def.GroupOf(id); inGroup {
			e.unit, e.x.Kind, e.clone = g.ID, "in group "+string(g.ID), g.Clone
		}
	} else {
		var names []string
		for _, r := range def.Resources {
			names = append(names, string(r.ID))
		}
		for _, g := range def.Groups {
			names = append(names, string(g.ID))
		}
		for _, b := range def.Bundles {
			names = append(names, string(b.ID))
		}
		return unknown("resource", state.ReasonUnknownResource, string(id), names)
	}
	switch {
	case e.clone == nil:
	case e.clone.Promotable:
		e.x.Kind = "promotable clone"
	default:
		e.x.Kind = "clone"
	}
	if _, found := e.s.Nodes[node]; node != "" && !found {
		var names []string
		for _, name := range e.s.NodeNames() {
			names = append(names, string(name))
		}
		return unknown("node", state.ReasonUnknownNode, string(node), names)
	}
	return nil
}

func unknown(what string, reason state.RejectionReason, name string, names []string) error {
	text := fmt.Sprintf("no %s is called %q", what, name)
	if best, ok := resources.Nearest(name, names); ok {
		text += fmt.Sprintf(": did you mean %q?", best)
	}
	return &Error{Code: CodeNotFound, Reason: string(reason), Text: text}
}

// explainNode says what a node is to the resource.
func (e *explainer) explainNode(n *state.Node) {
	x := NodeExplanation{Node: n.Name, Placed: e.placedOn(n.Name), Scores: []transition.Score{}}
	for _, score := range e.plan.Scores {
		if score.Node == n.Name && e.member(resources.InstanceID(score.Resource).Resource()) {
			x.Scores = append(x.Scores, score)
		}
	}
	value, scored := e.suits(x.Scores)
	switch held, best := e.holds(n), e.bestOther(n.Name); {
	case x.Placed && held != "":
		x.Verdict = "keeps it: " + held
	case x.Placed:
		x.Verdict = "placed here"
	case held != "":
		x.Verdict = "takes nothing: " + held
	case !scored:
		x.Verdict = "not considered"
	case value <= -resources.Infinity:
		x.Verdict = "may not run it"
	case value < 0:
		x.Verdict = "would rather not run it"
	case best == nil:
		x.Verdict = "may run it"
	case e.clone != nil:
		x.Verdict = "may run it, but no copy is left"
	case *best >= resources.Infinity:
		x.Verdict = "may run it, but it is bound elsewhere"
	case *best > value:
		x.Verdict = fmt.Sprintf("may run it; %s less than the best", *best-value)
	default:
		x.Verdict = "may run it as well"
	}
	e.x.Nodes = append(e.x.Nodes, x)
}

func (e *explainer) placedOn(node resources.NodeName) bool {
	return slices.ContainsFunc(e.plan.Placements, func(p transition.Placement) bool { return p.Resource == e.unit && p.Node == node })
}

// suits is the score for a place: the members of a group follow the first one,
// whose score holds what the others think.
func (e *explainer) suits(scores []transition.Score) (resources.Score, bool) {
	for _, score := range scores {
		if score.Role != resources.RolePromoted && e.leads(score) {
			return score.Value, true
		}
	}
	return 0, false
}

// leads reports whether a score is of the member that the others follow.
func (e *explainer) leads(score transition.Score) bool {
	return resources.InstanceID(score.Resource).Resource() == e.x.Members[0]
}

// bestOther is the score of the node that the resource was put on.
func (e *explainer) bestOther(node resources.NodeName) *resources.Score {
	var best *resources.Score
	for _, score := range e.plan.Scores {
		if score.Node == node || score.Role == resources.RolePromoted || !e.placedOn(score.Node) || !e.leads(score) {
			continue
		}
		if best == nil || score.Value < *best {
			value := score.Value
			best = &value
		}
	}
	return best
}

// standbyByRule begins what is said of a node that a rule has in standby.
const standbyByRule = "in standby by rule "

// holds says why a node takes nothing new; empty if it does.
func (e *explainer) holds(n *state.Node) string {
	node, defined := e.s.Definition.Node(n.Name)
	rule, byRule := "", false
	if defined {
		rule, byRule = node.StandbyAt(e.x.At)
	}
	switch {
	case n.Off != nil:
		return "its power is proven off"
	case n.Lost():
		return "lost, and not proven off"
	case !n.Online():
		return "its daemon has stopped"
	case n.Liveness == state.LivenessSuspect:
		return "suspected to be dead"
	case !defined:
		return "not in the definition"
	case n.Standby:
		return "in standby"
	case byRule:
		return standbyByRule + resources.QuoteRule(rule)
	case n.InMaintenance(e.x.At), e.s.InMaintenance(e.x.At):
		return "in maintenance"
	}
	return e.quarantine(n.Name)
}

// quarantine says until when the plan gives a node nothing because it was fenced
// again; empty if it does not, as where no other node could run anything.
func (e *explainer) quarantine(node resources.NodeName) string {
	q := e.s.QuarantineOf(node, e.x.At)
	planned := slices.ContainsFunc(e.plan.Problems, func(p transition.Problem) bool { return p.Code == "fence_quarantine" && p.Node == node })
	if q == nil || !planned {
		return ""
	}
	return fmt.Sprintf("in quarantine until %s, fenced %d times in %s", q.Until.UTC().Format(time.RFC3339), q.Times, q.Window)
}

// actions lists what is still to be done to the resource, each with what it
// waits for in the end.
func (e *explainer) actions(live Live) {
	all := Actions(live)
	for k := range e.plan.Actions {
		a := &e.plan.Actions[k]
		if !e.member(a.Instance.Resource()) {
			continue
		}
		x := ActionExplanation{ActionStatus: all[k]}
		if op, found := e.s.Operations[a.InFlight]; found {
			x.Since, x.Progress = op.StartedAt, live.Progress[a.InFlight].Text
		}
		seen := map[int]bool{k: true}
		for queue := slices.Clone(a.After); len(queue) > 0; {
			before := queue[0]
			queue = queue[1:]
			if seen[before] {
				continue
			}
			seen[before] = true
			if after := e.plan.Actions[before].After; len(after) > 0 {
				queue = append(queue, after...)
				continue
			}
			x.Roots = append(x.Roots, all[before])
		}
		e.x.Actions = append(e.x.Actions, x)
	}
}

// problems are those of the resource, of nodes that it waits for, and of the
// whole cluster.
func (e *explainer) problems() {
	waitsFor := map[string]bool{}
	for _, a := range e.x.Actions {
		for _, root := range a.Roots {
			waitsFor[root.Key] = true
		}
	}
	for _, p := range e.plan.Problems {
		mine := p.Resource == e.unit || e.member(p.Resource)
		if mine || (p.Node != "" && waitsFor["fence "+string(p.Node)]) || (p.Node == "" && p.Resource == "") {
			e.x.Problems = append(e.x.Problems, ProblemOf(p))
		}
	}
	slices.SortStableFunc(e.x.Problems, func(a, b ProblemStatus) int { return cmp.Compare(ranks[b.Severity], ranks[a.Severity]) })
}

var ranks = map[string]int{"info": 1, "warning": 2, "critical": 3}
