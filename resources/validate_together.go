package resources

// contradictions reports places that can never be: together and apart, on a
// node and never on it.
func (v *validator) contradictions() {
	v.directContradictions()
	v.indirectContradictions()
	v.locationContradictions()
}

// directContradictions compares colocations of the same two, in either
// direction.
func (v *validator) directContradictions() {
	together := map[[2]ResourceID][]Colocation{}
	for _, c := range v.resolved.Colocations {
		if c.Score >= Infinity {
			together[[2]ResourceID{c.Resource, c.With}] = append(together[[2]ResourceID{c.Resource, c.With}], c)
		}
	}
	paths := v.paths("colocation", len(v.def.Colocations), len(v.resolved.Colocations))
	for _, c := range v.resolved.Colocations {
		at := paths(c.ID)
		if c.Score > -Infinity {
			continue
		}
		flipped := Colocation{Resource: c.With, Role: c.WithRole, With: c.Resource, WithRole: c.Role, NodeAttribute: c.NodeAttribute}
		for _, apart := range []Colocation{c, flipped} {
			for _, other := range together[[2]ResourceID{apart.Resource, apart.With}] {
				if v.excludes(apart, other) {
					v.add(ProblemConflict, at, "", "%q must never be with %q, but %q demands it", c.Resource, c.With, other.ID)
				}
			}
		}
	}
}

// excludes reports whether apart forbids what together demands.
func (v *validator) excludes(apart, together Colocation) bool {
	covers := func(id ResourceID, wide, narrow Role) bool {
		return wide == RoleUnknown || wide == narrow || wide == RoleStarted && !v.promotable(id)
	}
	attribute := apart.NodeAttribute == together.NodeAttribute || together.NodeAttribute == ""
	return attribute && covers(apart.Resource, apart.Role, together.Role) && covers(apart.With, apart.WithRole, together.WithRole)
}

// indirectContradictions joins everything that runs once and must share a
// node, by groups and by chains of colocations, and looks for two of one set
// that must be apart. Clones are in many places at once and join nothing.
func (v *validator) indirectContradictions() {
	parent := map[ResourceID]ResourceID{}
	var root func(ResourceID) ResourceID
	root = func(id ResourceID) ResourceID {
		if up, ok := parent[id]; ok && up != id {
			parent[id] = root(up)
			return parent[id]
		}
		return id
	}
	join := func(a, b ResourceID) { parent[root(a)] = root(b) }
	direct := map[[2]ResourceID]bool{}
	for _, g := range v.def.Groups {
		if !Or(g.Collocated, true) {
			continue
		}
		for _, m := range g.Members {
			if v.single(g.ID) && v.single(m) {
				join(m, g.ID)
			}
		}
	}
	for _, c := range v.resolved.Colocations {
		if c.Score >= Infinity && c.NodeAttribute == "" && v.single(c.Resource) && v.single(c.With) {
			join(c.Resource, c.With)
			direct[[2]ResourceID{c.Resource, c.With}], direct[[2]ResourceID{c.With, c.Resource}] = true, true
		}
	}
	paths := v.paths("colocation", len(v.def.Colocations), len(v.resolved.Colocations))
	for _, c := range v.resolved.Colocations {
		at := paths(c.ID)
		if c.Score > -Infinity || c.Resource == c.With || direct[[2]ResourceID{c.Resource, c.With}] {
			continue
		}
		if v.single(c.Resource) && v.single(c.With) && root(c.Resource) == root(c.With) {
			v.add(ProblemConflict, at, "", "%q must never be with %q, but groups and colocations tie them to one node", c.Resource, c.With)
		}
	}
}

// single reports whether the resource or group exists and runs once.
func (v *validator) single(id ResourceID) bool {
	if g := v.groupOf[id]; g != nil && g.Clone != nil {
		return false
	}
	if _, inside := v.def.BundleOf(id); inside {
		return false
	}
	if r, ok := v.resource[id]; ok {
		return r.Clone == nil
	}
	g, ok := v.group[id]
	return ok && g.Clone == nil
}

// locationContradictions finds a resource that must and must not be on a node.
func (v *validator) locationContradictions() {
	type place struct {
		id   ResourceID
		node NodeName
		role Role
	}
	demanded := map[place]string{}
	for _, l := range v.resolved.Locations {
		if l.Score >= Infinity && l.Node != "" && l.Resource != "" {
			demanded[place{l.Resource, l.Node, l.Role}] = l.ID
		}
	}
	paths := v.paths("location", len(v.def.Locations), len(v.resolved.Locations))
	for _, l := range v.resolved.Locations {
		at := paths(l.ID)
		if l.Score > -Infinity || l.Node == "" || l.Resource == "" {
			continue
		}
		if other, found := demanded[place{l.Resource, l.Node, l.Role}]; found {
			v.add(ProblemConflict, at, "", "%q must never be on %q, but %q demands it", l.Resource, l.Node, other)
		}
	}
}
