package cib

import (
	"regexp"
	"strings"

	"github.com/belay-ha/belay/cluster/policy"
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
		m.lose(m.within(p.Date.ID, at), "date expression %q cannot be represented: rules of definitions are about nodes", p.Date.ID)
	case p.Resource != nil:
		m.lose(m.within(p.Resource.ID, at), "resource expression %q cannot be represented", p.Resource.ID)
	case p.Op != nil:
		m.lose(m.within(p.Op.ID, at), "operation expression %q cannot be represented", p.Op.ID)
	}
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
var builtIn = []string{"#uname", "#kind", "#cluster-name"}

var comparisons = map[string]string{"lt": "<", "lte": "<=", "gt": ">", "gte": ">=", "eq": "==", "ne": "!="}

func (m *importer) comparisonText(a *policy.AttributeExpression, at place) (string, bool) {
	at = m.within(a.ID, at)
	if a.Source == "param" || a.Source == "meta" {
		m.lose(at, "expression %q compares with a %s of the resource, which cannot be represented", a.ID, a.Source)
		return "", false
	}
	if strings.HasPrefix(a.Attribute, "#") && !contains(builtIn, a.Attribute) && !strings.HasPrefix(a.Attribute, "#health") {
		m.lose(at, "expression %q: rules of definitions do not know the attribute %s", a.ID, a.Attribute)
		return "", false
	}
	name := quoteWord(a.Attribute)
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
	return name + " " + sign + " " + quoteText(a.Value), true
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
	if plainWord.MatchString(text) && !contains([]string{"not", "and", "or", "defined", "not_defined"}, strings.ToLower(text)) {
		return text
	}
	return quoteText(text)
}

func quoteText(text string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(text) + `"`
}
