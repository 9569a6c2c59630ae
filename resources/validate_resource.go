package resources

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

func (v *validator) defaults() {
	v.meta("defaults.resource", v.def.Defaults.Resource)
	v.noGuest("defaults.resource", v.def.Defaults.Resource)
	v.defaultOp("defaults.op", v.def.Defaults.Op)
	v.defaultsWhens()
}

// defaultOp checks defaults of operations.
func (v *validator) defaultOp(path string, op Operation) {
	if op.Name != "" {
		v.add(ProblemInvalid, path+".name", "", "defaults hold for every operation and name none")
	}
	if op.Role != RoleUnknown {
		v.add(ProblemInvalid, path+".role", "", "defaults hold for every role")
	}
	v.spans(path, map[string]Duration{"interval": op.Interval, "timeout": op.Timeout})
	oneOf(v, path+".on_fail", op.OnFail, OnFailValues...)
}

func (v *validator) meta(path string, m Meta) {
	if m.Requires != nil {
		oneOf(v, path+".requires", *m.Requires, RequiresNothing, RequiresQuorum, RequiresFencing, RequiresUnfencing)
	}
	if m.MultipleActive != nil {
		oneOf(v, path+".multiple_active", *m.MultipleActive, MultipleActiveStopStart, MultipleActiveStopOnly, MultipleActiveBlock)
	}
	oneOf(v, path+".container_attribute_target", m.AttributeTarget, AttributesOfHost)
	if m.MigrationThreshold != nil {
		v.notNegative(path+".migration_threshold", *m.MigrationThreshold)
	}
	if m.FailureTimeout != nil {
		v.spans(path, map[string]Duration{"failure_timeout": *m.FailureTimeout})
	}
	if m.Stickiness != nil && *m.Stickiness < 0 {
		v.add(ProblemInvalid, path+".resource_stickiness", "", "%s is negative: a resource would run away from where it runs", *m.Stickiness)
	}
}

func (v *validator) resources() {
	var paths Paths
	for i := range v.def.Resources {
		path := paths.Next("resource", string(v.def.Resources[i].ID))
		v.template(path, &v.def.Resources[i])
		r := &v.resolved.Resources[i]
		v.id(path, "id", string(r.ID))
		v.meta(path+".meta", r.Meta)
		v.guest(path, r.Meta)
		info, known := v.agent(path, r)
		if known {
			v.params(path, r.ID, r.Params, info)
			if Or(r.Meta.AllowMigrate, false) && !info.Migrates {
				v.add(ProblemInvalid, path+".meta.allow_migrate", "leave it out: it is stopped and started", "agent %q cannot migrate", r.Agent)
			}
		}
		v.utilization(path, r.Utilization)
		v.clone(path, r.Clone)
		promotable := r.Clone != nil && r.Clone.Promotable
		if promotable && known && !info.Promotable {
			v.add(ProblemInvalid, path+".clone.promotable", "", "agent %q cannot promote", r.Agent)
		}
		if g := v.groupOf[r.ID]; g != nil && r.Clone != nil {
			v.add(ProblemConflict, path+".clone", fmt.Sprintf("clone the group %q instead", g.ID), "a member of a group has no clone of its own")
		} else if g != nil && g.Clone != nil {
			promotable = g.Clone.Promotable
		}
		if b, inside := v.def.BundleOf(r.ID); inside {
			promotable = Or(b.PromotedMax, 0) > 0
		}
		v.operations(path, r, info, known, promotable)
		v.whens(path, &v.def.Resources[i], r.Ops, info, known)
	}
}

func (v *validator) agent(path string, r *Resource) (AgentInfo, bool) {
	if r.Agent == "" {
		if r.Template == "" {
			v.add(ProblemMissing, path, "", "agent is missing")
		}
		return AgentInfo{}, false
	}
	if v.agents.empty() {
		return AgentInfo{}, false
	}
	if v.agents.foreign && isForeign(r.Agent) {
		return AgentInfo{}, false
	}
	info, ok := v.agents.Find(r.Agent)
	if ok && isForeign(r.Agent) && !ForeignRuns(r.Agent) {
		hint := ForeignHint(r.Agent)
		if hint == "" {
			hint = "write ocf:PROVIDER:TYPE"
		}
		v.add(ProblemUnknownAgent, path+".agent", hint, "%q cannot be run", r.Agent)
		return AgentInfo{}, false
	}
	if ok {
		return info, true
	}
	base, suffix, hasSuffix := strings.Cut(r.Agent, ":")
	if near, found := v.agents.byName[base]; found {
		hint := fmt.Sprintf("write %q", base)
		if near.Suffix {
			hint = fmt.Sprintf("write %q", base+":NAME")
		}
		v.add(ProblemUnknownAgent, path+".agent", hint, "no agent is called %q", r.Agent)
		return AgentInfo{}, false
	}
	hint := ForeignHint(r.Agent)
	if hint != "" {
		v.add(ProblemUnknownAgent, path+".agent", hint, "no agent is called %q", r.Agent)
		return AgentInfo{}, false
	}
	hint = didYouMean(base, v.agents.Names())
	if hint != "" && hasSuffix {
		hint = strings.TrimSuffix(hint, `"?`) + ":" + suffix + `"?`
	}
	if hint == "" {
		hint = "there are " + strings.Join(v.agents.Names(), ", ")
	}
	v.add(ProblemUnknownAgent, path+".agent", hint, "no agent is called %q", r.Agent)
	return AgentInfo{}, false
}

