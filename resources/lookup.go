package resources

import (
	"encoding/json"
	"slices"
)

// Resource returns the primitive or clone template with the id, or the part of a
// bundle, which must not be changed.
func (d *Definition) Resource(id ResourceID) (*Resource, bool) {
	i := slices.IndexFunc(d.Resources, func(r Resource) bool { return r.ID == id })
	if i < 0 {
		return d.bundlePart(id)
	}
	return &d.Resources[i], true
}

// Effective returns the resource with the id as it is run: with what it does not
// say itself taken from its template. The result is not to be changed.
func (d *Definition) Effective(id ResourceID) (*Resource, bool) {
	r, found := d.Resource(id)
	if !found || r.Template == "" {
		return r, found
	}
	i := slices.IndexFunc(d.Templates, func(t Resource) bool { return t.ID == r.Template })
	if i < 0 {
		return r, true
	}
	merged := r.from(&d.Templates[i])
	return &merged, true
}

// Group returns the group with the id.
func (d *Definition) Group(id ResourceID) (*Group, bool) {
	i := slices.IndexFunc(d.Groups, func(g Group) bool { return g.ID == id })
	if i < 0 {
		return nil, false
	}
	return &d.Groups[i], true
}

// GroupOf returns the group that the resource is a member of.
func (d *Definition) GroupOf(id ResourceID) (*Group, bool) {
	i := slices.IndexFunc(d.Groups, func(g Group) bool { return slices.Contains(g.Members, id) })
	if i < 0 {
		return nil, false
	}
	return &d.Groups[i], true
}

// Holds reports whether a constraint on id is about the primitive r: its own id, that
// of its group, or that of its bundle, where it is what runs in it or, if nothing
// does, one of its containers.
func (d *Definition) Holds(id, r ResourceID) bool {
	if id == r {
		return true
	}
	if g, found := d.Group(id); found {
		return slices.Contains(g.Members, r)
	}
	b, found := d.Bundle(id)
	if !found || b.Resource != "" {
		return found && b.Resource == r
	}
	for replica := range b.Count() {
		if b.Container(replica) == r {
			return true
		}
	}
	return false
}

// Node returns what the definition says of a node.
func (d *Definition) Node(name NodeName) (*Node, bool) {
	i := slices.IndexFunc(d.Nodes, func(n Node) bool { return n.Name == name })
	if i < 0 {
		return nil, false
	}
	return &d.Nodes[i], true
}

// Remote reports whether the definition says that a node never votes.
func (d *Definition) Remote(name NodeName) bool {
	n, found := d.Node(name)
	return found && n.Kind == NodeRemote
}

// FencesOf returns the devices that can fence the node, lowest level first,
// in the definition's order within a level.
func (d *Definition) FencesOf(name NodeName) []FenceDevice {
	var devices []FenceDevice
	for _, f := range d.Fences {
		if slices.Contains(f.Targets, name) {
			devices = append(devices, f)
		}
	}
	slices.SortStableFunc(devices, func(a, b FenceDevice) int { return a.level() - b.level() })
	return devices
}

// UnfencedBy returns the devices that unfence the node, in the order of FencesOf.
func (d *Definition) UnfencedBy(name NodeName) []FenceDevice {
	return slices.DeleteFunc(d.FencesOf(name), func(f FenceDevice) bool { return f.Provides != ProvidesUnfencing })
}

// LeavesOff reports whether one of the node's devices leaves it off.
func (d *Definition) LeavesOff(name NodeName) bool {
	return slices.ContainsFunc(d.FencesOf(name), func(f FenceDevice) bool { return f.LeaveOff })
}

// Cuts reports whether the device of that id cuts nodes off from something
// instead of their power.
func (d *Definition) Cuts(device string) bool {
	return slices.ContainsFunc(d.Fences, func(f FenceDevice) bool { return f.ID == device && f.Provides == ProvidesUnfencing })
}

// Unfences reports whether some resource requires unfencing, or some device
// provides it: then every resource requires it that does not say otherwise, as in
// Pacemaker.
func (d *Definition) Unfences() bool {
	requires := func(m *Meta) bool { return Or(m.Requires, "") == RequiresUnfencing }
	return slices.ContainsFunc(d.Fences, func(f FenceDevice) bool { return f.Provides == ProvidesUnfencing }) ||
		requires(&d.Defaults.Resource) ||
		slices.ContainsFunc(d.Resources, func(r Resource) bool { return requires(&r.Meta) }) ||
		slices.ContainsFunc(d.Groups, func(g Group) bool { return requires(&g.Meta) }) ||
		slices.ContainsFunc(d.Bundles, func(b Bundle) bool { return requires(&b.Meta) }) ||
		slices.ContainsFunc(d.whenMetas(), func(m Meta) bool { return requires(&m) })
}

// Fenced reports whether a fence device of that id is defined for the node.
func (d *Definition) Fenced(device string, node NodeName) bool {
	return slices.ContainsFunc(d.Fences, func(f FenceDevice) bool { return f.ID == device && slices.Contains(f.Targets, node) })
}

func (f *FenceDevice) level() int { return max(f.Level, 1) }

// Clone returns a deep copy that shares nothing with d.
func (d *Definition) Clone() *Definition {
	data, err := json.Marshal(d)
	if err != nil {
		panic("resources: a definition holds only plain data: " + err.Error())
	}
	var copied Definition
	if err := json.Unmarshal(data, &copied); err != nil {
		panic("resources: a definition reads back what it wrote: " + err.Error())
	}
	return &copied
}

// Or returns the value that the pointer holds, or the default when it is nil.
func Or[T any](value *T, byDefault T) T {
	if value == nil {
		return byDefault
	}
	return *value
}
