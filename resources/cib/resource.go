package cib

import "github.com/belay-ha/belay/cluster/policy"

// resourceList reads the resources in <resources>.
func (r *reader) resourceList(list *element) []policy.ResourceConfig {
	found := make([]policy.ResourceConfig, 0, len(list.children))
	for _, e := range list.children {
		if e.name == "template" {
			continue
		}
		if c := r.resource(e); usable(c) {
			found = append(found, c)
		}
	}
	return found
}

// usable reports whether a resource can be used at all; if not, that was told,
// or it is ignored for want of validation.
func usable(c policy.ResourceConfig) bool {
	switch c.Variant {
	case policy.Primitive:
		return c.ID != "" && c.Class != "" && c.Type != ""
	case policy.Clone:
		return c.ID != "" && len(c.Members) == 1
	case policy.Bundle:
		return c.ID != "" && c.Bundle.Launcher != "" && len(c.Members) <= 1
	default:
		return c.ID != ""
	}
}

// member adds a member to a collection.
func member(to *policy.ResourceConfig, m policy.ResourceConfig) {
	if usable(m) {
		to.Members = append(to.Members, m)
	}
}

// resource reads a resource and its members.
func (r *reader) resource(e *element) policy.ResourceConfig {
	switch e.name {
	case "primitive":
		return r.primitive(e)
	case "group":
		return r.group(e)
	case "clone", "master":
		return r.clone(e)
	case "bundle":
		return r.bundle(e)
	}
	return policy.ResourceConfig{} // unknown, and told as such
}

// common reads what every resource has.
func (r *reader) common(e *element, variant policy.Variant) policy.ResourceConfig {
	return policy.ResourceConfig{
		ID:          r.need(e, "id"),
		Variant:     variant,
		Meta:        r.sets(e, "meta_attributes"),
		Params:      r.sets(e, "instance_attributes"),
		Utilization: r.sets(e, "utilization"),
	}
}

func (r *reader) primitive(e *element) policy.ResourceConfig {
	if e = r.expand(e); e == nil {
		return policy.ResourceConfig{}
	}
	c := r.common(e, policy.Primitive)
	c.Class, c.Provider, c.Type = r.need(e, "class"), e.get("provider"), r.need(e, "type")
	if c.Class == "ocf" && c.Provider == "" {
		r.fault(e.at, "<primitive> %q of class ocf has no provider", c.ID)
	}
	c.Ops = r.operations(e.child("operations"))
	return c
}

// operations reads <operations>.
func (r *reader) operations(e *element) []policy.OpConfig {
	if e == nil {
		return nil
	}
	if e = r.deref(e); e == nil {
		return nil
	}
	ops := make([]policy.OpConfig, 0, len(e.children))
	for _, c := range e.all("op") {
		if c = r.deref(c); c == nil {
			continue
		}
		op := policy.OpConfig{
			ID:       c.id(),
			Name:     r.need(c, "name"),
			Interval: r.interval(c),
			Meta:     r.sets(c, "meta_attributes"),
			Params:   r.sets(c, "instance_attributes"),
		}
		for _, a := range c.attrs {
			switch a.name {
			case "id", "name", "interval", "description":
			default:
				op.Attributes = append(op.Attributes, policy.Pair{Name: a.name, Value: a.value})
			}
		}
		ops = append(ops, op)
	}
	return ops
}

func (r *reader) group(e *element) policy.ResourceConfig {
	c := r.common(e, policy.Group)
	for _, m := range e.all("primitive") {
		member(&c, r.primitive(m))
	}
	if len(c.Members) == 0 {
		r.fault(e.at, "group %q has no members", c.ID)
	}
	return c
}

// clone reads a clone. The old master element is a clone that is promotable
// whatever its meta-attributes say.
func (r *reader) clone(e *element) policy.ResourceConfig {
	c := r.common(e, policy.Clone)
	if e.name == "master" {
		always := policy.AttributeSet{ID: c.ID + "-promotable", Score: infinity, Pairs: []policy.Pair{{Name: "promotable", Value: "true"}}}
		c.Meta = append(c.Meta, always)
	}
	for _, m := range e.children {
		switch m.name {
		case "primitive":
			member(&c, r.primitive(m))
		case "group":
			member(&c, r.group(m))
		}
	}
	if len(c.Members) != 1 {
		r.fault(e.at, "%s %q has %d members instead of one", e.name, c.ID, len(c.Members))
	}
	return c
}
