package cib

import "slices"

// collect notes which ids constraints may name, and what those that are
// templates or tags stand for.
func (r *reader) collect(list, tags *element) {
	r.templates, r.standsFor, r.resources = map[string]*element{}, map[string][]string{}, map[string]bool{}
	if list != nil {
		for _, e := range list.children {
			if e.name == "template" {
				r.templates[e.id()] = e
				r.standsFor[e.id()] = nil
			}
		}
		r.collectUsers(list)
	}
	if tags == nil {
		return
	}
	for _, tag := range tags.all("tag") {
		id := r.need(tag, "id")
		for _, ref := range tag.all("obj_ref") {
			r.standsFor[id] = append(r.standsFor[id], r.need(ref, "id"))
		}
	}
}

// collectUsers notes the resources below e, and the templates they use.
func (r *reader) collectUsers(e *element) {
	for _, c := range e.children {
		switch c.name {
		case "primitive", "group", "clone", "master", "bundle":
			r.resources[c.id()] = true
			if template := c.get("template"); template != "" {
				r.standsFor[template] = append(r.standsFor[template], c.id())
			}
			r.collectUsers(c)
		}
	}
}

// expand returns a primitive with its template's parts merged in: the
// template's blocks come first, so that the primitive's own, which come last,
// win; an operation of the template holds unless the primitive has one of the
// same name and role. It returns nil, and has told why, if that cannot be.
func (r *reader) expand(e *element) *element {
	ref, given := e.lookup("template")
	if !given {
		return e
	}
	template := r.templates[ref]
	if template != nil && !r.spend(e.at, template.size) {
		return nil
	}
	if template == nil {
		r.fault(e.where("template"), "primitive %q uses template %q, which does not exist", e.id(), ref)
		return nil
	}
	merged := &element{name: e.name, at: e.at}
	merged.attrs = append(merged.attrs, template.attrs...)
	merged.set("id", e.id())
	own, inherited := e.child("operations"), template.child("operations")
	for _, c := range template.children {
		if c != inherited || own == nil {
			merged.children = append(merged.children, withoutGuest(c))
		}
	}
	for _, c := range e.children {
		if c == own && inherited != nil {
			c = mergeOperations(own, inherited)
		}
		merged.children = append(merged.children, c)
	}
	return merged
}

// withoutGuest returns a block of a template without what would make a guest node:
// guests are looked for before templates are merged in, so that no template makes one.
func withoutGuest(e *element) *element {
	guest := func(c *element) bool { return c.name == "nvpair" && c.get("name") == "remote-node" }
	if e.name != "meta_attributes" || !slices.ContainsFunc(e.children, guest) {
		return e
	}
	bare := *e
	bare.children = slices.DeleteFunc(slices.Clone(e.children), guest)
	return &bare
}

// mergeOperations adds to own operations what only the template has.
func mergeOperations(own, inherited *element) *element {
	type key struct{ name, role string }
	keyOf := func(op *element) key {
		switch role := op.get("role"); role {
		case "Started", "Unpromoted", "Slave":
			return key{op.get("name"), ""}
		default:
			return key{op.get("name"), role}
		}
	}
	merged := &element{name: own.name, at: own.at, attrs: own.attrs}
	merged.children = append(merged.children, own.children...)
	have := map[key]bool{}
	for _, op := range own.children {
		have[keyOf(op)] = true
	}
	for _, op := range inherited.children {
		if !have[keyOf(op)] {
			merged.children = append(merged.children, op)
		}
	}
	return merged
}
