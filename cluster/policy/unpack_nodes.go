package policy

import (
	"cmp"
	"slices"
	"strconv"
)

// unpackNodes makes all nodes that this run will know: configured ones, those
// that connections stand for, bundles' guests, and remote nodes of which only
// the history of a removed connection is left. They are made first so that
// tables can be dense; each keeps its place in the order in which it becomes
// known, because clones count the nodes known before them.
func (e *engine) unpackNodes() {
	e.nodeBy = map[string]*node{}
	e.nodeByID = map[string]*node{}
	for i := range e.in.Nodes {
		if c := &e.in.Nodes[i]; c.Kind != KindPing {
			e.addNode(c.ID, c.Name, c.Kind, c)
		}
	}
	e.addRemoteNodes(e.in.Resources)
	for i := range e.guests {
		e.addNode(e.guests[i].ID, e.guests[i].ID, KindRemote, nil)
	}
	e.known = len(e.nodes)
	for i := range e.in.Resources {
		e.addBundleNodes(&e.in.Resources[i])
	}
	e.addForgottenNodes()
	slices.SortStableFunc(e.nodes, func(a, b *node) int { return cmp.Compare(a.name, b.name) })
	for i, n := range e.nodes {
		n.index = i
		e.unpackNode(n)
	}
}

// addNode makes a node unless there is one with the name.
func (e *engine) addNode(id, name string, kind NodeKind, c *NodeConfig) *node {
	if n := e.nodeBy[name]; n != nil {
		return n
	}
	n := &node{id: id, name: name, kind: kind, config: c, unseen: true, born: len(e.nodes)}
	e.nodes = append(e.nodes, n)
	e.nodeBy[name] = n
	if _, taken := e.nodeByID[id]; !taken {
		e.nodeByID[id] = n
	}
	if kind == KindRemote {
		e.haveRemotes = true
	}
	return n
}

// addRemoteNodes makes the nodes of the outermost connections.
func (e *engine) addRemoteNodes(configs []ResourceConfig) {
	for i := range configs {
		if c := &configs[i]; c.Variant == Primitive && isRemoteAgent(c.Class, c.Provider, c.Type) {
			e.addNode(c.ID, c.ID, KindRemote, nil)
		}
	}
}

// addBundleNodes makes the guests of a bundle's replicas.
func (e *engine) addBundleNodes(c *ResourceConfig) {
	if c.Variant != Bundle {
		return
	}
	b := readBundle(c)
	if b == nil || b.child == nil {
		return
	}
	for i := range b.replicas {
		name := e.bundleNodeName(c, i)
		e.addNode(name, name, KindRemote, nil)
	}
}

// bundleNodeName is the name of a replica's guest and connection, even if a
// resource has the obvious one.
func (e *engine) bundleNodeName(c *ResourceConfig, number int) string {
	name := c.ID + "-" + strconv.Itoa(number)
	for i := range e.in.Resources {
		if e.in.Resources[i].ID == name {
			child := c.Members[0].ID + ":" + strconv.Itoa(number)
			return "pcmk-internal-" + child + "-remote-" + strconv.Itoa(number)
		}
	}
	return name
}

// addForgottenNodes makes the nodes whose connection ran and is configured no
// more.
func (e *engine) addForgottenNodes() {
	e.sights = make([]sight, len(e.in.Status))
	for i := range e.in.Status {
		of := e.in.Status[i].History
		if i < len(e.kept.sights) && e.kept.sights[i].isOf(of) {
			e.sights[i] = e.kept.sights[i]
		} else {
			e.sights[i] = look(of)
		}
		for _, place := range e.sights[i].remote {
			id := of[place].Resource
			e.addNode(id, id, KindRemote, nil)
		}
	}
}

// unpackNode gives a node its attributes and its first state: what has not been
// seen is fenced, where the cluster is told so.
func (e *engine) unpackNode(n *node) {
	n.attrs = map[string]string{}
	kind := "cluster"
	if n.remote() {
		kind = "remote"
	} else {
		n.unclean = e.opt.startupFencing
	}
	n.dc = e.dc == nil && n.id == e.in.DC && n.id != ""
	if n.dc {
		e.dc = n
	}
	n.attrs["#kind"] = kind
	if e.opt.strategy != placeDefault {
		n.capacity = map[string]int{}
	}
	if n.config == nil {
		return
	}
	e.nameNode(n)
	e.fillFrom(n.attrs, n.config.Attributes, &ruleContext{})
	e.addCapacity(n, n.config.Utilization)
	e.nameSite(n)
}

// nameNode gives a node the attributes that rules and colocations know it by. One
// that only its connection makes has none until there is a status of it: such nodes
// are all alike.
func (e *engine) nameNode(n *node) {
	n.attrs["#uname"] = n.name
	n.attrs["#id"] = n.id
	n.attrs["#is_dc"] = strconv.FormatBool(n.dc)
	if e.opt.clusterName != "" {
		n.attrs["#cluster-name"] = e.opt.clusterName
	}
}

// addTransient applies what a node's status says: attributes win over permanent
// ones.
func (e *engine) addTransient(n *node, s *NodeStatus) {
	e.nameNode(n)
	for name, value := range e.resolve(s.Attributes, "", ruleContext{}) {
		n.attrs[name] = value
	}
	e.addCapacity(n, s.Utilization)
	e.nameSite(n)
}

// nameSite gives the node the site that rules may ask for.
func (e *engine) nameSite(n *node) {
	if _, ok := n.attrs["#site-name"]; ok {
		return
	}
	if site, ok := n.attrs["site-name"]; ok {
		n.attrs["#site-name"] = site
	} else if e.opt.clusterName != "" {
		n.attrs["#site-name"] = e.opt.clusterName
	}
}

// addCapacity adds what the sets say the node can hold.
func (e *engine) addCapacity(n *node, sets []AttributeSet) {
	if n.capacity == nil || len(sets) == 0 {
		return
	}
	for name, value := range e.resolve(sets, "", ruleContext{}) {
		if _, ok := n.capacity[name]; !ok {
			n.capacity[name] = parseInt(value)
		}
	}
}

// fill copies what dst does not have.
func fill(dst, src map[string]string) {
	for name, value := range src {
		if _, ok := dst[name]; !ok {
			dst[name] = value
		}
	}
}
