// Package view is what agents may know of the cluster: the nodes, and the
// instances of the resources that they watch. It is made from a state alone, so
// that the leader's advisors and every member's agents see the same.
//
// The package does no I/O, reads no clock and starts no goroutine.
package view

import (
	"maps"
	"slices"
	"strings"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/resources"
)

// Of returns what agents may know of the nodes and of the named resources.
func Of(s *state.State, watched []resources.ResourceID) agents.View {
	def := s.Definition.Resolved()
	view := agents.View{Index: s.Index, Nodes: map[resources.NodeName]agents.NodeView{}, Peers: map[resources.ResourceID][]agents.Peer{}}
	for _, name := range s.NodeNames() {
		n := s.Nodes[name]
		view.Nodes[name] = agents.NodeView{
			Address: host(n.Address), Alive: n.Online(), Suspect: n.Liveness == state.LivenessSuspect, Expected: len(watched) > 0 && expected(def, watched[0], n),
		}
		for _, id := range slices.Sorted(maps.Keys(n.Instances)) {
			if resource := id.Resource(); slices.Contains(watched, resource) {
				view.Peers[resource] = append(view.Peers[resource], peer(s, n, n.Instances[id]))
			}
		}
	}
	return view
}

// expected reports whether the definition lets the resource run on the node: it
// is a defined node, not in standby, and no location keeps the resource away.
func expected(def *resources.Definition, id resources.ResourceID, n *state.Node) bool {
	defined, found := def.Node(n.Name)
	resource, isDefined := def.Resource(id)
	if !found || !isDefined || n.Standby {
		return false
	}
	exclusive, listed := false, false
	for _, l := range def.Locations {
		if l.Resource != id && (l.Selector == nil || !chosen(def, l.Selector, resource)) {
			continue
		}
		here := l.Node == n.Name
		if l.Rule != "" {
			rule, err := resources.ParseRule(l.Rule)
			here = err == nil && rule.Match(defined.Attributes)
		}
		if here && l.Score <= -resources.Infinity && l.Role != resources.RolePromoted {
			return false
		}
		exclusive = exclusive || l.Discovery == resources.DiscoveryExclusive
		listed = listed || here
	}
	return listed || (!exclusive && resources.Or(def.Properties.SymmetricCluster, true))
}

// chosen reports whether a location's selector is about the resource, or about
// the group that it is a member of.
func chosen(def *resources.Definition, s *resources.Selector, r *resources.Resource) bool {
	ids := s.IDs()
	if ids == nil {
		return s.Matches(r)
	}
	if g, found := def.GroupOf(r.ID); found {
		return ids(g.ID)
	}
	return ids(r.ID)
}

func peer(s *state.State, n *state.Node, i *state.Instance) agents.Peer {
	p := agents.Peer{Instance: i.ID, Node: n.Name, Role: i.Role, Failed: i.Failed, Busy: i.Action != "", Attributes: i.Attributes}
	if i.Config != nil {
		p.Params = i.Config.Params
	}
	if op, found := s.Operations[i.Action]; found {
		p.Stopping = op.Op == resources.OpStop || op.Op == resources.OpDemote
		p.Busy = op.Op != resources.OpNotify // being told something changes nothing
	}
	return p
}

// Notification returns what an instance is told, with what is known of the peers
// by now.
func Notification(s *state.State, notice *state.Notice) agents.Notification {
	peers := func(places []state.Place) []agents.Peer {
		list := make([]agents.Peer, len(places))
		for k, at := range places {
			list[k] = agents.Peer{Instance: at.Instance, Node: at.Node, Role: resources.RoleStopped}
			if i, found := s.Instance(at.Node, at.Instance); found {
				list[k] = peer(s, s.Nodes[at.Node], i)
			}
		}
		return list
	}
	n := agents.Notification{Before: notice.Before, Op: notice.Op, Peers: peers(notice.Peers)}
	for op, places := range notice.Also {
		if n.Also == nil {
			n.Also = map[resources.Op][]agents.Peer{}
		}
		n.Also[op] = peers(places)
	}
	return n
}

// host returns an address without its port.
func host(address string) string {
	if i := strings.LastIndex(address, ":"); i > strings.LastIndex(address, "]") && strings.Count(address, ":") == 1 {
		return address[:i]
	}
	return strings.Trim(address, "[]")
}
