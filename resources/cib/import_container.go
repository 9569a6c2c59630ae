package cib

import (
	"github.com/belay-ha/belay/resources"
)

// containment is a resource, or a group with all in it, that says that it runs
// in what another one starts (the meta-attribute container).
type containment struct {
	id string
	by setting
}

// containers writes what runs in a container as placed with it, and started after
// it.
func (m *importer) containers() {
	for _, c := range m.contained {
		container, found := m.named[c.by.value]
		if !found {
			m.note(c.by.at, "container %q of %q does not exist: Pacemaker ignores it too", c.by.value, c.id)
			continue
		}
		m.note(c.by.at, "%q runs in container %q: it is placed with it and starts after it; when it fails, it is restarted itself, and not its container", c.id, c.by.value)
		id := m.named[c.id]
		if g, isGroup := m.def.Group(id); isGroup {
			for _, member := range g.Members {
				m.contain(member, container, c.by.at)
			}
		} else {
			m.contain(id, container, c.by.at)
		}
	}
}

func (m *importer) contain(id, container resources.ResourceID, at place) {
	a, grouped := m.def.GroupOf(id)
	b, also := m.def.GroupOf(container)
	if id == "" || id == container || grouped && also && a.ID == b.ID {
		return // the group says it
	}
	order := resources.Order{ID: m.uniqueID(string(id) + "-after-" + string(container)), First: container, Then: id}
	with := resources.Colocation{ID: m.uniqueID(string(id) + "-in-" + string(container)), Resource: id, With: container, Score: resources.Infinity}
	m.origin["order["+order.ID+"]"], m.origin["colocation["+with.ID+"]"] = at, at
	m.def.Orders = append(m.def.Orders, order)
	m.def.Colocations = append(m.def.Colocations, with)
}
