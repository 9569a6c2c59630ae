package cib

import (
	"slices"

	"github.com/belay-ha/belay/resources"
)

// remove takes out of the definition what validation refuses, with what cannot
// be without it.
func (m *importer) remove(kind, name, path string) {
	d := m.def
	switch {
	case prefixed(path, "cluster.when"):
		d.Cluster.When = nil
	case prefixed(path, "defaults.when"):
		d.Defaults.When = nil
	}
	switch kind {
	case "order":
		d.Orders = slices.DeleteFunc(d.Orders, func(o resources.Order) bool { return o.ID == name })
	case "colocation":
		d.Colocations = slices.DeleteFunc(d.Colocations, func(c resources.Colocation) bool { return c.ID == name })
	case "location":
		d.Locations = slices.DeleteFunc(d.Locations, func(l resources.Location) bool { return l.ID == name })
	case "ticket":
		d.Tickets = slices.DeleteFunc(d.Tickets, func(t resources.TicketUse) bool { return t.ID == name })
	case "fence":
		d.Fences = slices.DeleteFunc(d.Fences, func(f resources.FenceDevice) bool { return f.ID == name })
	case "bundle":
		d.Bundles = slices.DeleteFunc(d.Bundles, func(b resources.Bundle) bool { return string(b.ID) == name })
	case "node":
		if i := slices.IndexFunc(d.Nodes, func(n resources.Node) bool { return string(n.Name) == name }); i >= 0 && prefixed(path, "node["+name+"].when") {
			d.Nodes[i].When = nil
			return
		}
		d.Nodes = slices.DeleteFunc(d.Nodes, func(n resources.Node) bool { return string(n.Name) == name })
	case "group":
		if i := slices.IndexFunc(d.Groups, func(g resources.Group) bool { return string(g.ID) == name }); i >= 0 && prefixed(path, "group["+name+"].when") {
			d.Groups[i].When = nil
			return
		}
		d.Groups = slices.DeleteFunc(d.Groups, func(g resources.Group) bool { return string(g.ID) == name })
	case "resource":
		m.removeFromResource(resources.ResourceID(name), path)
	case "defaults.resource.resource_stickiness":
		d.Defaults.Resource.Stickiness = nil
	case "cluster.name":
		d.Name = ""
	}
}

// removeFromResource takes out an operation, a resource's stickiness, or the
// resource itself.
func (m *importer) removeFromResource(id resources.ResourceID, path string) {
	r, found := m.def.Resource(id)
	if !found {
		return
	}
	base := "resource[" + string(id) + "]."
	if path == base+"meta.resource_stickiness" {
		r.Meta.Stickiness = nil
		return
	}
	if prefixed(path, base+"when") {
		r.When = nil
		return
	}
	for i, op := range r.Ops {
		if prefixed(path, base+"op."+string(op.Name)) {
			r.Ops = slices.Delete(slices.Clone(r.Ops), i, i+1)
			return
		}
	}
	m.def.Resources = slices.DeleteFunc(m.def.Resources, func(r resources.Resource) bool { return r.ID == id })
	for i := range m.def.Groups {
		g := &m.def.Groups[i]
		g.Members = slices.DeleteFunc(g.Members, func(member resources.ResourceID) bool { return member == id })
	}
}

func prefixed(path, prefix string) bool {
	return len(path) >= len(prefix) && path[:len(prefix)] == prefix && (len(path) == len(prefix) || path[len(prefix)] == '.' || path[len(prefix)] == '#')
}
