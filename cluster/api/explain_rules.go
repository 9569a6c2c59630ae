package api

import (
	"slices"

	"github.com/belay-ha/belay/resources"
)

// RuleValue is a value that a rule of the definition gives a resource, or a node,
// now.
type RuleValue struct {
	// Resource is empty for a value of a node, by which rules and resources may be
	// placed.
	Resource resources.ResourceID `json:"resource"`
	// Nodes where it is so; empty where that does not depend on the node.
	Nodes []resources.NodeName `json:"nodes,omitempty"`
	resources.ByRule
}

// rules lists what rules give now, and what would end it where it stops or holds
// the resource.
func (e *explainer) rules(only resources.NodeName) {
	names := e.s.NodeNames()
	if only != "" {
		names = []resources.NodeName{only}
	}
	for _, id := range e.x.Members {
		scene := resources.Scene{Now: e.x.At}
		if r, found := e.s.Definition.Effective(id); found {
			scene.Agent = r.Agent
		}
		everywhere := e.s.Definition.Given(id, scene)
		var found []RuleValue
		for _, node := range names {
			for _, given := range e.s.Definition.Given(id, e.s.Scene(node, e.x.At)) {
				at := slices.IndexFunc(found, func(v RuleValue) bool { return v.ByRule == given })
				if at < 0 {
					at, found = len(found), append(found, RuleValue{Resource: id, ByRule: given})
				}
				found[at].Nodes = append(found[at].Nodes, node)
			}
		}
		for _, v := range found {
			if len(v.Nodes) == len(names) && slices.Contains(everywhere, v.ByRule) {
				v.Nodes = nil
			}
			e.x.Rules = append(e.x.Rules, v)
		}
		for _, given := range everywhere {
			if slices.Contains(holding, given.Name+"="+given.Value) {
				e.remedy("", "", "%s: %s", given, endsRule(given.Rule, scene))
			}
		}
	}
	e.nodeRules(names)
}

// nodeRules lists what rules give nodes now: places depend on it.
func (e *explainer) nodeRules(names []resources.NodeName) {
	for _, name := range names {
		n, defined := e.s.Definition.Node(name)
		if !defined {
			continue
		}
		for _, given := range n.Given(e.x.At) {
			at := slices.IndexFunc(e.x.Rules, func(v RuleValue) bool { return v.Resource == "" && v.ByRule == given })
			if at < 0 {
				at, e.x.Rules = len(e.x.Rules), append(e.x.Rules, RuleValue{ByRule: given})
			}
			e.x.Rules[at].Nodes = append(e.x.Rules[at].Nodes, name)
		}
	}
}

// holding are values that stop a resource or leave it as it is.
var holding = []string{
	"meta.target_role=stopped", "meta.managed=false", "meta.maintenance=true", "cluster.maintenance_mode=true", "cluster.stop_all_resources=true",
}
