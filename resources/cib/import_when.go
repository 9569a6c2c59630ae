package cib

import (
	"maps"
	"slices"
	"strings"

	"github.com/belay-ha/belay/cluster/policy"
	"github.com/belay-ha/belay/resources"
)

// block is a set of values that hold by a rule, but for those that a set without a
// rule gives before it.
type block struct {
	id       string
	rule     *policy.Rule
	settings []setting
}

// blocks returns the sets that hold by a rule, the first that counts first. What
// settings returns of the same sets no longer tells of them.
func (m *importer) blocks(sets []policy.AttributeSet, first string) []block {
	var found []block
	constant := map[string]bool{}
	for _, set := range inOrder(sets, first) {
		if set.Rule == nil {
			for _, p := range set.Pairs {
				constant[p.Name] = true
			}
			continue
		}
		if decidesNothing(set) {
			continue // settings notes it
		}
		m.ruled[set.ID] = true
		b := block{id: set.ID, rule: set.Rule}
		for _, p := range set.Pairs {
			at := m.pairAt(set.ID, p.Name)
			switch {
			case constant[p.Name]:
			case strings.EqualFold(p.Value, "#default"):
				m.lose(at, "%s is to be the default by a rule, which cannot be represented", p.Name)
			default:
				b.settings = append(b.settings, setting{p.Name, p.Value, at})
			}
		}
		if len(b.settings) > 0 {
			found = append(found, b)
		}
	}
	return found
}

// whenText writes the rule of a block. may says what it may ask for besides the
// time.
func (m *importer) whenText(b *block, may resources.RuleAsks) (string, bool) {
	at := m.at(b.id)
	text, ok := m.ruleText(b.rule, m.within(b.rule.ID, at), false)
	if !ok {
		return "", false
	}
	rule, err := resources.ParseRule(text)
	if err != nil {
		m.lose(at, "the rule of %q cannot be represented: %v", b.id, err)
		return "", false
	}
	asks := rule.Asks()
	if asks.Leader || asks.Params || asks.Node && !may.Node || asks.Agent && !may.Agent || asks.Op && !may.Op {
		m.lose(at, "the values of %q hold by a rule about more than the time, which cannot be represented here", b.id)
		return "", false
	}
	return text, true
}

// propertyWhens takes the cluster options that hold by a rule.
func (m *importer) propertyWhens() {
	for _, b := range m.blocks(m.in.Options, "cib-bootstrap-options") {
		text, ok := m.whenText(&b, resources.RuleAsks{})
		if !ok {
			continue
		}
		w := resources.PropertiesWhen{Rule: text}
		for _, s := range b.settings {
			m.propertyWhen(&w, s)
		}
		if w != (resources.PropertiesWhen{Rule: text}) {
			m.def.Cluster.When = append(m.def.Cluster.When, w)
		}
	}
	m.origin["cluster"] = m.elementAt("crm_config")
}

func (m *importer) propertyWhen(w *resources.PropertiesWhen, s setting) {
	if m.placingOption(s, placing{&w.StartFailureIsFatal, &w.PlacementStrategy, &w.NodeHealthStrategy, &w.NodeHealthBase, &w.NodeHealthGreen, &w.NodeHealthYellow, &w.NodeHealthRed}) {
		return
	}
	switch s.name {
	case "maintenance-mode":
		w.MaintenanceMode = m.truth(s)
	case "stop-all-resources":
		w.StopAllResources = m.truth(s)
	default:
		if !slices.Contains(tuning, s.name) && !slices.Contains(bookkeeping, s.name) {
			m.lose(s.at, "cluster option %s by a rule cannot be represented: members go by it without a word from the leader", s.name)
		}
	}
}

// nodeWhens takes what a node has by rules.
func (m *importer) nodeWhens(node *resources.Node, n *policy.NodeConfig) {
	for _, b := range m.blocks(n.Attributes, "") {
		text, ok := m.whenText(&b, resources.RuleAsks{})
		if !ok {
			continue
		}
		w := resources.NodeWhen{Rule: text}
		for _, s := range b.settings {
			switch s.name {
			case "standby":
				if on := m.truth(s); resources.Or(on, false) {
					w.Standby = on
				} else {
					m.lose(s.at, "the end of standby by a rule cannot be represented: write the rule by which node %q is in standby", node.Name)
				}
			case "maintenance", "terminate", "shutdown":
				m.lose(s.at, "%s of node %q by a rule cannot be represented", s.name, node.Name)
			default:
				if w.Attributes == nil {
					w.Attributes = map[string]string{}
				}
				w.Attributes[s.name] = s.value
			}
		}
		if w.Standby != nil || len(w.Attributes) > 0 {
			node.When = append(node.When, w)
		}
	}
	for _, b := range m.blocks(n.Utilization, "") {
		if text, ok := m.whenText(&b, resources.RuleAsks{}); ok {
			node.When = append(node.When, resources.NodeWhen{Rule: text, Utilization: m.amounts(b.settings)})
		}
	}
}

