package edit

import (
	"slices"
	"strings"

	"github.com/belay-ha/belay/resources"
)

// AddToGroup puts resources at the end of a group, or before or after one of
// its members, and makes the group when there is none. Resources leave the
// group that they were in. Words are GROUP ID… [--before ID | --after ID].
func AddToGroup(def *resources.Definition, words []string) (*resources.Definition, error) {
	var names []string
	var before, after string
	for i := 0; i < len(words); i++ {
		flag, value, joined := strings.Cut(words[i], "=")
		if flag != "--before" && flag != "--after" {
			names = append(names, words[i])
			continue
		}
		if !joined {
			i++
			if i == len(words) {
				return nil, errorf("", "%s needs the name of a member", flag)
			}
			value = words[i]
		}
		if flag == "--before" {
			before = value
		} else {
			after = value
		}
	}
	if len(names) < 2 {
		return nil, errorf("write GROUP ID...", "a group needs a name and members")
	}
	changed := def.Clone()
	members := make([]resources.ResourceID, 0, len(names)-1)
	for _, name := range names[1:] {
		r, err := findResource(changed, name)
		if err != nil {
			return nil, err
		}
		if r.Clone != nil {
			return nil, errorf("use: belayctl resource unclone "+string(r.ID), "%q is a clone, and members of a group have none of their own", r.ID)
		}
		members = append(members, r.ID)
	}
	return changed, join(changed, names[0], members, before, after)
}

// join moves resources into a group of the definition, which it changes.
func join(def *resources.Definition, group string, members []resources.ResourceID, before, after string) error {
	id := resources.ResourceID(group)
	if _, isResource := def.Resource(id); isResource {
		return errorf("", "%q is a resource, not a group", id)
	}
	if before != "" && after != "" {
		return errorf("", "give --before or --after, not both")
	}
	if err := leave(def, id, members); err != nil {
		return err
	}
	g, found := def.Group(id)
	if !found {
		def.Groups = append(def.Groups, resources.Group{ID: id})
		g = &def.Groups[len(def.Groups)-1]
	}
	at := len(g.Members)
	if anchor := resources.ResourceID(before + after); anchor != "" {
		at = slices.Index(g.Members, anchor)
		if at < 0 {
			return unknown("member of "+group, string(anchor), g.Members)
		}
		if after != "" {
			at++
		}
	}
	g.Members = slices.Insert(g.Members, at, members...)
	return nil
}

// leave takes resources out of whatever group they are in. A group other than
// the one to join that becomes empty is removed.
func leave(def *resources.Definition, joins resources.ResourceID, members []resources.ResourceID) error {
	is := func(id resources.ResourceID) bool { return slices.Contains(members, id) }
	for i := len(def.Groups) - 1; i >= 0; i-- {
		g := &def.Groups[i]
		had := len(g.Members)
		g.Members = slices.DeleteFunc(g.Members, is)
		if len(g.Members) > 0 || had == 0 || g.ID == joins {
			continue
		}
		if uses := usesOf(def, []resources.ResourceID{g.ID}); len(uses) > 0 {
			return errorf("remove them first", "the group %q would be empty, and is used by %s", g.ID, strings.Join(uses, ", "))
		}
		def.Groups = slices.Delete(def.Groups, i, i+1)
	}
	return nil
}

// RemoveFromGroup takes resources out of a group; without resources it
// dissolves the group. The resources stay in the definition.
func RemoveFromGroup(def *resources.Definition, group string, names []string) (*resources.Definition, error) {
	changed := def.Clone()
	g, found := changed.Group(resources.ResourceID(group))
	if !found {
		var groups []resources.ResourceID
		for _, g := range def.Groups {
			groups = append(groups, g.ID)
		}
		return nil, unknown("group", group, groups)
	}
	members := slices.Clone(g.Members)
	if len(names) > 0 {
		members = nil
	}
	for _, name := range names {
		id, err := Resolve(changed, name)
		if err != nil {
			return nil, err
		}
		if !slices.Contains(g.Members, id) {
			return nil, unknown("member of "+group, name, g.Members)
		}
		members = append(members, id)
	}
	return changed, leave(changed, "", members)
}
