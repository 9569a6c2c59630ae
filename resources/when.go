package resources

import (
	"reflect"
	"slices"
	"time"
)

// When is what a resource, template or group has instead while a rule holds. Of
// several that hold, the first that gives a value gives it, and each comes before
// what the resource says without a rule.
type When struct {
	// Rule may ask for the time, and for attributes of the node where an instance
	// runs: then it gives parameters only.
	Rule        string      `json:"rule" since:"rule"`
	Params      Params      `json:"params,omitempty"`
	Meta        Meta        `json:"meta,omitzero"`
	Utilization Utilization `json:"utilization,omitempty"`
	// Ops change operations of the same name; an Interval or Role says which of
	// several monitors. Others than monitors need not be there before.
	Ops []Operation `json:"ops,omitempty"`
}

// NodeWhen is what a node has instead while a rule about the time holds.
type NodeWhen struct {
	Rule string `json:"rule" since:"rule"`
	// Standby true: the node gives away what it runs and takes nothing.
	Standby     *bool             `json:"standby,omitempty"`
	Attributes  map[string]string `json:"attributes,omitempty"`
	Utilization Utilization       `json:"utilization,omitempty"`
}

// DefaultsWhen is what the defaults are while a rule holds, which may ask for the
// time, the agent and, for Op, the operation.
type DefaultsWhen struct {
	Rule     string    `json:"rule" since:"rule"`
	Resource Meta      `json:"resource,omitzero"`
	Op       Operation `json:"op,omitzero"`
}

// ClusterRules are what the cluster's settings are by rules.
type ClusterRules struct {
	When []PropertiesWhen `json:"when,omitempty"`
}

// PropertiesWhen are cluster-wide settings while a rule about the time holds: those
// that the leader alone goes by. Others bind members that may not know the time.
type PropertiesWhen struct {
	Rule                string             `json:"rule" since:"rule"`
	MaintenanceMode     *bool              `json:"maintenance_mode,omitempty"`
	StopAllResources    *bool              `json:"stop_all_resources,omitempty"`
	StartFailureIsFatal *bool              `json:"start_failure_is_fatal,omitempty"`
	PlacementStrategy   PlacementStrategy  `json:"placement_strategy,omitempty"`
	NodeHealthStrategy  NodeHealthStrategy `json:"node_health_strategy,omitempty"`
	NodeHealthBase      *Score             `json:"node_health_base,omitempty"`
	NodeHealthGreen     *Score             `json:"node_health_green,omitempty"`
	NodeHealthYellow    *Score             `json:"node_health_yellow,omitempty"`
	NodeHealthRed       *Score             `json:"node_health_red,omitempty"`
}

// holds reports whether a rule holds in a scene. One that cannot be read, which
// Validate refuses, does not.
func holds(text string, at Scene) bool {
	rule, err := ParseRule(text)
	return err == nil && rule.MatchIn(at)
}

// ofNode reports whether the rule asks for attributes of a node.
func (w *When) ofNode() bool {
	rule, err := ParseRule(w.Rule)
	return err == nil && rule.Asks().Node
}

// On returns the resource as it is in a scene, without rules: with what they give
// there. It is r itself where there are none.
func (r *Resource) On(at Scene) *Resource { return r.on(at, func(*When) bool { return true }) }

// on is On by some of the rules.
func (r *Resource) on(at Scene, counts func(*When) bool) *Resource {
	if len(r.When) == 0 {
		return r
	}
	at.Agent = r.Agent
	out := *r
	out.When = nil
	for i := range slices.Backward(r.When) {
		if w := &r.When[i]; counts(w) && holds(w.Rule, at) {
			out.Params = under(w.Params, out.Params)
			out.Utilization = under(w.Utilization, out.Utilization)
			out.Meta = w.Meta.Over(out.Meta)
			out.Ops = changed(out.Ops, w.Ops)
		}
	}
	return &out
}

// changed returns operations with what others say of them.
func changed(ops, by []Operation) []Operation {
	ops = slices.Clone(ops)
	for i := range by {
		found := false
		for k := range ops {
			if by[i].changes(&ops[k]) {
				ops[k], found = by[i].over(ops[k]), true
			}
		}
		if !found && by[i].Name != OpMonitor {
			ops = append(ops, by[i])
		}
	}
	return ops
}

// changes reports whether an operation of a When is about another.
func (o *Operation) changes(other *Operation) bool {
	return o.Name == other.Name && (o.Interval == 0 || o.Interval == other.Interval) && (o.Role == RoleUnknown || o.Role == other.Role)
}

