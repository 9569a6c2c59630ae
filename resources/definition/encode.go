package definition

import (
	"bytes"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/belay-ha/belay/resources"
)

// Encode writes a definition as a definition file that Decode reads back as
// the same definition, and that a person likes to read. Defaults and derived
// ids are left out. Text that is not UTF-8 cannot be written in TOML: bytes
// that are none become U+FFFD. Operations of one name stand together.
func Encode(def *resources.Definition) []byte {
	var w writer
	w.cluster(def)
	w.defaults(def.Defaults)
	for _, n := range def.Nodes {
		w.header("[[node]]")
		w.text("name", string(n.Name))
		w.text("kind", string(n.Kind))
		w.text("address", n.Address)
		w.utilization(n.Utilization)
		w.params("node", "attributes", n.Attributes, true)
		w.nodeWhens(n.When)
	}
	for _, f := range def.Fences {
		w.fence(f)
	}
	for i := range def.Templates {
		w.resource("template", &def.Templates[i])
	}
	for i := range def.Resources {
		w.resource("resource", &def.Resources[i])
	}
	for _, g := range def.Groups {
		w.header("[[group]]")
		w.text("id", string(g.ID))
		w.line("members", list(g.Members))
		w.truth("ordered", g.Ordered)
		w.truth("collocated", g.Collocated)
		w.meta("group.meta", g.Meta)
		w.clone("group.clone", g.Clone)
		w.whens("group", g.When)
	}
	for i := range def.Bundles {
		w.bundle(&def.Bundles[i])
	}
	w.constraints(def)
	return w.Bytes()
}

type writer struct{ bytes.Buffer }

// header begins a table of the top level.
func (w *writer) header(text string) {
	if w.Len() > 0 {
		w.WriteByte('\n')
	}
	w.WriteString(text + "\n")
}

func (w *writer) line(key, value string) { w.WriteString(key + " = " + value + "\n") }

func (w *writer) text(key, value string) {
	if value != "" {
		w.line(key, quote(value))
	}
}

func (w *writer) truth(key string, value *bool) {
	if value != nil {
		w.line(key, strconv.FormatBool(*value))
	}
}

func (w *writer) flag(key string, value bool) {
	if value {
		w.line(key, "true")
	}
}

func (w *writer) number(key string, value *int) {
	if value != nil {
		w.line(key, strconv.Itoa(*value))
	}
}

func (w *writer) score(key string, value *resources.Score) {
	if value != nil {
		w.line(key, scoreText(*value))
	}
}

func scoreText(s resources.Score) string {
	if s >= resources.Infinity || s <= -resources.Infinity {
		return quote(s.String())
	}
	return s.String()
}

func (w *writer) duration(key string, value resources.Duration) {
	if value != 0 {
		w.line(key, quote(durationText(value)))
	}
}

// durationText writes 5m instead of 5m0s.
func durationText(d resources.Duration) string {
	text := d.String()
	if d.Std()%time.Minute == 0 && d != 0 {
		text = strings.TrimSuffix(text, "0s")
		if d.Std()%time.Hour == 0 {
			text = strings.TrimSuffix(text, "0m")
		}
	}
	return text
}

func (w *writer) cluster(def *resources.Definition) {
	if def.Name != "" {
		w.header("[cluster]")
		w.text("name", def.Name)
	}
	p := def.Properties
	if p != (resources.Properties{}) {
		w.properties(&p)
	}
	w.propertyWhens(def.Cluster.When)
}

func (w *writer) properties(p *resources.Properties) {
	w.header("[cluster.properties]")
	w.text("no_quorum_policy", string(p.NoQuorumPolicy))
	w.truth("symmetric_cluster", p.SymmetricCluster)
	w.flag("maintenance_mode", p.MaintenanceMode)
	w.flag("stop_all_resources", p.StopAllResources)
	w.truth("fencing_enabled", p.FencingEnabled)
	w.text("fencing_action", string(p.FencingAction))
	w.duration("fencing_timeout", p.FencingTimeout)
	w.truth("start_failure_is_fatal", p.StartFailureIsFatal)
	w.truth("stop_removed_resources", p.StopRemovedResources)
	w.text("placement_strategy", string(p.PlacementStrategy))
	w.text("node_health_strategy", string(p.NodeHealthStrategy))
	w.score("node_health_base", p.NodeHealthBase)
	w.score("node_health_green", p.NodeHealthGreen)
	w.score("node_health_yellow", p.NodeHealthYellow)
	w.score("node_health_red", p.NodeHealthRed)
	w.duration("lease", p.Lease)
	w.duration("startup_grace", p.StartupGrace)
	if p.FenceBudget != 0 {
		w.number("fence_budget", &p.FenceBudget)
	}
	w.duration("fence_window", p.FenceWindow)
	w.duration("priority_fencing_delay", p.PriorityFencingDelay)
	if p.FenceLimit != 0 {
		w.number("fence_limit", &p.FenceLimit)
	}
	w.duration("fence_limit_window", p.FenceLimitWindow)
	if p.FenceQuarantine != nil {
		w.line("fence_quarantine", quote(durationText(*p.FenceQuarantine)))
	}
	if p.FenceCheckInterval != nil {
		w.line("fence_check_interval", quote(durationText(*p.FenceCheckInterval)))
	}
}

