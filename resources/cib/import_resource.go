package cib

import (
	"slices"
	"strings"

	"github.com/belay-ha/belay/cluster/policy"
	"github.com/belay-ha/belay/resources"
)

// resource takes one of the outermost resources.
func (m *importer) resource(c *policy.ResourceConfig) {
	switch c.Variant {
	case policy.Bundle:
		m.bundle(c)
	case policy.Primitive:
		m.primitive(c, nil)
	case policy.Group:
		m.group(c, nil)
	case policy.Clone:
		m.clone(c)
	}
}

// surround notes what is around each resource.
func (m *importer) surround(c *policy.ResourceConfig, outer []*policy.ResourceConfig) {
	m.around[c.ID] = outer
	for i := range c.Members {
		m.surround(&c.Members[i], append([]*policy.ResourceConfig{c}, outer...))
	}
}

// without notes that a resource, with all in it, is not in the definition.
func (m *importer) without(c *policy.ResourceConfig, why string) {
	m.gone[c.ID] = why
	for i := range c.Members {
		m.without(&c.Members[i], why)
	}
}

// clone takes a clone. What is cloned carries its name in the definition.
func (m *importer) clone(c *policy.ResourceConfig) {
	if len(c.Members) != 1 {
		return
	}
	inner := &c.Members[0]
	if inner.Variant == policy.Group {
		m.group(inner, c)
	} else {
		m.primitive(inner, c)
	}
	if id, known := m.named[inner.ID]; known {
		m.named[c.ID] = id
	} else if why, gone := m.gone[inner.ID]; gone {
		m.gone[c.ID] = why
	}
}

// cloneOf reads a clone's meta-attributes: those that say how many copies run,
// and those that its copies take over.
func (m *importer) cloneOf(c *policy.ResourceConfig, meta *resources.Meta) *resources.Clone {
	clone := &resources.Clone{}
	said := false
	for _, s := range m.settings(c.Meta, "") {
		said = said || s.name == "globally-unique"
		if !m.cloneMeta(clone, s) && !m.meta(meta, s) {
			m.otherMeta(c.ID, s)
		}
	}
	if !clone.Promotable {
		clone.PromotedMax, clone.PromotedNodeMax = nil, nil
	}
	if !clone.GloballyUnique && resources.Or(clone.NodeMax, 1) > 1 {
		if said {
			m.note(m.at(c.ID), "clone %q has one copy on a node, as its copies are not told apart (globally-unique)", c.ID)
			clone.NodeMax = nil
		} else {
			clone.GloballyUnique = true // what several on a node imply
		}
	}
	if most := max(1, resources.Or(clone.NodeMax, 1)); resources.Or(clone.PromotedNodeMax, 1) > most {
		m.note(m.at(c.ID), "clone %q has no more promoted copies on a node than copies: %d", c.ID, most)
		clone.PromotedNodeMax = &most
	}
	return clone
}

func (m *importer) cloneMeta(c *resources.Clone, s setting) bool {
	flag := func(to *bool) { *to = resources.Or(m.truth(s), false) }
	switch s.name {
	case "clone-max":
		c.Max = m.number(s)
	case "clone-node-max":
		c.NodeMax = m.number(s)
	case "clone-min":
		c.Min = m.number(s)
	case "promoted-max", "master-max":
		c.PromotedMax = m.number(s)
	case "promoted-node-max", "master-node-max":
		c.PromotedNodeMax = m.number(s)
	case "globally-unique":
		flag(&c.GloballyUnique)
	case "interleave":
		flag(&c.Interleave)
	case "ordered":
		flag(&c.Ordered)
	case "notify":
		flag(&c.Notify)
	case "promotable":
		flag(&c.Promotable)
	default:
		return false
	}
	return true
}

