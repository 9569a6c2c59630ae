package resources

import (
	"slices"
	"time"
)

// Ruled reports whether any value of the definition holds by a rule.
func (d *Definition) Ruled() bool {
	return len(d.Cluster.When) > 0 || len(d.Defaults.When) > 0 ||
		slices.ContainsFunc(d.Nodes, func(n Node) bool { return len(n.When) > 0 }) ||
		slices.ContainsFunc(d.Resources, func(r Resource) bool { return len(r.When) > 0 }) ||
		slices.ContainsFunc(d.Templates, func(r Resource) bool { return len(r.When) > 0 }) ||
		slices.ContainsFunc(d.Groups, func(g Group) bool { return len(g.When) > 0 })
}

// At returns the definition as it is at an instant, with what rules about the time
// give written in, and the first instant after it at which that may be otherwise,
// zero for never. Two things stay by rule: the defaults (MetaDefaults, OpDefaults),
// and resources that depend on their node (Resource.On). It returns d itself where
// nothing holds by a rule, and changes nothing.
func (d *Definition) At(now time.Time) (*Definition, time.Time) {
	if !d.Ruled() {
		return d, time.Time{}
	}
	out := *d
	out.Properties, out.Cluster = d.PropertiesAt(now), ClusterRules{}
	out.Nodes = slices.Clone(d.Nodes)
	for i := range out.Nodes {
		n := &out.Nodes[i]
		n.Attributes = d.NodeAttributes(n, now)
		for _, w := range slices.Backward(n.When) {
			if holds(w.Rule, Scene{Now: now}) {
				n.Utilization = under(w.Utilization, n.Utilization)
			}
		}
	}
	out.Resources, out.Templates = atInstant(d.Resources, now), atInstant(d.Templates, now)
	out.Groups = slices.Clone(d.Groups)
	for i := range out.Groups {
		g := &out.Groups[i]
		for _, w := range slices.Backward(g.When) {
			if holds(w.Rule, Scene{Now: now}) {
				g.Meta = w.Meta.Over(g.Meta)
			}
		}
		g.When = nil
	}
	return &out, d.Changes(now)
}

// atInstant writes out what does not depend on a node. A resource that does keeps
// all of its rules, whose order matters.
func atInstant(list []Resource, now time.Time) []Resource {
	list = slices.Clone(list)
	for i := range list {
		rules := list[i].When
		list[i] = *list[i].on(Scene{Now: now}, func(w *When) bool { return !w.ofNode() })
		if slices.ContainsFunc(rules, func(w When) bool { return w.ofNode() }) {
			list[i].When = rules
		}
	}
	return list
}

// Changes returns the first instant after now at which a rule that gives values may
// hold that does not now, or the reverse; zero for never.
func (d *Definition) Changes(now time.Time) time.Time {
	var first time.Time
	for _, text := range d.whenRules() {
		rule, err := ParseRule(text)
		if err != nil {
			continue
		}
		if next := rule.Changes(now); !next.IsZero() && (first.IsZero() || next.Before(first)) {
			first = next
		}
	}
	return first
}

// whenRules lists the rules by which values hold.
func (d *Definition) whenRules() []string {
	var rules []string
	for i := range d.Cluster.When {
		rules = append(rules, d.Cluster.When[i].Rule)
	}
	for i := range d.Defaults.When {
		rules = append(rules, d.Defaults.When[i].Rule)
	}
	for i := range d.Nodes {
		for k := range d.Nodes[i].When {
			rules = append(rules, d.Nodes[i].When[k].Rule)
		}
	}
	for _, list := range [][]Resource{d.Resources, d.Templates} {
		for i := range list {
			for k := range list[i].When {
				rules = append(rules, list[i].When[k].Rule)
			}
		}
	}
	for i := range d.Groups {
		for k := range d.Groups[i].When {
			rules = append(rules, d.Groups[i].When[k].Rule)
		}
	}
	return rules
}

// whenMetas lists the meta-attributes that hold by rules.
func (d *Definition) whenMetas() []Meta {
	var metas []Meta
	add := func(list []When) {
		for i := range list {
			metas = append(metas, list[i].Meta)
		}
	}
	for i := range d.Defaults.When {
		metas = append(metas, d.Defaults.When[i].Resource)
	}
	for i := range d.Resources {
		add(d.Resources[i].When)
	}
	for i := range d.Templates {
		add(d.Templates[i].When)
	}
	for i := range d.Groups {
		add(d.Groups[i].When)
	}
	return metas
}
