package cib

import (
	"slices"
	"strings"

	"github.com/belay-ha/belay/cluster/policy"
)

// Rules of locations may compare with values of the resource that is placed.

// asksMeta reports whether a location compares with meta-attributes.
func (m *importer) asksMeta(c *policy.LocationConfig) bool {
	return slices.ContainsFunc(c.Rules, func(r policy.LocationRule) bool { return r.Rule != nil && ruleSource(r.Rule, "meta", 0) })
}

// ruleSource reports whether a rule compares with values of that kind.
func ruleSource(r *policy.Rule, source string, depth int) bool {
	return depth <= MaxDepth && slices.ContainsFunc(r.Parts, func(p policy.Condition) bool {
		return p.Attribute != nil && p.Attribute.Source == source || p.Rule != nil && ruleSource(p.Rule, source, depth+1)
	})
}

// paramsKept reports whether what a location places has the same parameters in the
// definition: primitives with agents that keep theirs, and no rule of a clone.
func (m *importer) paramsKept(c *policy.LocationConfig) bool {
	return !slices.ContainsFunc(m.placed(c), func(id string) bool {
		config := m.config(m.in.Resources, id)
		r, found := m.def.Resource(m.named[id])
		if _, known := m.named[id]; !known {
			return false // a fence device, or nothing
		}
		return config == nil || config.Variant != policy.Primitive || !found || !strings.Contains(r.Agent, ":")
	})
}

// placed lists the outermost resources that a location is about.
func (m *importer) placed(c *policy.LocationConfig) []string {
	if len(c.Sets) == 0 {
		if c.Resource != "" {
			return []string{c.Resource}
		}
		notes := m.notes
		defer func() { m.notes = notes }()
		return m.located(c)
	}
	var all []string
	for i := range c.Sets {
		all = append(all, c.Sets[i].Resources...)
	}
	return all
}

// config finds a resource of the CIB.
func (m *importer) config(all []policy.ResourceConfig, id string) *policy.ResourceConfig {
	for i := range all {
		if all[i].ID == id {
			return &all[i]
		}
		if inner := m.config(all[i].Members, id); inner != nil {
			return inner
		}
	}
	return nil
}

// locateByMeta writes a location that compares with meta-attributes for each
// resource that it is about, with their values.
func (m *importer) locateByMeta(c *policy.LocationConfig) {
	if len(c.Sets) > 0 || slices.ContainsFunc(c.Rules, func(r policy.LocationRule) bool { return r.Rule != nil && ruleSource(r.Rule, "param", 0) }) {
		m.lose(m.at(c.ID), "location %q compares with meta-attributes of several resources, or with parameters besides, which cannot be represented", c.ID)
		return
	}
	ids := m.placed(c)
	if !m.room("location", c.ID, len(ids)*len(c.Rules)) {
		return
	}
	m.note(m.at(c.ID), "location %q compares with meta-attributes: it is written with their values by now, for each of %d resources", c.ID, len(ids))
	for _, id := range ids {
		config := m.config(m.in.Resources, id)
		if config == nil {
			continue
		}
		if slices.ContainsFunc(config.Meta, func(s policy.AttributeSet) bool { return s.Rule != nil }) {
			m.lose(m.at(c.ID), "location %q compares with meta-attributes of %q that hold by a rule, which cannot be represented", c.ID, id)
			continue
		}
		m.ruleMeta = m.metaOf(config)
		m.locate(c, id, c.Role, c.Score)
		m.ruleMeta = nil
	}
}

// metaOf returns a resource's meta-attributes, or the defaults.
func (m *importer) metaOf(c *policy.ResourceConfig) func(string) (string, bool) {
	all := append(m.constant(c.Meta, ""), m.constant(m.in.ResourceDefaults, "")...)
	return func(name string) (string, bool) {
		i := slices.IndexFunc(all, func(s setting) bool { return s.name == name })
		if i < 0 {
			return "", false
		}
		return all[i].value, true
	}
}
