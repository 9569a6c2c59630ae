package cib

import (
	"strconv"
	"time"

	"github.com/belay-ha/belay/cluster/policy"
)

// rule reads a rule and the rules in it. A rule may refer to another, so depth
// bounds what the depth of the file does not.
func (r *reader) rule(e *element, depth int) *policy.Rule {
	at := e.at
	if e = r.deref(e); e == nil {
		return nil
	}
	if depth > MaxDepth {
		r.add(at, "rules are nested more than %d deep", MaxDepth)
		return nil
	}
	rule := &policy.Rule{ID: e.id(), Or: r.word(e, "boolean-op", "and", "or") == "or"}
	for _, c := range e.children {
		if c.name != "rule" { // which says where it is referred to
			if c = r.deref(c); c == nil {
				continue
			}
		}
		if part := r.condition(c, depth); part != (policy.Condition{}) {
			rule.Parts = append(rule.Parts, part)
		}
	}
	if len(e.children) == 0 {
		r.fault(e.at, "rule %q has no conditions", rule.ID)
	}
	return rule
}

// condition reads one part of a rule.
func (r *reader) condition(e *element, depth int) (part policy.Condition) {
	switch e.name {
	case "rule":
		part.Rule = r.rule(e, depth+1)
	case "expression":
		part.Attribute = &policy.AttributeExpression{
			ID:        e.id(),
			Attribute: r.need(e, "attribute"),
			Operation: r.word(e, "operation", "lt", "gt", "lte", "gte", "eq", "ne", "defined", "not_defined"),
			Type:      r.word(e, "type", "string", "integer", "number", "version"),
			Value:     e.get("value"),
			Source:    r.word(e, "value-source", "literal", "param", "meta"),
		}
		r.need(e, "operation")
	case "date_expression":
		part.Date = r.date(e)
	case "rsc_expression":
		part.Resource = &policy.ResourceExpression{ID: e.id(), Class: e.get("class"), Provider: e.get("provider"), Type: e.get("type")}
	case "op_expression":
		part.Op = &policy.OpExpression{ID: e.id(), Name: r.need(e, "name")}
		if _, given := e.lookup("interval"); given {
			d := r.interval(e)
			part.Op.Interval = &d
		}
	}
	return part
}

// date reads a condition on the time.
func (r *reader) date(e *element) *policy.DateExpression {
	d := &policy.DateExpression{
		ID:        e.id(),
		Operation: r.word(e, "operation", "gt", "lt", "in_range", "date_spec"),
		Start:     r.time(e, "start"),
		End:       r.time(e, "end"),
	}
	if d.Operation == "" {
		d.Operation = "in_range"
	}
	if c := e.child("duration"); c != nil {
		if c = r.deref(c); c != nil {
			d.Duration = r.duration(c)
		}
	}
	if c := e.child("date_spec"); c != nil {
		if c = r.deref(c); c != nil {
			d.Spec = dateSpec(c)
		}
	}
	missing := ""
	switch {
	case d.Operation == "gt" && d.Start.IsZero():
		missing = "start"
	case d.Operation == "lt" && d.End.IsZero():
		missing = "end"
	case d.Operation == "date_spec" && d.Spec == nil:
		missing = "date_spec"
	case d.Operation == "in_range" && d.Start.IsZero() && d.End.IsZero():
		missing = "start or end"
	}
	if missing != "" {
		r.fault(e.at, "date_expression %q with operation %s has no %s", d.ID, d.Operation, missing)
	}
	return d
}

// time reads an attribute with a date.
func (r *reader) time(e *element, name string) time.Time {
	text := e.get(name)
	if text == "" {
		return time.Time{}
	}
	t, err := policy.ParseTime(text)
	if err != nil {
		r.fault(e.where(name), "%s: %v", name, err)
	}
	return t
}

// duration reads a length of time in calendar units.
func (r *reader) duration(e *element) *policy.DateParts {
	d := &policy.DateParts{}
	for _, unit := range []struct {
		name string
		to   *int
	}{
		{"years", &d.Years}, {"months", &d.Months}, {"weeks", &d.Weeks}, {"days", &d.Days},
		{"hours", &d.Hours}, {"minutes", &d.Minutes}, {"seconds", &d.Seconds},
	} {
		text := e.get(unit.name)
		if text == "" {
			continue
		}
		n, err := strconv.ParseInt(text, 10, 32)
		if err != nil {
			r.fault(e.where(unit.name), "%s %q is not a whole number", unit.name, text)
		}
		*unit.to = int(n)
	}
	return d
}

func dateSpec(e *element) *policy.DateSpec {
	spec := &policy.DateSpec{
		Seconds: e.get("seconds"), Minutes: e.get("minutes"), Hours: e.get("hours"),
		Monthdays: e.get("monthdays"), Weekdays: e.get("weekdays"), Yeardays: e.get("yeardays"),
		Months: e.get("months"), Weeks: e.get("weeks"), Years: e.get("years"), Weekyears: e.get("weekyears"),
		Moon: e.get("moon"),
	}
	if spec.Yeardays == "" {
		spec.Yeardays = e.get("yearsdays") // as schemas spelled it for a time
	}
	return spec
}
