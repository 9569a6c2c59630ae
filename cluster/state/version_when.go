package state

import (
	"slices"

	"github.com/belay-ha/belay/resources"
)

// saysByRule reports whether a definition says what command sets before VersionWhen
// would misunderstand or cannot read.
func saysByRule(d *resources.Definition) bool {
	if d.Ruled() {
		return true
	}
	if slices.ContainsFunc(d.Groups, func(g resources.Group) bool { return g.Ordered != nil || g.Collocated != nil }) {
		return true
	}
	if d.Properties.StopRemovedResources != nil || slices.ContainsFunc(d.Fences, func(f resources.FenceDevice) bool { return f.LeaveOff }) {
		return true
	}
	delayed := func(o resources.Operation) bool { return o.Name == resources.OpStart && o.StartDelay != 0 }
	for _, list := range [][]resources.Resource{d.Resources, d.Templates} {
		if slices.ContainsFunc(list, func(r resources.Resource) bool { return slices.ContainsFunc(r.Ops, delayed) }) {
			return true
		}
	}
	if unpromoted(d) {
		return true
	}
	for i := range d.Locations {
		rule, err := resources.ParseRule(d.Locations[i].Rule)
		if asks := rule.Asks(); err == nil && (asks.Params || asks.Site) {
			return true
		}
	}
	return false
}

// unpromoted reports whether a colocation is about copies that are not promoted.
func unpromoted(d *resources.Definition) bool {
	for _, c := range d.Colocations {
		if c.Role != resources.RoleStarted && c.WithRole != resources.RoleStarted &&
			!slices.ContainsFunc(c.Sets, func(s resources.ResourceSet) bool { return s.Role == resources.RoleStarted }) {
			continue
		}
		for _, pair := range d.Resolved().Colocations {
			if pair.Role == resources.RoleStarted && promotable(d, pair.Resource) || pair.WithRole == resources.RoleStarted && promotable(d, pair.With) {
				return true
			}
		}
		return false
	}
	return false
}

func promotable(d *resources.Definition, id resources.ResourceID) bool {
	if g, found := d.GroupOf(id); found {
		id = g.ID
	}
	if g, found := d.Group(id); found {
		return g.Clone != nil && g.Clone.Promotable
	}
	r, found := d.Resource(id)
	return found && r.Clone != nil && r.Clone.Promotable
}