// opNames are the operations that a definition may tune.
var opNames = []Op{OpStart, OpStop, OpPromote, OpDemote, OpMonitor, OpNotify, OpReload, OpProbe, OpMigrateTo, OpMigrateFrom}

func (v *validator) operations(path string, r *Resource, info AgentInfo, known, promotable bool) {
	count := map[Op]int{}
	type recurrence struct {
		interval Duration
		role     Role
	}
	monitors := map[recurrence]bool{}
	for _, op := range r.Ops {
		count[op.Name]++
		at := path + ".op." + string(op.Name)
		if n := count[op.Name]; n > 1 {
			at = fmt.Sprintf("%s#%d", at, n)
		}
		if op.Name == "" {
			v.add(ProblemMissing, at, "", "an operation has no name")
			continue
		}
		oneOf(v, at, op.Name, opNames...)
		oneOf(v, at+".on_fail", op.OnFail, OnFailValues...)
		v.opParams(at+".params", r.ID, op.Params, info, known)
		v.spans(at, map[string]Duration{"interval": op.Interval, "timeout": op.Timeout, "start_delay": op.StartDelay})
		if (op.Name == OpPromote || op.Name == OpDemote) && !promotable {
			v.add(ProblemConflict, at, "set clone.promotable", "only a promotable clone has the operation %s", op.Name)
		}
		if op.OnFail == OnFailDemote && (!promotable || op.Name != OpMonitor && op.Name != OpPromote) {
			v.add(ProblemConflict, at+".on_fail", "", "demote is for monitor and promote of a promotable clone")
		}
		if op.Name != OpMonitor {
			v.oneShot(at, op, count[op.Name])
			continue
		}
		if op.Role == RolePromoted && !promotable {
			v.add(ProblemConflict, at+".role", "set clone.promotable", "only a promotable clone has the role promoted")
		}
		interval := op.Interval
		if interval == 0 {
			interval = v.def.Defaults.Op.Interval
		}
		if interval == 0 && known && info.MonitorInterval == 0 && Or(op.Enabled, true) {
			v.add(ProblemMissing, at, `such as "10s"`, "a monitor needs an interval")
		}
		key := recurrence{interval, op.Role}
		if monitors[key] {
			v.add(ProblemDuplicate, at, "give each monitor of a resource its own interval or role", "a monitor with interval %s and role %s is there already", interval, op.Role)
		}
		monitors[key] = true
	}
}

// opParams checks the parameters of one operation: those of the resource, or how
// thoroughly to look.
func (v *validator) opParams(at string, id ResourceID, params Params, info AgentInfo, known bool) {
	for _, name := range sortedKeys(params) {
		spec, found := findParam(info.Params, name)
		switch {
		case !known || name == "OCF_CHECK_LEVEL":
		case !found:
			v.add(ProblemUnknownParam, at+"."+name, v.paramHint(name, info), "agent %q has no parameter %q", info.Name, name)
		default:
			if text, hint := v.checkParam(spec, params[name]); text != "" {
				v.add(ProblemInvalidParam, at+"."+name, hint, "%s", text)
			}
			if spec.secret(name) && !v.agents.foreign {
				v.clearSecret(at, string(id), name, params[name])
			}
		}
	}
}

func (v *validator) oneShot(path string, op Operation, count int) {
	if op.Interval != 0 {
		v.add(ProblemInvalid, path+".interval", "", "only a monitor has an interval")
	}
	if op.Role != RoleUnknown {
		v.add(ProblemInvalid, path+".role", "", "only a monitor has a role")
	}
	if op.StartDelay != 0 && op.Name != OpStart {
		v.add(ProblemInvalid, path+".start_delay", "", "only a start and a monitor have a delay")
	}
	if count > 1 {
		v.add(ProblemDuplicate, path, "", "the operation %s is there already", op.Name)
	}
}

