package resources

import "slices"

// meanings are what a definition says by several fields together, or by the text of
// one, and that earlier command sets read and would understand otherwise.
var meanings = []struct {
	since int
	// find reports the path of each such thing.
	find func(d *Definition, found func(path string))
}{
	{4, remotePlaces},
	{5, delayedStarts},
	{5, unpromotedColocations},
}

// ruleSince returns the first command set that understands the text of a rule. One
// that cannot be read, which Validate refuses, needs nothing.
func ruleSince(text string) int {
	rule, err := ParseRule(text)
	if err != nil {
		return 1
	}
	asks := rule.Asks()
	switch {
	case asks.Params || asks.Site:
		return 5
	case asks.Leader || rule.Timed():
		return 4
	}
	return 1
}

// remotePlaces finds locations of remote nodes, which place nothing before the
// fourth command set.
func remotePlaces(d *Definition, found func(path string)) {
	for i := range d.Locations {
		if l := &d.Locations[i]; d.Remote(NodeName(l.Resource)) {
			found("location[" + l.ID + "].resource")
		}
	}
}

// delayedStarts finds starts with a delay, which waits before the fifth command set
// for monitors only.
func delayedStarts(d *Definition, found func(path string)) {
	look := func(kind string, list []Resource) {
		for i := range list {
			if slices.ContainsFunc(list[i].Ops, func(o Operation) bool { return o.Name == OpStart && o.StartDelay != 0 }) {
				found(kind + "[" + string(list[i].ID) + "].op.start.start_delay")
			}
		}
	}
	look("template", d.Templates)
	look("resource", d.Resources)
}

// unpromotedColocations finds colocations that are about copies which are not
// promoted; before the fifth command set they are about all copies.
func unpromotedColocations(d *Definition, found func(path string)) {
	var resolved *Definition
	for i := range d.Colocations {
		c := &d.Colocations[i]
		if c.Role != RoleStarted && c.WithRole != RoleStarted && !slices.ContainsFunc(c.Sets, func(s ResourceSet) bool { return s.Role == RoleStarted }) {
			continue
		}
		if resolved == nil {
			resolved = d.Resolved()
		}
		for _, pair := range resolved.Colocations { // constraints keep their ids
			if pair.ID == c.ID && (pair.Role == RoleStarted && d.promotable(pair.Resource) || pair.WithRole == RoleStarted && d.promotable(pair.With)) {
				found("colocation[" + c.ID + "]")
				break
			}
		}
	}
}

// promotable reports whether copies of a resource, or of its group, are promoted.
func (d *Definition) promotable(id ResourceID) bool {
	if g, found := d.GroupOf(id); found {
		id = g.ID
	}
	if g, found := d.Group(id); found {
		return g.Clone != nil && g.Clone.Promotable
	}
	r, found := d.Resource(id)
	return found && r.Clone != nil && r.Clone.Promotable
}
