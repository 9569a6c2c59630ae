package cib

import (
	"slices"
	"strings"

	"github.com/belay-ha/belay/cluster/policy"
	"github.com/belay-ha/belay/resources"
)

// meta takes a meta-attribute that resources have in common; false if it is none
// of those.
func (m *importer) meta(to *resources.Meta, s setting) bool {
	switch s.name {
	case "priority":
		to.Priority = m.score(s)
	case "target-role":
		to.TargetRole = m.targetRole(s)
	case "is-managed":
		to.Managed = m.truth(s)
	case "maintenance":
		to.Maintenance = m.truth(s)
	case "resource-stickiness":
		to.Stickiness = m.score(s)
	case "requires":
		to.Requires = word(m, s, resources.RequiresNothing, resources.RequiresQuorum, resources.RequiresFencing, resources.RequiresUnfencing)
	case "multiple-active":
		s.value = strings.ReplaceAll(s.value, "-", "_")
		to.MultipleActive = word(m, s, resources.MultipleActiveBlock, resources.MultipleActiveStopOnly, resources.MultipleActiveStopStart)
	case "migration-threshold":
		if n := m.number(s); n != nil {
			if *n >= int(resources.Infinity) {
				*n = 0 // never
			}
			to.MigrationThreshold = n
		}
	case "failure-timeout":
		to.FailureTimeout = m.length(s)
	case "critical":
		to.Critical = m.truth(s)
	case "allow-unhealthy-nodes":
		to.AllowUnhealthyNodes = m.truth(s)
	case "allow-migrate":
		to.AllowMigrate = m.truth(s)
	case "container-attribute-target":
		if strings.EqualFold(s.value, "host") {
			to.AttributeTarget = resources.AttributesOfHost
		}
	case "remote-node":
		to.RemoteNode = resources.NodeName(s.value)
		m.note(s.at, "guest node %q: the definition can be planned with; before you apply it, install belayd in the guest and define it as a node of kind \"remote\"", s.value)
	case "description":
	default:
		return false
	}
	return true
}

// word reads one of the words that Belay knows.
func word[T ~string](m *importer, s setting, words ...T) *T {
	for _, w := range words {
		if strings.EqualFold(string(w), s.value) {
			return &w
		}
	}
	m.lose(s.at, "%s %q cannot be represented", s.name, s.value)
	return nil
}

func (m *importer) targetRole(s setting) *resources.Role {
	role := resources.RoleStarted
	switch strings.ToLower(s.value) {
	case "started":
	case "stopped":
		role = resources.RoleStopped
	case "promoted", "master":
		role = resources.RolePromoted
	case "unpromoted", "slave":
		m.lose(s.at, "target-role %q cannot be represented: a copy that may not be promoted needs a location with role promoted and score -INFINITY", s.value)
		return nil
	case "#default", "default":
		return nil
	default:
		m.note(s.at, "target-role %q is no role: the default holds", s.value)
		return nil
	}
	return &role
}

// operation takes an operation of a resource.
func (m *importer) operation(c *policy.ResourceConfig, r *resources.Resource, op *policy.OpConfig, promotable bool) {
	out := resources.Operation{Name: resources.Op(op.Name), Interval: resources.Duration(op.Interval)}
	at := m.at(op.ID)
	switch op.Name {
	case "monitor", "probe":
		if op.Interval == 0 {
			out.Name = resources.OpProbe
		}
	case "start", "stop", "notify", "reload", "migrate_to", "migrate_from":
	case "promote", "demote":
		if !promotable {
			return // Pacemaker never runs it
		}
	default:
		m.note(at, "operation %s of %q is none that Belay runs", op.Name, c.ID)
		return
	}
	if out.Name != resources.OpMonitor && op.Interval != 0 {
		m.lose(at, "operation %s of %q is to recur, which cannot be represented", op.Name, c.ID)
		return
	}
	given := make([]setting, 0, len(op.Attributes))
	for _, a := range op.Attributes {
		given = append(given, setting{a.Name, a.Value, m.attribute(op.ID, a.Name)})
	}
	meta, params := m.blocks(op.Meta, ""), m.blocks(op.Params, "")
	given = append(m.settings(op.Meta, ""), given...)
	for _, s := range given {
		if !m.opValue(c, &out, s) {
			return
		}
	}
	if slices.ContainsFunc(r.Ops, func(o resources.Operation) bool {
		return o.Name == out.Name && o.Interval == out.Interval && (out.Name != resources.OpMonitor || o.Role == out.Role)
	}) {
		m.note(at, "operation %s of %q is there already: the first holds, as in Pacemaker", op.Name, c.ID)
		return
	}
	for _, s := range m.settings(op.Params, "") {
		if !strings.HasPrefix(r.Agent, "ocf:") {
			m.unused(c, []setting{s}, "the agent "+r.Agent+" has none for operations")
			continue
		}
		m.param(c.ID, &out.Params, s.name, s)
	}
	r.Ops = append(r.Ops, out)
	m.opWhens(c, r, op, &out, meta, params)
}

// opValue takes one value of an operation; false if the operation is lost.
func (m *importer) opValue(c *policy.ResourceConfig, out *resources.Operation, s setting) bool {
	switch s.name {
	case "timeout":
		out.Timeout = resources.Or(m.length(s), 0)
	case "on-fail":
		out.OnFail = m.onFail(s)
	case "enabled":
		out.Enabled = m.truth(s)
	case "role":
		if out.Name != resources.OpMonitor {
			return true // it says nothing there
		}
		role, err := resources.ParseRole(s.value)
		if err != nil {
			m.note(s.at, "a monitor of %q is for role %s, which is none: it is left out", c.ID, s.value)
			return false
		}
		out.Role = role
		if role == resources.RolePromoted && m.unpromotable {
			m.note(s.at, "a monitor of %q is for promoted copies, and no copy is ever promoted: it is left out", c.ID)
			return false
		}
	case "start-delay":
		delay := resources.Or(m.length(s), 0)
		switch {
		case out.Name == resources.OpMonitor || out.Name == resources.OpStart:
			out.StartDelay = delay
		case delay != 0:
			m.lose(s.at, "%s of operation %s of %q cannot be represented", s.name, out.Name, c.ID)
		}
	case "interval-origin":
		if s.value != "0" && s.value != "0s" {
			m.lose(s.at, "%s of operation %s of %q cannot be represented", s.name, out.Name, c.ID)
		}
	case "record-pending", "timeout-default", "description", "prereq", "requires":
	default:
		m.note(s.at, "%s of operation %s of %q means nothing to Pacemaker's scheduler", s.name, out.Name, c.ID)
	}
	return true
}

func (m *importer) onFail(s setting) resources.OnFail {
	for _, w := range resources.OnFailValues {
		if strings.EqualFold(string(w), s.value) {
			return w
		}
	}
	m.lose(s.at, "on-fail %q cannot be represented", s.value)
	return resources.OnFailDefault
}
