package edit

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/belay-ha/belay/resources"
)

// CreateResource adds a resource. Words are
//
//	ID AGENT [NAME=VALUE…] [op NAME NAME=VALUE…]… [meta NAME=VALUE…]
//	[--clone [NAME=VALUE…] | --promotable [NAME=VALUE…] | --group GROUP [--before ID | --after ID]] [--disabled]
//
// in any order after the agent; flags may also stand before the id. The dashes of --clone, --promotable and --group
// may be left out, and --master is --promotable.
func CreateResource(def *resources.Definition, words []string) (*resources.Definition, error) {
	words = flagsLast(words)
	if len(words) < 2 || strings.HasPrefix(words[0], "-") || strings.HasPrefix(words[1], "-") || strings.Contains(words[1], "=") {
		return nil, errorf("write ID AGENT [NAME=VALUE...]", "a resource needs an id and an agent")
	}
	s, err := parseSettings(words[2:])
	if err != nil {
		return nil, err
	}
	if !utf8.ValidString(words[0] + words[1]) {
		return nil, errorf("", "%q is not UTF-8", words[0]+" "+words[1])
	}
	id := resources.ResourceID(words[0])
	if slices.Contains(ids(def), words[0]) {
		return nil, errorf("use: belayctl resource update "+words[0], "%q is there already", id)
	}
	if s.cloned && s.group != "" {
		return nil, errorf("clone the group instead", "a member of a group has no clone of its own")
	}
	if (s.before != "" || s.after != "") && s.group == "" {
		return nil, errorf("", "--before and --after need --group")
	}
	r := resources.Resource{ID: id, Agent: words[1]}
	if s.cloned {
		r.Clone = &resources.Clone{Promotable: s.promotable}
	}
	if err := s.into(&r, true); err != nil {
		return nil, err
	}
	if s.disabled {
		r.Meta.TargetRole = stopped()
	}
	changed := def.Clone()
	changed.Resources = append(changed.Resources, r)
	if s.group != "" {
		if err := join(changed, s.group, []resources.ResourceID{id}, s.before, s.after); err != nil {
			return nil, err
		}
	}
	return changed, nil
}

func stopped() *resources.Role {
	role := resources.RoleStopped
	return &role
}

// into stores the settings in a resource. Options of the clone may stand in the
// meta section and the other way round, as in pcs.
func (s *settings) into(r *resources.Resource, created bool) error {
	for _, p := range s.params {
		setParam(&r.Params, p)
	}
	var metaPairs, clonePairs []pair
	for _, p := range slices.Concat(s.meta, s.clone) {
		if isCloneOption(p.name) && (r.Clone != nil || !isMeta(p.name)) {
			clonePairs = append(clonePairs, p)
		} else {
			metaPairs = append(metaPairs, p)
		}
	}
	if len(clonePairs) > 0 && r.Clone == nil {
		return errorf("add --clone or --promotable", "%s is an option of clones, and %q is none", clonePairs[0].name, r.ID)
	}
	if r.Clone != nil {
		if err := apply("clone option", cloneSetters(r.Clone), cloneAliases, clonePairs); err != nil {
			return err
		}
	}
	if err := apply("meta-attribute", metaSetters(&r.Meta), metaAliases, metaPairs); err != nil {
		return err
	}
	for _, words := range s.ops {
		if err := words.into(r, created); err != nil {
			return err
		}
	}
	return nil
}

// into stores one operation: it changes the one that the words mean, or adds
// one. A new resource may be given several monitors.
func (w opWords) into(r *resources.Resource, created bool) error {
	if !slices.Contains(opNames, w.name) {
		return unknown("operation", string(w.name), opNames)
	}
	wish := resources.Operation{Name: w.name}
	if err := apply("operation setting", opSetters(&wish), nil, w.pairs); err != nil {
		return err
	}
	at := -1
	if !created || w.name != resources.OpMonitor {
		var err error
		if at, err = w.find(r.Ops, wish); err != nil {
			return err
		}
	}
	if at < 0 {
		r.Ops = insertOp(r.Ops, wish)
		return nil
	}
	if err := apply("operation setting", opSetters(&r.Ops[at]), nil, w.pairs); err != nil {
		return err
	}
	if bare := r.Ops[at]; !created && bare.Only(w.name) {
		r.Ops = slices.Delete(r.Ops, at, at+1)
	}
	return nil
}

// find returns the operation that the words mean, or -1 for a new one. A
// monitor is told from others by its role, and where that is not enough by its
// interval.
func (w opWords) find(ops []resources.Operation, wish resources.Operation) (int, error) {
	var same, exact []int
	for i, op := range ops {
		if op.Name != w.name || op.Role != wish.Role && w.name == resources.OpMonitor {
			continue
		}
		same = append(same, i)
		if op.Interval == wish.Interval {
			exact = append(exact, i)
		}
	}
	switch {
	case len(same) == 0:
		return -1, nil
	case len(same) == 1:
		return same[0], nil
	case len(exact) > 0:
		return exact[0], nil
	case wish.Interval != 0:
		return -1, nil
	}
	return 0, errorf("add interval=TIME", "there are %d such monitors", len(same))
}

// insertOp keeps operations of one name together.
func insertOp(ops []resources.Operation, op resources.Operation) []resources.Operation {
	for i := len(ops) - 1; i >= 0; i-- {
		if ops[i].Name == op.Name {
			return slices.Insert(ops, i+1, op)
		}
	}
	return append(ops, op)
}

