package cib

import (
	"regexp"
	"strings"
	"time"

	"github.com/belay-ha/belay/cluster/policy"
	"github.com/belay-ha/belay/resources"
)

// ruleText writes a rule as a definition's text; false, and the loss is told, if
// no text says the same.
func (m *importer) ruleText(rule *policy.Rule, at place, inside bool) (string, bool) {
	joiner := " and "
	if rule.Or {
		joiner = " or "
	}
	if len(rule.Parts) == 0 {
		m.lose(at, "rule %q has no conditions and cannot be represented", rule.ID)
		return "", false
	}
	parts := make([]string, 0, len(rule.Parts))
	whole := true
	for _, p := range rule.Parts {
		text, ok := m.conditionText(p, at)
		whole = whole && ok
		parts = append(parts, text)
	}
	text := strings.Join(parts, joiner)
	if inside && len(parts) > 1 {
		text = "(" + text + ")"
	}
	return text, whole
}

func (m *importer) conditionText(p policy.Condition, at place) (string, bool) {
	switch {
	case p.Rule != nil:
		return m.ruleText(p.Rule, at, true)
	case p.Attribute != nil:
		return m.comparisonText(p.Attribute, at)
	case p.Date != nil:
		return m.dateText(p.Date, at)
	case p.Resource != nil:
		return m.agentText(p.Resource, m.within(p.Resource.ID, at))
	case p.Op != nil:
		return operationText(p.Op), true
	}
	return "", false
}

// dateText writes a comparison with dates.
func (m *importer) dateText(d *policy.DateExpression, at place) (string, bool) {
	end := d.End
	if d.Duration != nil && end.IsZero() && !d.Start.IsZero() {
		end = d.Duration.AddTo(d.Start)
	}
	date := func(sign string, t time.Time) string { return "date " + sign + " " + t.UTC().Format(time.RFC3339) }
	switch {
	case d.Operation == "gt" && !d.Start.IsZero():
		return date(">", d.Start), true
	case d.Operation == "lt":
		return date("<", d.End), true
	case d.Operation == "in_range" && d.Start.IsZero():
		return date("<=", end), true
	case d.Operation == "in_range" && end.IsZero():
		return date(">=", d.Start), true
	case d.Operation == "in_range":
		return "(" + date(">=", d.Start) + " and " + date("<=", end) + ")", true
	}
	if d.Operation == "date_spec" && d.Spec != nil && d.Spec.String() != "" {
		text := "date in " + quoteText(d.Spec.String())
		if _, err := resources.ParseRule(text); err == nil {
			return text, true
		}
	}
	m.lose(m.within(d.ID, at), "date expression %q cannot be represented", d.ID)
	return "", false
}

func (m *importer) within(id string, otherwise place) place {
	if len(m.r.byID[id]) == 0 {
		return otherwise
	}
	return m.at(id)
}

// builtIn are the attributes that no configuration gives and that rules of
// definitions know too.
var builtIn = []string{"#uname", "#kind", "#cluster-name", "#site-name", "#is_dc"}

var comparisons = map[string]string{"lt": "<", "lte": "<=", "gt": ">", "gte": ">=", "eq": "==", "ne": "!="}

func (m *importer) comparisonText(a *policy.AttributeExpression, at place) (string, bool) {
	at = m.within(a.ID, at)
	if text, found := m.nodesByID(a); found {
		return text, true
	}
	name := quoteWord(a.Attribute)
	value := quoteText(a.Value)
	switch {
	case a.Source == "param" && m.ruleParams:
		value = "param " + value
	case a.Source == "meta" && m.ruleMeta != nil:
		given, found := m.ruleMeta(a.Value)
		if !found { // a comparison with nothing
			return map[bool]string{true: "", false: "not_"}[a.Operation == "ne"] + "defined " + name, true
		}
		value = quoteText(given)
	case a.Source == "param" || a.Source == "meta":
		m.lose(at, "expression %q compares with a %s of the resource, which cannot be represented", a.ID, a.Source)
		return "", false
	}
	if a.Attribute == "#id" && (a.Operation == "defined" || a.Operation == "not_defined") {
		return a.Operation + " #uname", true // every node has both
	}
	if strings.HasPrefix(a.Attribute, "#") && !contains(builtIn, a.Attribute) && !strings.HasPrefix(a.Attribute, "#health") {
		m.lose(at, "expression %q: rules of definitions do not know the attribute %s", a.ID, a.Attribute)
		return "", false
	}
	switch a.Operation {
	case "defined", "not_defined":
		return a.Operation + " " + name, true
	}
	sign, known := comparisons[a.Operation]
	if !known {
		m.lose(at, "expression %q: operation %q is unknown", a.ID, a.Operation)
		return "", false
	}
	if a.Type != "" {
		sign += " " + strings.ToLower(a.Type)
	}
	return name + " " + sign + " " + value, true
}

// nodesByID writes the names of the nodes that an expression means by their ids.
func (m *importer) nodesByID(a *policy.AttributeExpression) (string, bool) {
	if _, known := comparisons[a.Operation]; a.Attribute != "#id" || !known || a.Source == "param" || a.Source == "meta" {
		return "", false
	}
	var names []string
	for i := range m.in.Nodes {
		if n := &m.in.Nodes[i]; resources.CompareAttribute(n.ID, true, a.Value, true, a.Operation, strings.ToLower(a.Type)) {
			names = append(names, "#uname == "+quoteText(n.Name))
		}
	}
	switch len(names) {
	case 0:
		return "not_defined #uname", true // no node at all
	case 1:
		return names[0], true
	}
	return "(" + strings.Join(names, " or ") + ")", true
}

func contains(words []string, word string) bool {
	for _, w := range words {
		if w == word {
			return true
		}
	}
	return false
}

var plainWord = regexp.MustCompile(`^[#A-Za-z_][-#A-Za-z0-9_.:]*$`)

// quoteWord quotes what would not read as one name.
func quoteWord(text string) string {
	if plainWord.MatchString(text) && !contains([]string{"not", "and", "or", "defined", "not_defined", "date"}, strings.ToLower(text)) {
		return text
	}
	return quoteText(text)
}

func quoteText(text string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(text) + `"`
}
