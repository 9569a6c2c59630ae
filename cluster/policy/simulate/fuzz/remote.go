package main

import "strconv"

// remote makes a connection to a remote node, which is named like it.
func (g *generator) remote() *element {
	p := el("primitive", "id", g.id("remote"), "class", "ocf", "provider", "pacemaker", "type", "remote")
	in := instance{id: p.get("id"), kind: "remote", class: "ocf", member: true}
	g.monitored(p, &in)
	g.remotes = append(g.remotes, in.id)
	return p
}

// guest makes a resource that is a node itself when it runs.
func (g *generator) guest() *element {
	p := el("primitive", "id", g.id("container"), "class", "ocf", "provider", "pacemaker", "type", "Dummy")
	in := instance{id: p.get("id"), kind: "Dummy", class: "ocf", member: true}
	g.monitored(p, &in)
	guest := g.id("guest")
	g.meta(p, map[string]string{"remote-node": guest})
	g.resources = append(g.resources, made{id: in.id})
	g.primitives = append(g.primitives, instance{id: guest, kind: "remote", class: "ocf", member: true, with: in.id})
	g.remotes = append(g.remotes, guest)
	return p
}

// monitored gives a primitive its operations, and a place among those with a
// history.
func (g *generator) monitored(p *element, in *instance) {
	if ops := g.operations(in); len(ops.children) > 0 {
		p.add(ops)
	}
	g.primitives = append(g.primitives, *in)
}

// bundle makes containers that have not been started yet: what their history
// would hold differs between releases.
func (g *generator) bundle() *element {
	b := el("bundle", "id", g.id("bundle"))
	replicas := 1 + g.IntN(3)
	container := el(pick(g, "docker", "podman"), "image", "image:latest", "replicas", strconv.Itoa(replicas))
	promotable := g.often(30)
	if promotable {
		container.set("promoted-max", "1")
	}
	b.add(container)
	if !g.often(75) {
		g.resources = append(g.resources, made{id: b.get("id")})
		return b
	}
	b.add(el("network", "control-port", "3121"))
	kind := pick(g, "Dummy", "Dummy", "Stateful")
	if promotable {
		kind = "Stateful"
	}
	b.add(el("primitive", "id", g.id("inside"), "class", "ocf", "provider", "pacemaker", "type", kind))
	g.resources = append(g.resources, made{id: b.get("id"), promotable: promotable})
	return b
}

// remoteState is what is known of a remote node: as a rule that copies run
// there.
func (g *generator) remoteState(name string, home map[string]int) *element {
	state := el("node_state", "id", name, "uname", name, "remote_node", "true", "in_ccm", "true")
	if g.often(50) {
		state.add(el("lrm", "id", name).add(g.histories(len(g.nodes), name, home)))
	}
	return state
}
