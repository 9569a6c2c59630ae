package state

import (
	"fmt"

	"github.com/belay-ha/belay/resources"
)

// noneSuch rejects a command that names something that is not there, with the
// name that was likely meant. The format has one verb, for the
// name; the reason may be empty.
func noneSuch[K ~string](reason RejectionReason, format string, name K, known []K) error {
	names := make([]string, len(known))
	for i, k := range known {
		names[i] = string(k)
	}
	text := fmt.Sprintf(format, name)
	if best, near := resources.Nearest(string(name), names); near {
		text += fmt.Sprintf(": did you mean %q?", best)
	}
	return rejectFor(NotFound, reason, "%s", text)
}

// keys are the names of a map's entries, in no order: only the nearest counts,
// and Nearest sorts.
func keys[K ~string, V any](entries map[K]V) []K {
	names := make([]K, 0, len(entries))
	for name := range entries {
		names = append(names, name)
	}
	return names
}

func (t *tx) noNode(name resources.NodeName) error {
	return noneSuch(ReasonUnknownNode, "node %q is not a member", name, keys(t.s.Nodes))
}

func (t *tx) noResource(id resources.ResourceID) error {
	var ids []resources.ResourceID
	for _, r := range t.s.Definition.Resources {
		ids = append(ids, r.ID)
	}
	for _, g := range t.s.Definition.Groups {
		ids = append(ids, g.ID)
	}
	for _, b := range t.s.Definition.Bundles {
		ids = append(ids, b.ID)
	}
	return noneSuch(ReasonUnknownResource, "resource %q is not defined", id, ids)
}

// checkPlaced refuses a name that is none of a resource, a group or a bundle. The
// parts of a bundle have no place of their own.
func (t *tx) checkPlaced(id resources.ResourceID) error {
	d := t.s.Definition
	if b, part := d.PartOf(id); part {
		return reject(Invalid, "%s is a part of bundle %s: name the bundle", id, b.ID)
	}
	_, isResource := d.Resource(id)
	_, isGroup := d.Group(id)
	_, isBundle := d.Bundle(id)
	if !isResource && !isGroup && !isBundle {
		return t.noResource(id)
	}
	return nil
}
