package edit

import (
	"fmt"
	"slices"

	"github.com/belay-ha/belay/resources"
)

// usesOf lists what refers to one of the resources from outside of them.
func usesOf(def *resources.Definition, doomed []resources.ResourceID) []string {
	var uses []string
	is := func(id resources.ResourceID) bool { return slices.Contains(doomed, id) }
	for _, g := range def.Groups {
		if !is(g.ID) && slices.ContainsFunc(g.Members, is) {
			uses = append(uses, fmt.Sprintf("group %s", g.ID))
		}
	}
	for _, b := range def.Bundles {
		if !is(b.ID) && is(b.Resource) {
			uses = append(uses, fmt.Sprintf("bundle %s", b.ID))
		}
	}
	for _, o := range def.Orders {
		if is(o.First) || is(o.Then) || names(o.Sets, is) {
			uses = append(uses, "order "+o.ID)
		}
	}
	for _, c := range def.Colocations {
		if is(c.Resource) || is(c.With) || names(c.Sets, is) {
			uses = append(uses, "colocation "+c.ID)
		}
	}
	for _, l := range def.Locations {
		if is(l.Resource) || names(l.Sets, is) {
			uses = append(uses, "location "+l.ID)
		}
	}
	for _, t := range def.Tickets {
		if is(t.Resource) || names(t.Sets, is) {
			uses = append(uses, "ticket "+t.ID)
		}
	}
	for _, t := range def.Tags {
		if !is(t.ID) && slices.ContainsFunc(t.Members, is) {
			uses = append(uses, "tag "+string(t.ID))
		}
	}
	return uses
}

// remove takes resources, groups and bundles out with everything that names them. A
// group that loses its last member goes as well.
func remove(def *resources.Definition, doomed []resources.ResourceID) {
	is := func(id resources.ResourceID) bool { return slices.Contains(doomed, id) }
	def.Resources = slices.DeleteFunc(def.Resources, func(r resources.Resource) bool { return is(r.ID) })
	for i := range def.Groups {
		g := &def.Groups[i]
		g.Members = slices.DeleteFunc(g.Members, is)
		if len(g.Members) == 0 && !is(g.ID) {
			doomed = append(doomed, g.ID)
		}
	}
	def.Groups = slices.DeleteFunc(def.Groups, func(g resources.Group) bool { return is(g.ID) })
	def.Bundles = slices.DeleteFunc(def.Bundles, func(b resources.Bundle) bool { return is(b.ID) })
	for i := range def.Bundles {
		if is(def.Bundles[i].Resource) {
			def.Bundles[i].Resource = ""
		}
	}
	for i := range def.Tags {
		def.Tags[i].Members = slices.DeleteFunc(def.Tags[i].Members, is)
		if len(def.Tags[i].Members) == 0 {
			doomed = append(doomed, def.Tags[i].ID)
		}
	}
	def.Tags = slices.DeleteFunc(def.Tags, func(t resources.Tag) bool { return is(t.ID) })
	removeConstraints(def, is)
}

// removeConstraints takes resources out of constraints, and out goes what is then
// about nothing.
func removeConstraints(def *resources.Definition, is func(resources.ResourceID) bool) {
	for i := range def.Orders {
		def.Orders[i].Sets = withoutMembers(def.Orders[i].Sets, is)
	}
	for i := range def.Colocations {
		def.Colocations[i].Sets = withoutMembers(def.Colocations[i].Sets, is)
	}
	for i := range def.Locations {
		def.Locations[i].Sets = withoutMembers(def.Locations[i].Sets, is)
	}
	for i := range def.Tickets {
		def.Tickets[i].Sets = withoutMembers(def.Tickets[i].Sets, is)
	}
	gone := func(id resources.ResourceID, sets []resources.ResourceSet) bool {
		return is(id) || id == "" && len(sets) == 0
	}
	def.Orders = slices.DeleteFunc(def.Orders, func(o resources.Order) bool { return gone(o.First, o.Sets) || is(o.Then) })
	def.Colocations = slices.DeleteFunc(def.Colocations, func(c resources.Colocation) bool { return gone(c.Resource, c.Sets) || is(c.With) })
	def.Locations = slices.DeleteFunc(def.Locations, func(l resources.Location) bool { return l.Selector == nil && gone(l.Resource, l.Sets) })
	def.Tickets = slices.DeleteFunc(def.Tickets, func(t resources.TicketUse) bool { return gone(t.Resource, t.Sets) })
}
