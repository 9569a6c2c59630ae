package resources

import (
	"slices"
	"time"
)

// MetaOf returns the meta-attributes that are in force for a resource of this
// definition at an instant: its own, what its group gives it, and the defaults.
func (d *Definition) MetaOf(r *Resource, now time.Time) Meta {
	meta := r.On(Scene{Now: now}).Meta
	if g, grouped := d.GroupOf(r.ID); grouped {
		given := g.Meta
		for _, w := range slices.Backward(g.When) {
			if holds(w.Rule, Scene{Now: now}) {
				given = w.Meta.Over(given)
			}
		}
		meta = meta.Over(given)
	}
	return meta.Over(d.MetaDefaults(r.Agent, now))
}

// LeftAlone reports whether the meta-attributes have a resource left as it is.
func (m Meta) LeftAlone() bool { return !Or(m.Managed, true) || Or(m.Maintenance, false) }

// Says finds which name says something of a resource of this definition, but for its
// rules: its own, that of the bundle that it is a part of, or that of its group; ""
// for none of them.
func (d *Definition) Says(r *Resource, what func(Meta) bool) ResourceID {
	if b, part := d.PartOf(r.ID); part {
		if what(b.Meta) {
			return b.ID
		}
		return ""
	}
	if what(r.Meta) {
		return r.ID
	}
	if g, grouped := d.GroupOf(r.ID); grouped && what(g.Meta) {
		return g.ID
	}
	return ""
}
