package definition

import (
	"fmt"
	"strings"

	"github.com/belay-ha/belay/resources"
)

func value[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}

// once reports settings that an earlier file holds already.
func (d *decoder) once(i *item, path string) {
	for _, key := range i.node.keys {
		if earlier, taken := d.places[path+"."+key]; taken {
			i.problem(i.rel+"."+key, i.node.keyAt[key], resources.ProblemDuplicate, "", "is set already at %s:%d", earlier.file, earlier.Line)
		}
	}
}

func (d *decoder) cluster(i *item) {
	if name := i.text("name"); name != "" {
		if d.def.Name != "" && d.def.Name != name {
			i.problem(".name", i.valueAt("name"), resources.ProblemConflict, "", "%q is another cluster than %q of %s", name, d.def.Name, d.places["cluster.name"].file)
		}
		d.def.Name = name
	}
	if p := i.inner("properties"); p != nil {
		d.once(p, "cluster.properties")
		d.properties(p)
		p.unknown()
	}
	d.def.Cluster.When = append(d.def.Cluster.When, i.propertyWhens(len(d.def.Cluster.When))...)
	i.done("cluster")
}

func (d *decoder) properties(i *item) {
	p := &d.def.Properties
	for key, field := range map[string]**bool{
		"symmetric_cluster": &p.SymmetricCluster, "fencing_enabled": &p.FencingEnabled, "start_failure_is_fatal": &p.StartFailureIsFatal,
		"stop_removed_resources": &p.StopRemovedResources,
	} {
		set(field, i.truth(key))
	}
	p.MaintenanceMode = p.MaintenanceMode || value(i.truth("maintenance_mode"))
	p.StopAllResources = p.StopAllResources || value(i.truth("stop_all_resources"))
	for key, field := range map[string]*resources.Duration{
		"fencing_timeout": &p.FencingTimeout, "lease": &p.Lease, "startup_grace": &p.StartupGrace, "fence_window": &p.FenceWindow,
		"fence_limit_window": &p.FenceLimitWindow, "priority_fencing_delay": &p.PriorityFencingDelay,
	} {
		if given := i.duration(key); given != nil {
			*field = *given
		}
	}
	set(&p.FenceQuarantine, i.duration("fence_quarantine"))
	set(&p.FenceCheckInterval, i.duration("fence_check_interval"))
	if n := i.number("fence_budget"); n != nil {
		p.FenceBudget = *n
	}
	if n := i.number("fence_limit"); n != nil {
		p.FenceLimit = *n
	}
	if text := i.text("no_quorum_policy"); text != "" {
		p.NoQuorumPolicy = resources.NoQuorumPolicy(text)
	}
	if text := i.text("placement_strategy"); text != "" {
		p.PlacementStrategy = resources.PlacementStrategy(text)
	}
	if text := i.text("node_health_strategy"); text != "" {
		p.NodeHealthStrategy = resources.NodeHealthStrategy(text)
	}
	for key, field := range map[string]**resources.Score{
		"node_health_base": &p.NodeHealthBase, "node_health_green": &p.NodeHealthGreen,
		"node_health_yellow": &p.NodeHealthYellow, "node_health_red": &p.NodeHealthRed,
	} {
		set(field, i.score(key))
	}
	if text := i.text("fencing_action"); text != "" {
		p.FencingAction = resources.FencingAction(text)
	}
}

func set[T any](field **T, given *T) {
	if given != nil {
		*field = given
	}
}

func (d *decoder) defaultMeta(i *item) {
	d.once(i, "defaults.resource")
	i.meta(&d.def.Defaults.Resource)
	i.done("defaults.resource")
}

func (d *decoder) defaultOp(i *item) {
	d.once(i, "defaults.op")
	i.defaultOp(&d.def.Defaults.Op)
	i.done("defaults.op")
}

// defaultOp reads defaults of operations.
func (i *item) defaultOp(op *resources.Operation) {
	if given := i.duration("interval"); given != nil {
		op.Interval = *given
	}
	if given := i.duration("timeout"); given != nil {
		op.Timeout = *given
	}
	if text := i.text("on_fail"); text != "" {
		op.OnFail = resources.OnFail(text)
	}
	set(&op.Enabled, i.truth("enabled"))
}

