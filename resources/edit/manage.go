package edit

import "github.com/belay-ha/belay/resources"

// Enable lets resources, groups or bundles run. What the defaults or a template have
// stopped says so itself then; a member of a group that is stopped is refused.
func Enable(def *resources.Definition, names []string) (*resources.Definition, error) {
	changed, err := withMetas(def, names, func(m *resources.Meta) { m.TargetRole = nil })
	if err != nil {
		return nil, err
	}
	stops := func(m resources.Meta) bool {
		return resources.Or(m.TargetRole, resources.RoleUnknown) == resources.RoleStopped
	}
	for _, name := range names {
		id, err := Resolve(changed, name)
		if err != nil {
			return nil, err
		}
		if g, member := changed.GroupOf(id); member && stops(g.Meta) {
			return nil, errorf("use: belayctl resource enable "+string(g.ID), "%q is disabled with its group %q", id, g.ID)
		}
		if stops(inherited(changed, id)) {
			m, _ := meta(changed, string(id))
			started := resources.RoleStarted
			m.TargetRole = &started
		}
	}
	return changed, nil
}

// Disable stops resources, groups or bundles and keeps them stopped.
func Disable(def *resources.Definition, names []string) (*resources.Definition, error) {
	return withMetas(def, names, func(m *resources.Meta) { m.TargetRole = stopped() })
}

// Manage lets the cluster start and stop resources, groups or bundles again. What its
// group, a template or the defaults have unmanaged says so itself then.
func Manage(def *resources.Definition, names []string) (*resources.Definition, error) {
	changed, err := withMetas(def, names, func(m *resources.Meta) { m.Managed = nil })
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		id, err := Resolve(changed, name)
		if err != nil {
			return nil, err
		}
		above := inherited(changed, id)
		if g, member := changed.GroupOf(id); member {
			above = g.Meta.Over(above)
		}
		if !resources.Or(above.Managed, true) {
			m, _ := meta(changed, string(id))
			yes := true
			m.Managed = &yes
		}
	}
	return changed, nil
}

// Unmanage leaves resources, groups or bundles as they are.
func Unmanage(def *resources.Definition, names []string) (*resources.Definition, error) {
	no := false
	return withMetas(def, names, func(m *resources.Meta) { m.Managed = &no })
}

// inherited is what holds for something that says nothing itself: its template's
// meta-attributes, then the defaults. Rules and groups are not looked at.
func inherited(def *resources.Definition, id resources.ResourceID) resources.Meta {
	above := def.Defaults.Resource
	if r, found := def.Resource(id); found && r.Template != "" {
		for i := range def.Templates {
			if def.Templates[i].ID == r.Template {
				above = def.Templates[i].Meta.Over(above)
			}
		}
	}
	return above
}

// withMetas changes the meta-attributes of everything that is named.
func withMetas(def *resources.Definition, names []string, change func(*resources.Meta)) (*resources.Definition, error) {
	if len(names) == 0 {
		return nil, errorf("name a resource or a group", "nothing to change")
	}
	changed := def.Clone()
	for _, name := range names {
		m, err := meta(changed, name)
		if err != nil {
			return nil, err
		}
		change(m)
	}
	return changed, nil
}
