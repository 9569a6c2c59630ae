package policy

import (
	"slices"
	"strings"
	"time"
)

const defaultFencingTimeout = 60 * time.Second

// unpack turns the configuration into options, nodes and trees of resources.
func (e *engine) unpack() {
	e.rscBy = map[string]*resource{}
	e.anonymous = map[string]*resource{}
	e.clones = map[string]*resource{}
	e.unpackOptions()
	e.guests = e.implicitConnections()
	e.unpackNodes()
	e.unpackResources()
	e.unpackTickets()
}

// unpackResources makes the tree of every configured resource, then of the
// connections that guest nodes imply.
func (e *engine) unpackResources() {
	for i := range e.in.Resources {
		e.addTop(e.unpackResource(&e.in.Resources[i], nil, noNumber))
	}
	for i := range e.guests {
		e.addTop(e.unpackResource(&e.guests[i], nil, noNumber))
	}
	for _, r := range e.top {
		e.linkContainers(r)
		e.linkConnection(r)
	}
	e.makeTables()
	for _, r := range e.all {
		if r.is(flagConnection) {
			e.admitConnection(r)
		}
	}
	slices.SortStableFunc(e.top, func(a, b *resource) int { return int(b.priority) - int(a.priority) })
}

// addTop files an outermost resource; nil is one that cannot be.
func (e *engine) addTop(r *resource) {
	if r != nil {
		e.top = append(e.top, r)
	}
}

// register makes a resource findable by its id, and by its base if it is an
// instance. The first one with an id is it.
func (e *engine) register(r *resource) {
	r.index = len(e.all)
	e.all = append(e.all, r)
	if _, taken := e.rscBy[r.id]; !taken {
		e.rscBy[r.id] = r
	}
	outer := r.collection()
	if outer.variant != Clone || r == outer {
		return
	}
	if _, taken := e.clones[r.base]; !taken {
		e.clones[r.base] = outer
	}
	if !r.is(flagUnique) {
		e.anonymous[r.base] = outer
	}
}

// find returns the resource with exactly the id, or nil.
func (e *engine) find(id string) *resource { return e.rscBy[id] }

// findConfigured returns the resource that a configuration means by the id: for
// what is cloned the clone.
func (e *engine) findConfigured(id string) *resource {
	if r := e.rscBy[id]; r != nil {
		return r
	}
	return e.clones[id]
}

// collection returns the outermost collection that holds the resource and is no
// bundle, or the resource itself.
func (r *resource) collection() *resource {
	for r.parent != nil && r.parent.variant != Bundle {
		r = r.parent
	}
	return r
}

// bundled reports whether the resource is part of a bundle.
func (r *resource) bundled() bool { return r.top().variant == Bundle }

// linkContainers ties what names a container to it.
func (e *engine) linkContainers(r *resource) {
	if len(r.members) > 0 {
		for _, m := range r.members {
			e.linkContainers(m)
		}
		return
	}
	id := r.meta["container"]
	if id == "" || id == r.id {
		return
	}
	if container := e.find(id); container != nil {
		r.container = container
		container.contains = append(container.contains, r)
	}
}

// linkConnection ties a connection to the node that it makes reachable.
func (e *engine) linkConnection(r *resource) {
	if !r.is(flagConnection) {
		return
	}
	n := e.nodeBy[r.id]
	if n == nil {
		return
	}
	n.connection, r.remoteNode = r, n
	if r.container != nil {
		n.attrs["#kind"] = "container"
	} else {
		n.unclean = e.opt.startupFencing
	}
}

// admitConnection corrects what a connection thinks of nodes: a guest's goes
// wherever its container is, whatever the cluster says of others; a bundle's
// needs a full member of the cluster.
func (e *engine) admitConnection(r *resource) {
	if r.meta["container"] == "" {
		return
	}
	for _, n := range e.nodes {
		if !e.opt.symmetric {
			e.addScoreOn(r, n, 0, "guest connection")
		}
		if n.remote() && r.is(flagReplicaPart) {
			e.ban(r, n, "remote node")
		}
	}
}

// isRemoteAgent reports whether the agent is the one that connects to remote
// nodes.
func isRemoteAgent(class, provider, kind string) bool {
	return strings.EqualFold(class, "ocf") && strings.EqualFold(provider, "pacemaker") && strings.EqualFold(kind, "remote")
}

// unpackTickets notes the state of the known tickets.
func (e *engine) unpackTickets() {
	e.tickets = map[string]*ticket{}
	for _, t := range e.in.Tickets {
		e.tickets[t.ID] = &ticket{id: t.ID, known: true, granted: t.Granted, standby: t.Standby}
	}
}