func (v *validator) clone(path string, c *Clone) {
	if c == nil {
		return
	}
	path += ".clone"
	counts := map[string]*int{
		"clone_max": c.Max, "clone_node_max": c.NodeMax, "clone_min": c.Min,
		"promoted_max": c.PromotedMax, "promoted_node_max": c.PromotedNodeMax,
	}
	for _, name := range sortedKeys(counts) {
		v.notNegative(path+"."+name, Or(counts[name], 0))
		if strings.HasPrefix(name, "promoted") && counts[name] != nil && !c.Promotable {
			v.add(ProblemConflict, path+"."+name, "set promotable = true", "%s without promotable means nothing", name)
		}
	}
	if c.NodeMax != nil && *c.NodeMax == 0 {
		v.add(ProblemInvalid, path+".clone_node_max", "to stop it set meta target_role", "with 0 copies on each node it runs nowhere")
	}
	if Or(c.NodeMax, 1) > 1 && !c.GloballyUnique {
		v.add(ProblemConflict, path+".clone_node_max", "set globally_unique = true", "copies that are not told apart cannot share a node")
	}
	v.atMost(path, "clone_min", c.Min, "clone_max", c.Max)
	v.atMost(path, "promoted_max", c.PromotedMax, "clone_max", c.Max)
	v.atMost(path, "promoted_node_max", c.PromotedNodeMax, "promoted_max", c.PromotedMax)
	if nodeMax := Or(c.NodeMax, 1); c.Promotable && Or(c.PromotedNodeMax, 1) > max(nodeMax, 1) {
		v.add(ProblemConflict, path+".promoted_node_max", "", "promoted_node_max %d is more than the %d copies that a node may hold", *c.PromotedNodeMax, nodeMax)
	}
}

func (v *validator) atMost(path, name string, value *int, limitName string, limit *int) {
	if value != nil && limit != nil && *value > *limit && *limit >= 0 {
		v.add(ProblemConflict, path+"."+name, "", "%s %d is more than %s %d", name, *value, limitName, *limit)
	}
}

func (v *validator) groups() {
	var paths Paths
	for _, g := range v.def.Groups {
		path := paths.Next("group", string(g.ID))
		v.id(path, "id", string(g.ID))
		if _, taken := v.resource[g.ID]; taken {
			v.add(ProblemDuplicate, path+".id", "", "%q is a resource already", g.ID)
		}
		v.meta(path+".meta", g.Meta)
		v.groupWhens(path, &g)
		v.noGuest(path+".meta", g.Meta)
		v.clone(path, g.Clone)
		if len(g.Members) == 0 {
			v.add(ProblemMissing, path, "", "members is missing")
		}
		for i, m := range g.Members {
			v.member(fmt.Sprintf("%s.members#%d", path, i+1), &g, i, m)
		}
	}
}

func (v *validator) member(path string, g *Group, i int, id ResourceID) {
	r, found := v.resource[id]
	switch _, isGroup := v.group[id]; {
	case v.alias[id] != nil && !found:
		v.add(ProblemInvalid, path, "", "%q is a tag or a template: groups hold resources", id)
		return
	case isGroup && !found:
		v.add(ProblemInvalid, path, "", "%q is a group: groups cannot hold groups", id)
		return
	case !found:
		v.resourceRef(path, id)
		return
	}
	if slices.Contains(g.Members[:i], id) {
		v.add(ProblemDuplicate, path, "", "%q is a member already", id)
	} else if other := v.groupOf[id]; other.ID != g.ID {
		v.add(ProblemConflict, path, "", "%q is a member of group %q already", id, other.ID)
	}
	if g.Clone != nil && g.Clone.Promotable {
		if info, known := v.agents.Find(r.Agent); known && !info.Promotable {
			v.add(ProblemInvalid, path, "", "the group is promotable, but agent %q of %q cannot promote", r.Agent, id)
		}
	}
}

// promotable reports whether the resource or group can have promoted copies.
func (v *validator) promotable(id ResourceID) bool {
	if g := v.groupOf[id]; g != nil && v.promotable(g.ID) {
		return true
	}
	if b, ok := v.def.BundleOf(id); ok {
		return Or(b.PromotedMax, 0) > 0
	}
	if b, ok := v.def.Bundle(id); ok {
		return b.Resource != "" && Or(b.PromotedMax, 0) > 0
	}
	if r, ok := v.resource[id]; ok {
		return r.Clone != nil && r.Clone.Promotable
	}
	if meant := v.alias[id]; len(meant) > 0 {
		return !slices.ContainsFunc(meant, func(m ResourceID) bool { return v.alias[m] == nil && !v.promotable(m) })
	}
	g, ok := v.group[id]
	return ok && g.Clone != nil && g.Clone.Promotable
}
