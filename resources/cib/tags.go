package cib

import "github.com/belay-ha/belay/cluster/policy"

// isAlias reports whether an id in a constraint stands for others.
func (r *reader) isAlias(id string) bool {
	_, alias := r.standsFor[id]
	return alias && !r.resources[id]
}

// members returns the resources that an id in a constraint means.
func (r *reader) members(id string) []string {
	if r.isAlias(id) {
		return r.standsFor[id]
	}
	return []string{id}
}

// asSet makes a set of what an id means; nil where it means nothing.
func (r *reader) asSet(id, role, action string) *policy.Set {
	if id == "" {
		return nil
	}
	unordered := false
	return &policy.Set{ID: id, Resources: r.members(id), Sequential: &unordered, Role: role, Action: action}
}

// resourceSets reads the sets of a constraint.
func (r *reader) resourceSets(e *element) []policy.Set {
	var sets []policy.Set
	for _, c := range e.all("resource_set") {
		if c = r.deref(c); c == nil {
			continue
		}
		set := policy.Set{
			ID:         c.id(),
			Sequential: r.optionalBool(c, "sequential"),
			RequireAll: r.optionalBool(c, "require-all"),
			Role:       r.role(c, "role"),
			Action:     r.action(c, "action"),
			Score:      r.scoreText(c),
			Kind:       r.word(c, "kind", "Mandatory", "Optional", "Serialize"),
		}
		for _, ref := range c.all("resource_ref") {
			if meant := r.members(r.need(ref, "id")); len(meant) == 1 || r.spend(ref.at, len(meant)) {
				set.Resources = append(set.Resources, meant...)
			}
		}
		sets = append(sets, set)
	}
	return sets
}
