package api

import (
	"slices"

	"github.com/belay-ha/belay/resources"
)

// RuleValue is a value that a rule of the definition gives a resource now.
type RuleValue struct {
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
		everywhere := e.s.Definition.Given(id, resources.Scene{Now: e.x.At})
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
				e.remedy("", "", "%s: change the rule, or wait until it no longer holds", given)
			}
		}
	}
}

// holding are values that stop a resource or leave it as it is.
var holding = []string{
	"meta.target_role=stopped", "meta.managed=false", "meta.maintenance=true", "cluster.maintenance_mode=true", "cluster.stop_all_resources=true",
}
