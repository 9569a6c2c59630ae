package state

import (
	"maps"
	"time"

	"github.com/belay-ha/belay/resources"
)

// Scene is what rules about a node are judged by at an instant. Who leads is not in
// it: that is no part of the state.
func (s *State) Scene(node resources.NodeName, now time.Time) resources.Scene {
	attributes := map[string]string{"#uname": string(node), "#kind": "cluster", "#cluster-name": s.Definition.Name}
	if defined, found := s.Definition.Node(node); found {
		if defined.Kind == resources.NodeRemote {
			attributes["#kind"] = "remote"
		}
		maps.Copy(attributes, s.Definition.NodeAttributes(defined, now))
	}
	if n, found := s.Nodes[node]; found {
		maps.Copy(attributes, n.Attributes)
	}
	resources.AddSite(attributes)
	return resources.Scene{Attributes: attributes, Now: now}
}

// ResourceOn returns the resource as the definition has it on a node at an instant.
// The result is not to be changed.
func (s *State) ResourceOn(node resources.NodeName, id resources.ResourceID, now time.Time) (*resources.Resource, bool) {
	r, found := s.Definition.Effective(id)
	if !found || len(r.When) == 0 {
		return r, found
	}
	return r.On(s.Scene(node, now)), true
}

// byRule reports whether a resource has values by rule.
func (s *State) byRule(id resources.ResourceID) bool {
	r, found := s.Definition.Effective(id)
	return found && len(r.When) > 0
}