// over returns another operation with what o says.
func (o *Operation) over(other Operation) Operation {
	if o.Timeout != 0 {
		other.Timeout = o.Timeout
	}
	if o.StartDelay != 0 {
		other.StartDelay = o.StartDelay
	}
	if o.OnFail != OnFailDefault {
		other.OnFail = o.OnFail
	}
	if o.Enabled != nil {
		other.Enabled = o.Enabled
	}
	other.Params = under(o.Params, other.Params)
	return other
}

// MetaDefaults returns the defaults of meta-attributes for a resource of that
// agent, "" for a group, at an instant.
func (d *Definition) MetaDefaults(agent string, now time.Time) Meta {
	meta := d.Defaults.Resource
	for _, w := range slices.Backward(d.Defaults.When) {
		if w.Resource != (Meta{}) && holds(w.Rule, Scene{Agent: agent, Now: now}) {
			meta = w.Resource.Over(meta)
		}
	}
	return meta
}

// OpDefaults returns the defaults of an operation of a resource of that agent at an
// instant.
func (d *Definition) OpDefaults(agent string, op Op, interval Duration, now time.Time) Operation {
	defaults := d.Defaults.Op
	for _, w := range slices.Backward(d.Defaults.When) {
		if !w.Op.IsZero() && holds(w.Rule, Scene{Agent: agent, Op: op, Interval: interval, Now: now}) {
			given := w.Op
			if given.Interval != 0 {
				defaults.Interval = given.Interval
			}
			defaults = given.over(defaults)
		}
	}
	return defaults
}

// PropertiesAt returns the cluster's settings at an instant.
func (d *Definition) PropertiesAt(now time.Time) Properties {
	p := d.Properties
	for i := range slices.Backward(d.Cluster.When) {
		if w := &d.Cluster.When[i]; holds(w.Rule, Scene{Now: now}) {
			w.over(&p)
		}
	}
	return p
}

func (w *PropertiesWhen) over(p *Properties) {
	p.MaintenanceMode = Or(w.MaintenanceMode, p.MaintenanceMode)
	p.StopAllResources = Or(w.StopAllResources, p.StopAllResources)
	if w.PlacementStrategy != "" {
		p.PlacementStrategy = w.PlacementStrategy
	}
	if w.NodeHealthStrategy != "" {
		p.NodeHealthStrategy = w.NodeHealthStrategy
	}
	give(&p.StartFailureIsFatal, w.StartFailureIsFatal)
	give(&p.NodeHealthBase, w.NodeHealthBase)
	give(&p.NodeHealthGreen, w.NodeHealthGreen)
	give(&p.NodeHealthYellow, w.NodeHealthYellow)
	give(&p.NodeHealthRed, w.NodeHealthRed)
}

func give[T any](field **T, given *T) {
	if given != nil {
		*field = given
	}
}

// StandbyAt reports whether a rule has the node in standby at an instant, and which.
func (n *Node) StandbyAt(now time.Time) (rule string, standby bool) {
	for _, w := range n.When {
		if Or(w.Standby, false) && holds(w.Rule, Scene{Now: now}) {
			return w.Rule, true
		}
	}
	return "", false
}

// NodeAttributes returns the attributes that the definition gives a node at an
// instant. The result is not to be changed.
func (d *Definition) NodeAttributes(n *Node, now time.Time) map[string]string {
	attributes := n.Attributes
	for _, w := range slices.Backward(n.When) {
		if len(w.Attributes) > 0 && holds(w.Rule, Scene{Now: now}) {
			attributes = under(w.Attributes, attributes)
		}
	}
	return attributes
}

// without returns what a template gives by a rule, but for what a resource says
// itself, with a rule or without.
func (w When) without(r *Resource) When {
	w.Params, w.Utilization = lacking(w.Params, r.Params), lacking(w.Utilization, r.Utilization)
	w.Meta = w.Meta.Without(r.Meta)
	w.Ops = slices.DeleteFunc(slices.Clone(w.Ops), func(o Operation) bool {
		return slices.ContainsFunc(r.Ops, func(own Operation) bool { return o.changes(&own) })
	})
	return w
}

// lacking returns the part of a map whose keys another lacks.
func lacking[M ~map[string]V, V any](given, other M) M {
	var kept M
	for name, value := range given {
		if _, taken := other[name]; !taken {
			if kept == nil {
				kept = M{}
			}
			kept[name] = value
		}
	}
	return kept
}

// Without returns the meta-attributes but for those that others give.
func (m Meta) Without(others Meta) Meta {
	clear := func(given reflect.Value, other reflect.Value) {
		for i := range given.NumField() {
			if !other.Field(i).IsZero() {
				given.Field(i).SetZero()
			}
		}
	}
	clear(reflect.ValueOf(&m).Elem(), reflect.ValueOf(others))
	return m
}
