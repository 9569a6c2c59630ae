package api

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/cluster/transition"
	"github.com/belay-ha/belay/resources"
)

// remedies say what would have to change for another outcome: first for the
// resource as such, then for each node that does not have it.
func (e *explainer) remedies() {
	e.general()
	if len(e.x.Changes) > 0 {
		return // nothing else counts before that
	}
	for _, n := range e.x.Nodes {
		if !n.Placed {
			e.forNode(e.s.Nodes[n.Node], n)
		}
	}
}

func (e *explainer) remedy(node resources.NodeName, command, format string, args ...any) {
	r := Remedy{Node: node, Text: fmt.Sprintf(format, args...), Command: command}
	if !slices.ContainsFunc(e.x.Changes, func(old Remedy) bool {
		return old.Node == node && old.Command == command && (command != "" || old.Text == r.Text)
	}) {
		e.x.Changes = append(e.x.Changes, r)
	}
}

func (e *explainer) general() {
	properties := e.s.Definition.Properties
	if properties.StopAllResources {
		e.remedy("", "belayctl property set stop-all-resources=false", "everything is stopped by a property")
	}
	if properties.MaintenanceMode {
		e.remedy("", "belayctl property set maintenance-mode=false", "the cluster is in maintenance: nothing is started or stopped")
	}
	if m := e.s.Maintenance[state.ScopeCluster]; m.Holds(e.x.At) {
		all := state.ScopedMaintenance{Scope: state.ScopeCluster, Maintenance: m}
		e.remedy("", "belayctl maintenance end cluster", "%s: nothing is started or stopped", all.Words())
	}
	e.tickets()
	for _, id := range e.x.Members {
		r, found := e.s.Definition.Effective(id)
		if !found {
			continue
		}
		stopped := func(m resources.Meta) bool {
			return resources.Or(m.TargetRole, resources.RoleUnknown) == resources.RoleStopped
		}
		if by := e.s.Definition.Says(r, stopped); by != "" {
			e.remedy("", "belayctl resource enable "+string(by), "%s is disabled", by)
		}
		names := []resources.ResourceID{id}
		if group, grouped := e.s.Definition.GroupOf(id); grouped {
			names = append(names, group.ID)
		}
		if bundle, part := e.s.Definition.PartOf(id); part {
			names = append(names, bundle.ID)
		}
		if m := e.s.MaintenanceOf(e.x.At, r.Agent, names...); m != nil {
			e.remedy("", "belayctl maintenance end "+m.Scope.Typed(), "%s: %s is left as it is", m.Words(), id)
		}
		if by := e.s.Definition.Says(r, func(m resources.Meta) bool { return !resources.Or(m.Managed, true) }); by != "" {
			e.remedy("", "belayctl resource manage "+string(by), "%s is unmanaged: it is left as it is", by)
		}
		if by := e.s.Definition.Says(r, func(m resources.Meta) bool { return resources.Or(m.Maintenance, false) }); by != "" {
			e.remedy("", "belayctl resource meta "+string(by)+" maintenance=false", "%s is in maintenance by its definition: it is left as it is", by)
		}
	}
}

// tickets says which tickets the resource lacks.
func (e *explainer) tickets() {
	for _, use := range e.s.Definition.Resolved().Tickets {
		ticket := e.s.Tickets[use.Ticket]
		if use.Resource != e.unit && !e.member(use.Resource) || ticket.Holds() {
			continue
		}
		what := "it runs"
		if use.Role == resources.RolePromoted {
			what = "it is promoted"
		}
		if ticket != nil && ticket.Granted {
			e.remedy("", "belayctl ticket activate "+string(use.Ticket), "%s with ticket %s only, which is on standby", what, use.Ticket)
			continue
		}
		e.remedy("", "belayctl ticket grant "+string(use.Ticket), "%s with ticket %s only, which is not granted", what, use.Ticket)
	}
}

// forNode says what keeps the resource off a node.
func (e *explainer) forNode(n *state.Node, x NodeExplanation) {
	name := string(n.Name)
	switch held := e.holds(n); held {
	case "":
		e.forUsable(n.Name, x)
	case e.quarantine(n.Name):
		e.remedy(n.Name, "belayctl fence release "+name, "end its quarantine, or wait for the end")
	case "in standby":
		e.remedy(n.Name, "belayctl node unstandby "+name, "end its standby")
	case "in maintenance":
		if n.InMaintenance(e.x.At) {
			e.remedy(n.Name, "belayctl node maintenance "+name+" --end", "end its maintenance")
		}
	case "lost, and not proven off":
		e.remedy(n.Name, "belayctl fence history "+name, "it has to be fenced, or to come back")
	default:
		if node, defined := e.s.Definition.Node(n.Name); defined && strings.HasPrefix(held, standbyByRule) {
			rule, _ := node.StandbyAt(e.x.At)
			e.remedy(n.Name, "", "%s: %s", held, endsRule(rule, resources.Scene{Now: e.x.At}))
			return
		}
		e.remedy(n.Name, "", "the node has to come back: %s", held)
	}
}