// defaultsWhens takes the defaults that hold by rules.
func (m *importer) defaultsWhens(meta, ops []block) {
	add := func(w resources.DefaultsWhen) { m.def.Defaults.When = append(m.def.Defaults.When, w) }
	for _, b := range meta {
		if text, ok := m.whenText(&b, resources.RuleAsks{Agent: true}); ok {
			w := resources.DefaultsWhen{Rule: text}
			for _, s := range b.settings {
				if !m.meta(&w.Resource, s) {
					m.otherMeta("", s)
				}
			}
			if w.Resource != (resources.Meta{}) {
				add(w)
			}
		}
	}
	for _, b := range ops {
		if text, ok := m.whenText(&b, resources.RuleAsks{Agent: true, Op: true}); ok {
			w := resources.DefaultsWhen{Rule: text}
			for _, s := range b.settings {
				m.defaultOp(&w.Op, s)
			}
			if !w.Op.IsZero() {
				add(w)
			}
		}
	}
}

// metaWhens reads meta-attributes that hold by rules; others than Belay's are told.
func (m *importer) metaWhens(id string, sets []policy.AttributeSet) []resources.When {
	var whens []resources.When
	for _, b := range m.blocks(sets, "") {
		text, ok := m.whenText(&b, resources.RuleAsks{})
		if !ok {
			continue
		}
		w := resources.When{Rule: text}
		for _, s := range b.settings {
			switch {
			case m.meta(&w.Meta, s):
			case m.cloneMeta(&resources.Clone{}, s) || s.name == "collocated":
				m.lose(s.at, "%s of %q by a rule cannot be represented", s.name, id)
			default:
				m.otherMeta(id, s)
			}
		}
		if w.Meta != (resources.Meta{}) {
			whens = append(whens, w)
		}
	}
	return whens
}

// cloneWhens are what a clone's meta-attributes give by rules to what is cloned,
// which comes after what that says itself.
func (m *importer) cloneWhens(clone *policy.ResourceConfig, own resources.Meta) []resources.When {
	var whens []resources.When
	for _, w := range m.metaWhens(clone.ID, clone.Meta) {
		if w.Meta = w.Meta.Without(own); w.Meta != (resources.Meta{}) {
			whens = append(whens, w)
		}
	}
	return whens
}

// resourceWhens takes what a resource has by rules, but for its operations.
func (m *importer) resourceWhens(c *policy.ResourceConfig, r *resources.Resource) {
	r.When = append(r.When, m.metaWhens(c.ID, c.Meta)...)
	for _, b := range m.blocks(c.Utilization, "") {
		if text, ok := m.whenText(&b, resources.RuleAsks{}); ok {
			r.When = append(r.When, resources.When{Rule: text, Utilization: m.amounts(b.settings)})
		}
	}
}

// paramWhens takes the parameters that a resource has by rules, under the names of
// its agent in Belay.
func (m *importer) paramWhens(c *policy.ResourceConfig, r *resources.Resource, blocks []block, constant []setting) {
	for _, b := range blocks {
		text, ok := m.whenText(&b, resources.RuleAsks{Node: true})
		if !ok {
			continue
		}
		w := resources.When{Rule: text}
		if strings.Contains(r.Agent, ":") {
			for _, s := range b.settings {
				m.param(c.ID, &w.Params, s.name, s)
			}
		} else { // Belay's own: what is other than without the rule
			with := &resources.Resource{}
			m.agentParams(r.Agent, c, with, over(constant, b.settings))
			maps.DeleteFunc(with.Params, func(name, value string) bool { return r.Params[name] == value })
			w.Params = with.Params
		}
		if len(w.Params) > 0 {
			r.When = append(r.When, w)
		}
	}
}

// over returns settings with others in their place.
func over(settings, others []setting) []setting {
	all := slices.Clone(others)
	for _, s := range settings {
		if !slices.ContainsFunc(others, func(o setting) bool { return o.name == s.name }) {
			all = append(all, s)
		}
	}
	return all
}

// opWhens takes what an operation has by rules. What its element says comes before.
func (m *importer) opWhens(c *policy.ResourceConfig, r *resources.Resource, op *policy.OpConfig, out *resources.Operation, meta, params []block) {
	selects := resources.Operation{Name: out.Name, Role: out.Role}
	if out.Name == resources.OpMonitor {
		selects.Interval = out.Interval
	}
	add := func(text string, changed resources.Operation) {
		if !changed.Only(selects.Name) && !changed.Same(selects) {
			r.When = append(r.When, resources.When{Rule: text, Ops: []resources.Operation{changed}})
		}
	}
	for _, b := range meta {
		b.settings = slices.DeleteFunc(b.settings, func(s setting) bool {
			return slices.ContainsFunc(op.Attributes, func(p policy.Pair) bool { return p.Name == s.name })
		})
		text, ok := m.whenText(&b, resources.RuleAsks{})
		if !ok {
			continue
		}
		changed := selects
		for _, s := range b.settings {
			if s.name == "role" {
				m.lose(s.at, "role of operation %s of %q by a rule cannot be represented", op.Name, c.ID)
				continue
			}
			m.opValue(c, &changed, s)
		}
		add(text, changed)
	}
	for _, b := range params {
		if !strings.HasPrefix(r.Agent, "ocf:") {
			m.unused(c, b.settings, "the agent "+r.Agent+" has none for operations")
			continue
		}
		text, ok := m.whenText(&b, resources.RuleAsks{Node: true})
		if !ok {
			continue
		}
		changed := selects
		for _, s := range b.settings {
			m.param(c.ID, &changed.Params, s.name, s)
		}
		add(text, changed)
	}
}