func (w *writer) defaults(d resources.Defaults) {
	w.meta("defaults.resource", d.Resource)
	if !d.Op.IsZero() {
		w.header("[defaults.op]")
		w.operation(d.Op)
	}
	w.defaultsWhens(d.When)
}

func (w *writer) fence(f resources.FenceDevice) {
	w.header("[[fence]]")
	w.text("id", f.ID)
	w.text("agent", f.Agent)
	w.line("targets", list(f.Targets))
	if f.Level != 0 {
		w.number("level", &f.Level)
	}
	w.duration("delay", f.Delay)
	w.duration("delay_max", f.DelayMax)
	w.duration("timeout", f.Timeout)
	w.flag("unsafe_cycle", f.UnsafeCycle)
	w.flag("leave_off", f.LeaveOff)
	w.text("provides", string(f.Provides))
	w.flag("unsafe_cut", f.UnsafeCut)
	w.text("host_param", f.HostParam)
	plugs := resources.Params{}
	for name, plug := range f.HostMap {
		plugs[string(name)] = plug
	}
	w.params("fence", "host_map", plugs, false)
	w.params("fence", "params", f.Params, false)
}

func (w *writer) resource(kind string, r *resources.Resource) {
	w.header("[[" + kind + "]]")
	w.text("id", string(r.ID))
	w.text("template", string(r.Template))
	w.text("agent", r.Agent)
	w.utilization(r.Utilization)
	w.params(kind, "params", r.Params, true)
	w.meta(kind+".meta", r.Meta)
	w.clone(kind+".clone", r.Clone)
	w.operations(kind, r.Ops)
	w.whens(kind, r.When)
}

// operations writes those of one name together.
func (w *writer) operations(kind string, ops []resources.Operation) {
	written := map[resources.Op]bool{}
	for _, op := range ops {
		if written[op.Name] {
			continue
		}
		written[op.Name] = true
		same := slices.DeleteFunc(slices.Clone(ops), func(other resources.Operation) bool { return other.Name != op.Name })
		open, end := "[", "]"
		if len(same) > 1 {
			open, end = "[[", "]]"
		}
		for _, one := range same {
			w.WriteString(open + kind + ".op." + keyText(string(op.Name)) + end + "\n")
			w.operation(one)
			w.params(kind+".op."+keyText(string(op.Name)), "params", one.Params, true)
		}
	}
}

func (w *writer) operation(op resources.Operation) {
	w.duration("interval", op.Interval)
	w.duration("timeout", op.Timeout)
	w.duration("start_delay", op.StartDelay)
	w.role("role", op.Role)
	w.text("on_fail", string(op.OnFail))
	w.truth("enabled", op.Enabled)
}

func (w *writer) role(key string, role resources.Role) {
	if role != resources.RoleUnknown {
		w.text(key, role.String())
	}
}

func (w *writer) meta(table string, m resources.Meta) {
	if m == (resources.Meta{}) {
		return
	}
	if table == "defaults.resource" {
		w.WriteByte('\n')
	}
	w.WriteString("[" + table + "]\n")
	w.score("priority", m.Priority)
	if m.TargetRole != nil {
		w.text("target_role", m.TargetRole.String())
	}
	w.truth("managed", m.Managed)
	w.truth("maintenance", m.Maintenance)
	w.score("resource_stickiness", m.Stickiness)
	if m.Requires != nil {
		w.text("requires", string(*m.Requires))
	}
	w.number("migration_threshold", m.MigrationThreshold)
	if m.FailureTimeout != nil {
		w.line("failure_timeout", quote(durationText(*m.FailureTimeout)))
	}
	if m.MultipleActive != nil {
		w.text("multiple_active", string(*m.MultipleActive))
	}
	w.truth("critical", m.Critical)
	w.truth("allow_unhealthy_nodes", m.AllowUnhealthyNodes)
	w.truth("allow_migrate", m.AllowMigrate)
	w.text("remote_node", string(m.RemoteNode))
	w.text("container_attribute_target", string(m.AttributeTarget))
}

func (w *writer) clone(table string, c *resources.Clone) {
	if c == nil {
		return
	}
	w.WriteString("[" + table + "]\n")
	w.flag("promotable", c.Promotable)
	w.number("promoted_max", c.PromotedMax)
	w.number("promoted_node_max", c.PromotedNodeMax)
	w.number("clone_max", c.Max)
	w.number("clone_node_max", c.NodeMax)
	w.number("clone_min", c.Min)
	w.flag("globally_unique", c.GloballyUnique)
	w.flag("interleave", c.Interleave)
	w.flag("ordered", c.Ordered)
	w.flag("notify", c.Notify)
}

func (w *writer) id(id, derived string) {
	if id != derived {
		w.text("id", id)
	}
}
