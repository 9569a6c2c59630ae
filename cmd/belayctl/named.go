package main

import (
	"context"
	"slices"
	"strings"

	"github.com/belay-ha/belay/resources"
	"github.com/belay-ha/belay/resources/edit"
)

// bare are the names of resources without the suffixes of pcs' wrappers, for where
// no definition is at hand that says which names are meant as they are.
func bare(words []string) []resources.ResourceID {
	ids := make([]resources.ResourceID, len(words))
	for i, word := range words {
		ids[i] = resources.ResourceID(strings.TrimSuffix(strings.TrimSuffix(word, "-clone"), "-master"))
	}
	return ids
}

// target is what a name means to a cluster.
type target struct {
	id resources.ResourceID
	// parts are what runs of it: itself, the members of a group, the parts of a
	// bundle.
	parts []resources.ResourceID
}

// target finds what a name means: a resource, a group, a bundle or a part of one, or
// what was taken out of the definition and is still known of on some node.
func (a *app) target(ctx context.Context, word string) (target, error) {
	def, err := a.definition(ctx)
	if err != nil {
		return target{}, err
	}
	itself := target{resources.ResourceID(word), []resources.ResourceID{resources.ResourceID(word)}}
	if _, part := def.PartOf(itself.id); part {
		return itself, nil
	}
	id, unknown := edit.Resolve(def, word)
	if unknown == nil {
		return target{id, partsOf(def, id)}, nil
	}
	status, err := a.status(ctx, false)
	if err != nil {
		return target{}, err
	}
	if slices.ContainsFunc(status.Resources, func(r instance) bool { return r.Resource == itself.id }) {
		return itself, nil
	}
	return target{}, unknown
}

// partsOf are the resources that something consists of: the members of a group, the
// parts of a bundle with what runs in its containers, or itself.
func partsOf(def *resources.Definition, id resources.ResourceID) []resources.ResourceID {
	if g, isGroup := def.Group(id); isGroup {
		return slices.Clone(g.Members)
	}
	if b, isBundle := def.Bundle(id); isBundle {
		parts := b.PartIDs()
		if b.Resource != "" {
			parts = append(parts, b.Resource)
		}
		return parts
	}
	return []resources.ResourceID{id}
}

// concerned are the resources that a change of the definition is about: what the
// words mean before or after it, with all that those consist of. What is taken out
// is only in the one, what is added only in the other.
func concerned(words []string, definitions ...*resources.Definition) []resources.ResourceID {
	var all []resources.ResourceID
	for _, word := range words {
		found := false
		for _, def := range definitions {
			if id, err := edit.Resolve(def, word); err == nil {
				all, found = append(append(all, id), partsOf(def, id)...), true
			}
		}
		if !found {
			all = append(all, bare([]string{word})...)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// leavesAlone reports whether a change of the definition has something left alone
// that was not: what is not done for that reason is then as asked.
func leavesAlone(old, new *resources.Definition) bool {
	before := unmanaged(old)
	for name := range unmanaged(new) {
		if !before[name] {
			return true
		}
	}
	return false
}

// unmanaged lists what a definition has left alone.
func unmanaged(def *resources.Definition) map[string]bool {
	all := map[string]bool{}
	add := func(name string, m resources.Meta) {
		if m.LeftAlone() {
			all[name] = true
		}
	}
	if def.Properties.MaintenanceMode {
		all["cluster"] = true
	}
	add("defaults", def.Defaults.Resource)
	for i := range def.Resources {
		add("resource "+string(def.Resources[i].ID), def.Resources[i].Meta)
	}
	for i := range def.Groups {
		add("resource "+string(def.Groups[i].ID), def.Groups[i].Meta)
	}
	for i := range def.Bundles {
		add("resource "+string(def.Bundles[i].ID), def.Bundles[i].Meta)
	}
	return all
}