// UpdateResource changes a resource: ID and then words as in CreateResource.
// NAME= removes a value.
func UpdateResource(def *resources.Definition, words []string) (*resources.Definition, error) {
	if len(words) < 2 {
		return nil, errorf("write ID NAME=VALUE", "nothing to update")
	}
	changed := def.Clone()
	id, err := Resolve(changed, words[0])
	if err != nil {
		return nil, err
	}
	s, err := parseSettings(words[1:])
	if err != nil {
		return nil, err
	}
	if s.group != "" || s.cloned || s.before != "" || s.after != "" {
		return nil, errorf("use: belayctl resource group add, or belayctl resource clone", "update changes settings only")
	}
	if g, isGroup := changed.Group(id); isGroup {
		return changed, s.intoGroup(g)
	}
	if _, isBundle := changed.Bundle(id); isBundle {
		return nil, errorf("use belayctl resource meta, or edit what belayctl export writes and apply it", "%q is a bundle", id)
	}
	r, _ := changed.Resource(id)
	if err := s.into(r, false); err != nil {
		return nil, err
	}
	if s.disabled {
		r.Meta.TargetRole = stopped()
	}
	return changed, nil
}

func (s *settings) intoGroup(g *resources.Group) error {
	if len(s.params) > 0 || len(s.ops) > 0 {
		return errorf("update its members", "the group %q has meta-attributes only", g.ID)
	}
	asResource := resources.Resource{ID: g.ID, Meta: g.Meta, Clone: g.Clone}
	if err := s.into(&asResource, false); err != nil {
		return err
	}
	g.Meta, g.Clone = asResource.Meta, asResource.Clone
	if s.disabled {
		g.Meta.TargetRole = stopped()
	}
	return nil
}

// SetMeta changes the meta-attributes of a resource or group; NAME= removes one.
func SetMeta(def *resources.Definition, id string, words []string) (*resources.Definition, error) {
	pairs, err := somePairs(words)
	if err != nil {
		return nil, err
	}
	changed := def.Clone()
	m, err := meta(changed, id)
	if err != nil {
		return nil, err
	}
	if err := apply("meta-attribute", metaSetters(m), metaAliases, pairs); err != nil {
		return nil, err
	}
	return changed, nil
}

// CloneResource makes a resource or group run on several nodes, or changes the
// options of its clone: ID and then NAME=VALUE.
func CloneResource(def *resources.Definition, words []string, promotable bool) (*resources.Definition, error) {
	if len(words) == 0 {
		return nil, errorf("name a resource or a group", "nothing to clone")
	}
	changed := def.Clone()
	id, err := Resolve(changed, words[0])
	if err != nil {
		return nil, err
	}
	options := slices.DeleteFunc(slices.Clone(words[1:]), func(word string) bool { return word == "meta" })
	pairs, err := splitPairs(options)
	if err != nil {
		return nil, err
	}
	if _, isBundle := changed.Bundle(id); isBundle {
		return nil, errorf("give it replicas", "%q is a bundle", id)
	}
	field, m := cloneOf(changed, id)
	if *field == nil {
		*field = &resources.Clone{}
	}
	(*field).Promotable = (*field).Promotable || promotable
	s := settings{clone: pairs}
	asResource := resources.Resource{ID: id, Meta: *m, Clone: *field}
	if err := s.into(&asResource, false); err != nil {
		return nil, err
	}
	*m = asResource.Meta
	return changed, nil
}

func cloneOf(def *resources.Definition, id resources.ResourceID) (**resources.Clone, *resources.Meta) {
	if r, ok := def.Resource(id); ok {
		return &r.Clone, &r.Meta
	}
	g, _ := def.Group(id)
	return &g.Clone, &g.Meta
}

// UncloneResource makes a resource or group run once.
func UncloneResource(def *resources.Definition, name string) (*resources.Definition, error) {
	changed := def.Clone()
	id, err := Resolve(changed, name)
	if err != nil {
		return nil, err
	}
	if _, isBundle := changed.Bundle(id); isBundle {
		return nil, errorf("", "%q is a bundle, and no clone", id)
	}
	field, _ := cloneOf(changed, id)
	if *field == nil {
		return nil, errorf("", "%q is no clone", id)
	}
	*field = nil
	return changed, nil
}

// DeleteResource removes a resource, a group with its members, or a bundle with what
// runs in it. What refers
// to it goes too when cascade is set; else it is an error that lists it.
func DeleteResource(def *resources.Definition, name string, cascade bool) (*resources.Definition, error) {
	id, err := Resolve(def, name)
	if err != nil {
		return nil, err
	}
	doomed := []resources.ResourceID{id}
	if g, isGroup := def.Group(id); isGroup {
		doomed = append(doomed, g.Members...)
	}
	if b, isBundle := def.Bundle(id); isBundle && b.Resource != "" {
		doomed = append(doomed, b.Resource)
	}
	if !cascade {
		if uses := usesOf(def, doomed); len(uses) > 0 {
			return nil, errorf("remove them first, or add --cascade", "%q is used by %s", id, strings.Join(uses, ", "))
		}
	}
	changed := def.Clone()
	remove(changed, doomed)
	return changed, nil
}
