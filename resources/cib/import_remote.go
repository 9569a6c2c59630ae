package cib

import (
	"strings"

	"github.com/belay-ha/belay/cluster/policy"
	"github.com/belay-ha/belay/resources"
)

// connection is why the connection of a remote node is not among the resources.
const connection = "the connection of a remote node"

// remoteNode makes a node of the resource that connects it. In Belay such a node
// runs the daemon and connects by itself.
func (m *importer) remoteNode(c *policy.ResourceConfig) {
	m.gone[c.ID] = connection
	node := resources.Node{Name: resources.NodeName(c.ID), Kind: resources.NodeRemote}
	for _, s := range m.settings(c.Params, "") {
		switch s.name {
		case "server", "addr":
			node.Address = s.value
		case "port", "reconnect_interval":
			m.note(s.at, "parameter %s of remote node %q is not needed: its daemon connects by itself", s.name, c.ID)
		default:
			m.note(s.at, "parameter %s of remote node %q means nothing to it", s.name, c.ID)
		}
	}
	for _, s := range m.settings(c.Meta, "") {
		if s.name == "target-role" && strings.EqualFold(s.value, "stopped") {
			m.setup.Standby = append(m.setup.Standby, node.Name)
			continue
		}
		m.note(s.at, "meta-attribute %s of remote node %q is left out: its connection is no resource", s.name, c.ID)
	}
	if listed := m.listed[c.ID]; listed != nil {
		for _, s := range m.settings(listed.Attributes, "") {
			m.nodeAttribute(&node, s)
		}
		node.Utilization = m.utilization(listed.Utilization)
	}
	m.note(m.at(c.ID), "remote node %q is a member that does not vote: install belayd there and join it", c.ID)
	m.origin["node["+c.ID+"]"] = m.at(c.ID)
	m.def.Nodes = append(m.def.Nodes, node)
}

// remoteNodes makes the remote nodes first: what comes later names them.
func (m *importer) remoteNodes(all []policy.ResourceConfig) {
	for i := range all {
		if c := &all[i]; isRemote(c) && c.Variant == policy.Primitive {
			m.remoteNode(c)
		}
	}
}

func isRemote(c *policy.ResourceConfig) bool {
	return c.Class == "ocf" && c.Provider == "pacemaker" && c.Type == "remote"
}

// unconnected names the remote nodes that nothing connects.
func (m *importer) unconnected() {
	inner := m.def.Inner()
	for name, n := range m.listed {
		if _, found := inner[resources.NodeName(name)]; found {
			for _, s := range append(m.settings(n.Attributes, ""), m.settings(n.Utilization, "")...) {
				if strings.HasPrefix(s.name, "rmq-node-attr-") {
					continue // the agent's own memory
				}
				m.lose(s.at, "%s of guest node %q cannot be represented: only nodes of kind remote have any", s.name, name)
			}
		} else if _, found := m.node(name); !found {
			m.note(m.nodeAt(n.ID), "remote node %q has no connection: it is left out", name)
		}
	}
}
