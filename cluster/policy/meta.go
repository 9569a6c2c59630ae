package policy

import "strings"

// metaOf resolves a resource's meta-attributes: its own, then what its
// collections say themselves, then the defaults, then what its collection has
// from elsewhere. Instances share the result.
func (e *engine) metaOf(c *ResourceConfig, parent *resource) map[string]string {
	if meta, ok := e.metaBy[c]; ok {
		return meta
	}
	if e.metaBy == nil {
		e.metaBy = map[*ResourceConfig]map[string]string{}
	}
	if meta, ok := e.kept.metaBy[c]; ok && c.Variant == Primitive {
		// Those of collections are completed while they are unpacked.
		e.metaBy[c] = meta
		return meta
	}
	ctx := ruleContext{rsc: &resource{id: c.ID, base: c.ID, config: c}}
	meta := map[string]string{}
	e.fillFrom(meta, c.Meta, &ctx)
	for p := parent; p != nil; p = p.parent {
		// A value there may say that it is not meant to be one.
		if takesBack(p.config.Meta) {
			inherit(meta, e.resolve(p.config.Meta, "", ctx))
		} else {
			e.fillFrom(meta, p.config.Meta, &ctx)
		}
	}
	e.fillFrom(meta, e.in.ResourceDefaults, &ctx)
	if parent != nil {
		inherit(meta, parent.meta)
	}
	e.metaBy[c] = meta
	return meta
}

// inherit is fill for what comes from collections: a value there may say that
// it is not meant to be one.
func inherit(dst, src map[string]string) {
	for name, value := range src {
		if strings.EqualFold(value, "#default") {
			continue
		}
		if _, ok := dst[name]; !ok {
			dst[name] = value
		}
	}
}

// params returns the resource's parameters as they are on the node (nil: where
// no node is meant): its own, then its collections'. Not to be changed.
func (e *engine) params(r *resource, n *node) map[string]string {
	if !e.ruled(r) {
		n = nil
	}
	key := paramsKey{r.config, n}
	if found, ok := e.paramsBy[key]; ok {
		return found
	}
	if e.paramsBy == nil {
		e.paramsBy = map[paramsKey]map[string]string{}
	}
	if found, ok := e.kept.paramsBy[key]; ok {
		e.paramsBy[key] = found
		return found
	}
	found := map[string]string{}
	for p := r; p != nil; p = p.parent {
		e.fillFrom(found, p.config.Params, &ruleContext{node: n})
	}
	e.paramsBy[key] = found
	return found
}

type paramsKey struct {
	config *ResourceConfig
	node   *node
}

// ruled reports whether any parameters of the resource depend on rules.
func (e *engine) ruled(r *resource) bool {
	for p := r; p != nil; p = p.parent {
		if anyRule(p.config.Params) {
			return true
		}
	}
	return false
}

// utilizationOf resolves what a resource uses of its node.
func (e *engine) utilizationOf(c *ResourceConfig) map[string]int {
	if e.opt.strategy == placeDefault || len(c.Utilization) == 0 {
		return nil
	}
	found := map[string]int{}
	for name, value := range e.resolve(c.Utilization, "", ruleContext{}) {
		found[name] = parseInt(value)
	}
	return found
}

// wantedRole is the role that the resource's meta-attributes limit it to, or
// RoleUnknown where they ask for nothing special.
func (r *resource) wantedRole() Role {
	role := parseRole(r.meta["target-role"])
	switch {
	case role <= RoleStopped:
		return role
	case role == RoleUnpromoted && r.collection().is(flagPromotable):
		return role
	default:
		return RoleUnknown
	}
}
