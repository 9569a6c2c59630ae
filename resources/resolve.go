package resources

import "maps"

// Resolved returns the definition with everything written out: resources with
// their template's values, and one constraint for each pair of what sets, tags
// and templates stand for. Only an order after any one of several keeps its two
// sets: those, and the one resource that waits. Constraints keep their ids. It
// returns d itself where nothing is to be written out, and changes nothing. What
// Validate refuses for its size is left out.
func (d *Definition) Resolved() *Definition {
	resolved, _ := d.resolve()
	return resolved
}

// resolve also returns what it knew and found by the way.
func (d *Definition) resolve() (*Definition, *resolver) {
	x := &resolver{d: d, means: map[ResourceID][]ResourceID{}, room: maxPairs}
	if d.plain() {
		return d, x
	}
	for _, t := range d.Tags {
		x.means[t.ID] = append(x.means[t.ID], t.Members...)
	}
	templates := make(map[ResourceID]*Resource, len(d.Templates))
	for i := range d.Templates {
		templates[d.Templates[i].ID] = &d.Templates[i]
		x.means[d.Templates[i].ID] = nil
	}
	out := *d
	out.Templates, out.Tags = nil, nil
	out.Resources = make([]Resource, len(d.Resources))
	for i := range d.Resources {
		r := &d.Resources[i]
		out.Resources[i] = *r
		if t := templates[r.Template]; t != nil {
			out.Resources[i] = r.from(t)
			x.means[t.ID] = append(x.means[t.ID], r.ID)
		}
	}
	x.constraints(&out)
	return &out, x
}

// plain reports whether nothing is to be written out.
func (d *Definition) plain() bool {
	if len(d.Tags) > 0 || len(d.Templates) > 0 {
		return false
	}
	for i := range d.Resources {
		if d.Resources[i].Template != "" {
			return false
		}
	}
	for i := range d.Orders {
		if len(d.Orders[i].Sets) > 0 {
			return false
		}
	}
	for i := range d.Colocations {
		if len(d.Colocations[i].Sets) > 0 {
			return false
		}
	}
	for i := range d.Locations {
		if len(d.Locations[i].Sets) > 0 {
			return false
		}
	}
	for i := range d.Tickets {
		if len(d.Tickets[i].Sets) > 0 {
			return false
		}
	}
	return true
}

// from returns the resource with what it does not say itself taken from its
// template. An operation of the template holds unless the resource has one of
// the same name and role.
func (r *Resource) from(t *Resource) Resource {
	merged := *r
	merged.Template = ""
	if merged.Agent == "" {
		merged.Agent = t.Agent
	}
	merged.Params = under(r.Params, t.Params)
	merged.Utilization = under(r.Utilization, t.Utilization)
	merged.Meta = r.Meta.Over(t.Meta)
	merged.When = append([]When(nil), r.When...)
	for _, w := range t.When {
		merged.When = append(merged.When, w.without(r))
	}
	merged.Ops = append([]Operation(nil), r.Ops...)
	for _, op := range t.Ops {
		if !r.hasOp(op) {
			merged.Ops = append(merged.Ops, op)
		}
	}
	return merged
}

func (r *Resource) hasOp(op Operation) bool {
	role := func(o Operation) Role {
		if o.Role == RoleStarted {
			return RoleUnknown
		}
		return o.Role
	}
	for _, own := range r.Ops {
		if own.Name == op.Name && role(own) == role(op) {
			return true
		}
	}
	return false
}

// under returns a map with what it lacks taken from another.
func under[M ~map[string]V, V any](own, other M) M {
	if len(other) == 0 {
		return own
	}
	both := maps.Clone(other)
	maps.Copy(both, own)
	return both
}

// Over returns the meta-attributes with those that are not given taken from
// others.
func (m Meta) Over(others Meta) Meta {
	fill(&m.Priority, others.Priority)
	fill(&m.TargetRole, others.TargetRole)
	fill(&m.Managed, others.Managed)
	fill(&m.Maintenance, others.Maintenance)
	fill(&m.Stickiness, others.Stickiness)
	fill(&m.Requires, others.Requires)
	fill(&m.MigrationThreshold, others.MigrationThreshold)
	fill(&m.FailureTimeout, others.FailureTimeout)
	fill(&m.MultipleActive, others.MultipleActive)
	fill(&m.Critical, others.Critical)
	fill(&m.AllowUnhealthyNodes, others.AllowUnhealthyNodes)
	fill(&m.AllowMigrate, others.AllowMigrate)
	if m.RemoteNode == "" {
		m.RemoteNode = others.RemoteNode
	}
	if m.AttributeTarget == "" {
		m.AttributeTarget = others.AttributeTarget
	}
	return m
}

func fill[T any](own **T, other *T) {
	if *own == nil {
		*own = other
	}
}