func (d *decoder) node(i *item) {
	n := resources.Node{When: i.nodeWhens(), Name: resources.NodeName(i.text("name")), Kind: resources.NodeKind(i.text("kind")), Address: i.text("address"), Attributes: i.flat("attributes"), Utilization: i.amounts("utilization")}
	d.def.Nodes = append(d.def.Nodes, n)
	i.done(d.paths.Next("node", string(n.Name)))
}

func (d *decoder) fence(i *item) {
	f := resources.FenceDevice{
		ID: i.text("id"), Agent: i.text("agent"), Level: value(i.number("level")), Params: i.flat("params"),
		HostParam: i.text("host_param"), Delay: value(i.duration("delay")), DelayMax: value(i.duration("delay_max")), Timeout: value(i.duration("timeout")),
		UnsafeCycle: value(i.truth("unsafe_cycle")), LeaveOff: value(i.truth("leave_off")), Provides: resources.Provides(i.text("provides")), UnsafeCut: value(i.truth("unsafe_cut")),
	}
	for name, plug := range i.flat("host_map") {
		if f.HostMap == nil {
			f.HostMap = map[resources.NodeName]string{}
		}
		f.HostMap[resources.NodeName(name)] = plug
	}
	for _, target := range i.texts("targets") {
		f.Targets = append(f.Targets, resources.NodeName(target))
	}
	d.def.Fences = append(d.def.Fences, f)
	i.done(d.paths.Next("fence", f.ID))
}

func (d *decoder) resource(i *item) {
	r := i.primitive()
	r.Template, r.Clone = resources.ResourceID(i.text("template")), i.clone()
	d.def.Resources = append(d.def.Resources, r)
	i.done(d.paths.Next("resource", string(r.ID)))
}

func (d *decoder) template(i *item) {
	t := i.primitive()
	d.def.Templates = append(d.def.Templates, t)
	i.done(d.paths.Next("template", string(t.ID)))
}

// primitive reads what resources and templates have in common.
func (i *item) primitive() resources.Resource {
	r := resources.Resource{
		ID: resources.ResourceID(i.text("id")), Agent: i.text("agent"), Params: i.flat("params"),
		Utilization: i.amounts("utilization"), Ops: i.operations(), When: i.whens(),
	}
	if meta := i.inner("meta"); meta != nil {
		meta.meta(&r.Meta)
		meta.unknown()
	}
	return r
}

func (d *decoder) group(i *item) {
	g := resources.Group{
		ID: resources.ResourceID(i.text("id")), Clone: i.clone(), When: i.whens(), Ordered: i.truth("ordered"), Collocated: i.truth("collocated"),
	}
	for _, m := range i.texts("members") {
		g.Members = append(g.Members, resources.ResourceID(m))
	}
	if meta := i.inner("meta"); meta != nil {
		meta.meta(&g.Meta)
		meta.unknown()
	}
	d.def.Groups = append(d.def.Groups, g)
	i.done(d.paths.Next("group", string(g.ID)))
}

func (i *item) meta(m *resources.Meta) {
	set(&m.Priority, i.score("priority"))
	if _, given := i.values["target_role"]; given {
		role := i.role("target_role")
		m.TargetRole = &role
	} else {
		i.known = append(i.known, "target_role")
	}
	set(&m.Managed, i.truth("managed"))
	set(&m.Maintenance, i.truth("maintenance"))
	set(&m.Stickiness, i.score("resource_stickiness"))
	if text := i.text("requires"); text != "" {
		requires := resources.Requires(text)
		m.Requires = &requires
	}
	set(&m.MigrationThreshold, i.threshold("migration_threshold"))
	set(&m.FailureTimeout, i.duration("failure_timeout"))
	if text := i.text("multiple_active"); text != "" {
		active := resources.MultipleActive(text)
		m.MultipleActive = &active
	}
	set(&m.Critical, i.truth("critical"))
	set(&m.AllowUnhealthyNodes, i.truth("allow_unhealthy_nodes"))
	set(&m.AllowMigrate, i.truth("allow_migrate"))
	if text := i.text("container_attribute_target"); text != "" {
		m.AttributeTarget = resources.AttributeTarget(text)
	}
	if text := i.text("remote_node"); text != "" {
		m.RemoteNode = resources.NodeName(text)
	}
}

// threshold reads a count where INFINITY, as in Pacemaker, means never.
func (i *item) threshold(key string) *int {
	if text, isText := i.values[key].(string); isText && strings.EqualFold(text, "INFINITY") {
		i.get(key)
		never := 0
		return &never
	}
	return i.number(key)
}