// forUsable says what keeps the resource off a node that takes resources.
func (e *explainer) forUsable(node resources.NodeName, x NodeExplanation) {
	value, scored := e.suits(x.Scores)
	best := e.bestOther(node)
	switch {
	case !scored:
		e.remedy(node, fmt.Sprintf("belayctl constraint location %s prefers %s", e.unit, node), "nothing lets it run there: name the node in a location")
	case value < 0:
		e.lift(node, x.Scores, value)
	case best == nil || e.clone != nil || len(e.x.Actions) > 0: // there is nothing to move, or it is on its way
	case *best > value:
		e.remedy(node, fmt.Sprintf("belayctl resource move %s %s", e.unit, node), "move it there for some time, or give it a score over %s there", *best-value)
	default:
		e.remedy(node, fmt.Sprintf("belayctl resource move %s %s", e.unit, node), "move it there for some time")
	}
}

// lift names what would have to go so that a node may run the resource.
func (e *explainer) lift(node resources.NodeName, scores []transition.Score, value resources.Score) {
	for _, score := range scores {
		if score.Role == resources.RolePromoted || score.Value >= 0 {
			continue
		}
		for _, part := range score.Parts {
			if part.Value >= 0 || part.Source == "group" || (value <= -resources.Infinity && part.Value > -resources.Infinity) {
				continue
			}
			e.liftPart(node, score.Resource, part)
		}
	}
}

func (e *explainer) liftPart(node resources.NodeName, resource resources.ResourceID, part transition.Part) {
	id := resources.InstanceID(resource).Resource()
	kind, name, _ := strings.Cut(part.Source, " ")
	wish, by, isWish := strings.Cut(strings.TrimPrefix(part.Source, "wish of "), " by colocation ")
	follower, _, grouped := strings.Cut(strings.TrimPrefix(part.Source, "wish of "), " by group")
	switch {
	case grouped && e.member(resources.ResourceID(follower)):
		// its own scores say why
	case grouped:
		e.remedy(node, fmt.Sprintf("belayctl explain %s --node %s", follower, node), "%s, which follows it in the group, cannot run there: see why", follower)
	case isWish:
		e.remedy(node, fmt.Sprintf("belayctl explain %s --node %s", wish, node), "%s, which is to run with it (colocation %s), cannot run there: see why", wish, by)
	case kind == "location" && part.Rule != "":
		e.remedy(node, "belayctl constraint remove "+name, "location %s: %s, or take it out", name, endsRule(part.Rule, e.scene(node, id)))
	case kind == "location":
		e.remedy(node, "belayctl constraint remove "+name, "take out the location")
	case kind == "colocation":
		with, text := e.colocated(name, id)
		e.remedy(node, fmt.Sprintf("belayctl explain %s --node %s", with, node), "%s: see why (colocation %s)", text, name)
	case strings.HasPrefix(part.Source, "move "):
		e.remedy(node, fmt.Sprintf("belayctl resource move %s --end", e.unit), "end the move")
	case part.Source == "target-role":
		e.remedy("", fmt.Sprintf("belayctl resource enable %s", id), "%s is disabled", id)
	case strings.HasPrefix(part.Source, "failed "), strings.Contains(part.Source, " failures, migration_threshold "), strings.Contains(part.Source, " said "):
		e.remedy(node, fmt.Sprintf("belayctl resource retry %s %s", id, node), "mend the cause, then forget what failed%s", e.reason(node, id))
	default:
		e.remedy(node, "", "%s speaks against it (%s)", part.Source, part.Value)
	}
}

// scene is what rules of locations about a resource on a node are judged by.
func (e *explainer) scene(node resources.NodeName, id resources.ResourceID) resources.Scene {
	at := e.s.Scene(node, e.x.At)
	if r, found := e.s.ResourceOn(node, id, e.x.At); found {
		at.Params = r.Params
	}
	return at
}

// endsRule says what ends what a rule gives: only the clock does so by itself.
func endsRule(text string, at resources.Scene) string {
	rule, err := resources.ParseRule(text)
	if err != nil {
		return "change the rule"
	}
	end := rule.Ends(at)
	if end.IsZero() {
		return "change the rule"
	}
	return "change the rule, or wait until " + end.UTC().Format(time.RFC3339)
}

// colocated says what the other resource of a colocation would have to do.
func (e *explainer) colocated(id string, dependent resources.ResourceID) (resources.ResourceID, string) {
	for _, c := range e.s.Definition.Resolved().Colocations {
		switch {
		case c.ID != id || c.Resource != dependent && c.Resource != e.unit:
		case c.Score < 0:
			return c.With, fmt.Sprintf("%s has to leave it", c.With)
		case c.WithRole == resources.RolePromoted:
			return c.With, fmt.Sprintf("%s has to be promoted there", c.With)
		default:
			return c.With, fmt.Sprintf("%s has to run there", c.With)
		}
	}
	return dependent, "another resource has to go with it"
}

// reason is what the failed instance said.
func (e *explainer) reason(node resources.NodeName, id resources.ResourceID) string {
	n, found := e.s.Nodes[node]
	if !found {
		return ""
	}
	for _, i := range n.Instances {
		if i.ID.Resource() == id && i.Reason != "" && len(i.Failures) > 0 {
			return ": " + i.Reason
		}
	}
	return ""
}
