package scheduler

import (
	"slices"

	"github.com/belay-ha/belay/cluster/policy"
	"github.com/belay-ha/belay/resources"
)

// A remote node of a definition is a member like any other but for its vote. In
// Pacemaker it is reached by a connection that is a resource of one of the cluster
// nodes, and that counts there when resources are spread evenly. The policy engine
// is told of such connections, so that everything goes where it would go there. A
// location may be about one, by the node's name.

// connectRemotes tells the engine of the remote nodes that are there. Where no
// other node takes resources, nothing could connect them: Belay's need nobody to,
// and are nodes like any other then.
func (p *planner) connectRemotes(in *policy.Input) {
	carries := func(n node) bool { return n.usable() && !p.def.Remote(n.name) }
	if !slices.ContainsFunc(p.nodes, carries) {
		return
	}
	for n := range p.nodes {
		node := &p.nodes[n]
		if !node.defined || !p.def.Remote(node.name) {
			continue
		}
		name := string(node.name)
		in.Nodes[n].Kind = policy.KindRemote
		in.Status[n] = policy.NodeStatus{ID: name, Name: name, Remote: true}
		if !node.usable() {
			continue // a remote node without connection takes nothing
		}
		in.Resources = append(in.Resources, policy.ResourceConfig{ID: name, Variant: policy.Primitive, Class: "ocf", Provider: "pacemaker", Type: "remote"})
		if resources.Or(p.def.Properties.SymmetricCluster, true) {
			continue
		}
		for k := range p.nodes { // what no location names may run nowhere
			if !p.def.Remote(p.nodes[k].name) {
				in.Locations = append(in.Locations, policy.LocationConfig{ID: "connection", Resource: name, Node: string(p.nodes[k].name), Score: "0"})
			}
		}
	}
}