func (i *item) clone() *resources.Clone {
	if truth, isTruth := i.values["clone"].(bool); isTruth {
		i.get("clone")
		if !truth {
			return nil
		}
		return &resources.Clone{}
	}
	sub := i.inner("clone")
	if sub == nil {
		return nil
	}
	c := &resources.Clone{
		Max: sub.number("clone_max"), NodeMax: sub.number("clone_node_max"), Min: sub.number("clone_min"),
		GloballyUnique: value(sub.truth("globally_unique")), Interleave: value(sub.truth("interleave")),
		Ordered: value(sub.truth("ordered")), Notify: value(sub.truth("notify")), Promotable: value(sub.truth("promotable")),
		PromotedMax: sub.number("promoted_max"), PromotedNodeMax: sub.number("promoted_node_max"),
	}
	sub.unknown()
	return c
}

// operations reads [resource.op.NAME], and [[resource.op.NAME]] for several
// monitors, in the order of the text.
func (i *item) operations() []resources.Operation {
	all := i.inner("op")
	if all == nil {
		return nil
	}
	var ops []resources.Operation
	for _, name := range all.node.keys {
		given, ok := all.get(name)
		if !ok {
			continue
		}
		list := []map[string]any{nil}
		var nodes []*node
		if single, isTable := given.(map[string]any); isTable {
			list[0] = single
			nodes = []*node{all.node.child(name)}
		} else {
			list = tableList(given)
			nodes = all.node.child(name).items
		}
		for n, values := range list {
			if values == nil || n >= len(nodes) {
				all.wrong(name, "a table or a list of tables", given)
				break
			}
			key := name
			if n > 0 {
				key = fmt.Sprintf("%s#%d", name, n+1)
			}
			sub := all.under(key, values, nodes[n])
			all.notes.places = append(all.notes.places, note{rel: sub.rel, at: nodes[n].position()})
			ops = append(ops, sub.operation(resources.Op(name)))
			sub.unknown()
		}
	}
	return ops
}

func (i *item) operation(name resources.Op) resources.Operation {
	return resources.Operation{
		Name: name, Interval: value(i.duration("interval")), Timeout: value(i.duration("timeout")),
		StartDelay: value(i.duration("start_delay")),
		Role:       i.role("role"), OnFail: resources.OnFail(i.text("on_fail")), Enabled: i.truth("enabled"),
		Params: i.flat("params"),
	}
}

// flat reads a table of parameters: nested tables become dotted names, numbers
// and truth values the text that they were written as.
func (i *item) flat(key string) map[string]string {
	sub := i.inner(key)
	if sub == nil {
		return nil
	}
	flat := map[string]string{}
	sub.flatten("", flat, 0)
	if len(flat) == 0 {
		return nil
	}
	return flat
}

// amounts reads a table of whole numbers.
func (i *item) amounts(key string) resources.Utilization {
	sub := i.inner(key)
	if sub == nil {
		return nil
	}
	amounts := resources.Utilization{}
	for _, name := range sub.node.keys {
		if n := sub.number(name); n != nil {
			amounts[name] = *n
		}
	}
	if len(amounts) == 0 {
		return nil
	}
	return amounts
}

func (i *item) flatten(prefix string, flat map[string]string, depth int) {
	if depth > maxNesting {
		i.problem(i.rel, i.node.position(), resources.ProblemInvalid, "", "nested more than %d deep", maxNesting)
		return
	}
	for _, key := range i.node.keys {
		given, ok := i.get(key)
		if !ok {
			continue
		}
		name := prefix + key
		text := ""
		switch v := given.(type) {
		case map[string]any:
			i.under(key, v, i.node.child(key)).flatten(name+".", flat, depth+1)
			continue
		case string:
			text = v
		case bool, int64:
			text = fmt.Sprint(v)
		case float64:
			text = strings.ReplaceAll(i.node.child(key).raw, "_", "")
		default:
			i.problem(i.rel+"."+key, i.valueAt(key), ProblemType, "write the values in one text", "must be text, a number, true or false, or a table, not %s", kindOf(given))
			continue
		}
		if _, taken := flat[name]; taken {
			i.problem(i.rel+"."+key, i.valueAt(key), resources.ProblemDuplicate, "", "%q is given twice", name)
		}
		flat[name] = text
	}
}