// group takes a group, or a clone of one.
func (m *importer) group(c, clone *policy.ResourceConfig) {
	g := resources.Group{ID: resources.ResourceID(c.ID), When: m.metaWhens(c.ID, c.Meta)}
	for _, s := range m.settings(c.Meta, "") {
		switch {
		case m.meta(&g.Meta, s):
		case s.name == "ordered":
			g.Ordered = m.truth(s)
		case s.name == "collocated":
			g.Collocated = m.truth(s)
		default:
			m.otherMeta(c.ID, s)
		}
	}
	if clone != nil {
		inherited := resources.Meta{}
		g.When = append(g.When, m.cloneWhens(clone, g.Meta)...)
		g.Clone = m.cloneOf(clone, &inherited)
		g.Meta = g.Meta.Over(inherited)
	}
	promotable := g.Clone != nil && g.Clone.Promotable
	for i := range c.Members {
		member := &c.Members[i]
		if m.member(member, promotable) {
			g.Members = append(g.Members, resources.ResourceID(member.ID))
		}
	}
	if len(g.Members) == 0 {
		m.gone[c.ID] = "a group without members"
		if len(c.Members) > 0 {
			m.gone[c.ID] = m.gone[c.Members[0].ID]
		}
		return
	}
	m.named[c.ID] = g.ID
	m.origin["group["+c.ID+"]"] = m.at(c.ID)
	m.def.Groups = append(m.def.Groups, g)
}

// primitive takes a primitive, or a clone of one.
func (m *importer) primitive(c, clone *policy.ResourceConfig) {
	if m.notRun(c) {
		return
	}
	r := m.start(c)
	if clone != nil {
		inherited := resources.Meta{}
		r.When = append(r.When, m.cloneWhens(clone, r.Meta)...)
		r.Clone = m.cloneOf(clone, &inherited)
		r.Meta = r.Meta.Over(inherited)
	}
	m.finish(c, r, r.Clone != nil && r.Clone.Promotable)
}

// member takes a member of a group and reports whether it is in the definition.
func (m *importer) member(c *policy.ResourceConfig, promotable bool) bool {
	if m.notRun(c) {
		return false
	}
	m.finish(c, m.start(c), promotable)
	return true
}

// notRun handles primitives that are no services: fence devices, and the
// connections of remote nodes.
func (m *importer) notRun(c *policy.ResourceConfig) bool {
	switch {
	case c.Class == "stonith":
		m.fenceDevice(c)
	case isRemote(c):
		if m.gone[c.ID] == "" { // inside of something: no node
			m.lose(m.at(c.ID), "resource %q connects a remote node from within another resource, which cannot be represented", c.ID)
			m.gone[c.ID] = connection
		}
	default:
		return false
	}
	return true
}

func (m *importer) start(c *policy.ResourceConfig) *resources.Resource {
	r := &resources.Resource{ID: resources.ResourceID(c.ID)}
	m.resourceWhens(c, r)
	for _, s := range m.settings(c.Meta, "") {
		if !m.meta(&r.Meta, s) {
			m.otherMeta(c.ID, s)
		}
	}
	r.Utilization = m.utilization(c.Utilization)
	m.agent(c, r)
	return r
}

func (m *importer) finish(c *policy.ResourceConfig, r *resources.Resource, promotable bool) {
	m.unpromotable = !promotable
	for i := range c.Ops {
		m.operation(c, r, &c.Ops[i], promotable)
	}
	m.named[c.ID] = r.ID
	m.origin["resource["+c.ID+"]"] = m.at(c.ID)
	m.def.Resources = append(m.def.Resources, *r)
}

// otherMeta names a meta-attribute that a definition does not have.
func (m *importer) otherMeta(id string, s setting) {
	switch {
	case strings.HasPrefix(s.name, "remote-"):
		m.note(s.at, "meta-attribute %s of %q is left out: it says how the guest node is reached, not what runs where", s.name, id)
	case s.name == "container":
		m.contained = append(m.contained, containment{id, s})
	case slices.Contains(known, s.name):
		m.lose(s.at, "meta-attribute %s of %q cannot be represented", s.name, id)
	case id == "":
		m.note(s.at, "the default %s for resources is none that Pacemaker's scheduler knows", s.name)
	default:
		m.note(s.at, "meta-attribute %s of %q is none that Pacemaker's scheduler knows", s.name, id)
	}
}

// known are the meta-attributes that mean something to Pacemaker and nothing to
// Belay.
var known = []string{"provides", "resource-failure-stickiness", "restart-type", "isolation"}
