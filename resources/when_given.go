package resources

import (
	"fmt"
	"reflect"
	"strings"
	"time"
)

// ByRule is a value that a rule gives at the moment.
type ByRule struct {
	// Name is the value's path below the resource, such as meta.managed or
	// params.interface; below cluster, defaults or node where it is given there.
	Name string `json:"name"`
	// Value is empty for parameters, which may be secret.
	Value string `json:"value,omitempty"`
	Rule  string `json:"rule"`
}

// String returns one line.
func (b ByRule) String() string {
	if b.Value == "" {
		return fmt.Sprintf("%s by rule %s", b.Name, QuoteRule(b.Rule))
	}
	return fmt.Sprintf("%s = %s by rule %s", b.Name, b.Value, QuoteRule(b.Rule))
}

// QuoteRule returns a rule's text in quotes that it does not hold itself, where there
// are such: rules quote their own words with single or double ones.
func QuoteRule(text string) string {
	for _, quote := range []string{"'", `"`} {
		if !strings.Contains(text, quote) {
			return quote + text + quote
		}
	}
	return "`" + text + "`"
}

// Given lists what rules give a resource, or a group, in a scene: its own values, those
// of its group, of the defaults, and of the cluster.
func (d *Definition) Given(id ResourceID, at Scene) []ByRule {
	if !d.Ruled() {
		return nil
	}
	g := givenBy{}
	r, found := d.Effective(id)
	if found {
		at.Agent = r.Agent
		for i := range r.When {
			g.when("", &r.When[i], at)
		}
		g.taken("meta.", r.Meta)
	}
	group, grouped := d.GroupOf(id)
	if !grouped {
		group, grouped = d.Group(id)
	}
	if grouped {
		for i := range group.When {
			g.when("", &group.When[i], at)
		}
		g.taken("meta.", group.Meta)
	}
	for i := range d.Defaults.When {
		w := &d.Defaults.When[i]
		if w.Resource != (Meta{}) && holds(w.Rule, at) {
			g.fields("meta.", w.Resource, w.Rule)
		}
	}
	for i := range d.Cluster.When {
		w := d.Cluster.When[i]
		if rule := w.Rule; holds(rule, at) {
			w.Rule = ""
			g.fields("cluster.", w, rule)
		}
	}
	return g.list
}

// Given lists what rules give the node at an instant.
func (n *Node) Given(now time.Time) []ByRule {
	g := givenBy{}
	if rule, standby := n.StandbyAt(now); standby {
		g.add("node.standby", "true", rule)
	}
	for i := range n.When {
		w := &n.When[i]
		if !holds(w.Rule, Scene{Now: now}) {
			continue
		}
		for _, name := range sortedKeys(w.Attributes) {
			g.add("node.attributes."+name, w.Attributes[name], w.Rule)
		}
		for _, name := range sortedKeys(w.Utilization) {
			g.add("node.utilization."+name, fmt.Sprint(w.Utilization[name]), w.Rule)
		}
	}
	return g.list
}

// givenBy gathers values; the first that is given counts.
type givenBy struct {
	list []ByRule
	seen map[string]bool
}

func (g *givenBy) add(name, value, rule string) {
	if g.seen[name] {
		return
	}
	if g.seen == nil {
		g.seen = map[string]bool{}
	}
	g.seen[name] = true
	if rule != "" {
		g.list = append(g.list, ByRule{Name: name, Value: value, Rule: rule})
	}
}

func (g *givenBy) when(prefix string, w *When, at Scene) {
	if !holds(w.Rule, at) {
		return
	}
	for _, name := range sortedKeys(w.Params) {
		g.add(prefix+"params."+name, "", w.Rule)
	}
	g.fields(prefix+"meta.", w.Meta, w.Rule)
	for _, name := range sortedKeys(w.Utilization) {
		g.add(prefix+"utilization."+name, fmt.Sprint(w.Utilization[name]), w.Rule)
	}
	for _, op := range w.Ops {
		at := prefix + "op." + string(op.Name) + "."
		if op.Interval != 0 {
			at = prefix + "op." + string(op.Name) + "/" + op.Interval.String() + "."
		}
		for _, name := range sortedKeys(op.Params) {
			g.add(at+"params."+name, "", w.Rule)
		}
		op.Name, op.Interval, op.Role, op.Params = "", 0, RoleUnknown, nil
		g.fields(at, op, w.Rule)
	}
}

// taken notes what is given without a rule.
func (g *givenBy) taken(prefix string, values any) { g.fields(prefix, values, "") }

// fields adds the fields of a struct that are set, by their names in JSON.
func (g *givenBy) fields(prefix string, values any, rule string) {
	v := reflect.ValueOf(values)
	for i := range v.NumField() {
		field := v.Field(i)
		if field.IsZero() {
			continue
		}
		if field.Kind() == reflect.Pointer {
			field = field.Elem()
		}
		name, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("json"), ",")
		g.add(prefix+name, fmt.Sprint(field.Interface()), rule)
	}
}
