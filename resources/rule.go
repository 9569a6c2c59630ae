package resources

import (
	"fmt"
	"time"
)

// Rule is an expression over node attributes, dates, agents and operations. The
// zero Rule matches nothing.
type Rule struct {
	text string
	expr ruleExpr
}

// RuleError says where in its text a rule is wrong.
type RuleError struct {
	// Column counts bytes from 1.
	Column int
	Text   string
}

// Error returns one line.
func (e *RuleError) Error() string { return fmt.Sprintf("rule, column %d: %s", e.Column, e.Text) }

// Match reports whether the attributes fulfil the rule. Attributes are a node's
// own and, where the caller wants them, Pacemaker's "#uname" and the like.
//
// Comparisons follow Pacemaker Explained, "Rules", "Node Attribute
// Expressions": eq and ne compare text without regard to case; lt, lte, gt and
// gte compare integers, or decimals when one side has a point, or text when one
// side is no number. An attribute that is absent is ne to everything, and
// nothing else. No comparison with a date holds: see MatchAt.
func (r Rule) Match(attributes map[string]string) bool { return r.MatchAt(attributes, time.Time{}) }

// MatchAt is Match at an instant, by which comparisons with dates are judged.
func (r Rule) MatchAt(attributes map[string]string, now time.Time) bool {
	return r.MatchIn(Scene{Attributes: attributes, Now: now})
}

// MatchIn reports whether the rule holds in a scene.
func (r Rule) MatchIn(at Scene) bool { return r.expr != nil && r.expr.match(at) }

// String returns the rule as it was written.
func (r Rule) String() string { return r.text }

// Attributes returns the names that the rule asks for, in the order of its text.
func (r Rule) Attributes() []string {
	if r.expr == nil {
		return nil
	}
	return r.expr.names(nil)
}

// Scene is what a rule is judged by. What is not given is unknown, and nothing that
// a rule says of it holds.
type Scene struct {
	// Attributes are a node's own, and Pacemaker's "#uname" and the like.
	Attributes map[string]string
	Now        time.Time
	// Agent of the resource whose values are asked for, Op and Interval of the
	// operation, Params of the resource: see ParseRule.
	Agent    string
	Op       Op
	Interval Duration
	Params   Params
}

type ruleExpr interface {
	match(Scene) bool
	names([]string) []string
}

type ruleAnd struct{ all []ruleExpr }

func (e ruleAnd) match(at Scene) bool {
	for _, part := range e.all {
		if !part.match(at) {
			return false
		}
	}
	return true
}

func (e ruleAnd) names(names []string) []string { return ruleNames(e.all, names) }

type ruleOr struct{ any []ruleExpr }

func (e ruleOr) match(at Scene) bool {
	for _, part := range e.any {
		if part.match(at) {
			return true
		}
	}
	return false
}

func (e ruleOr) names(names []string) []string { return ruleNames(e.any, names) }

func ruleNames(parts []ruleExpr, names []string) []string {
	for _, part := range parts {
		names = part.names(names)
	}
	return names
}

type ruleNot struct{ inner ruleExpr }

func (e ruleNot) match(at Scene) bool           { return !e.inner.match(at) }
func (e ruleNot) names(names []string) []string { return e.inner.names(names) }

type ruleDefined struct{ name string }

func (e ruleDefined) match(at Scene) bool {
	_, ok := at.Attributes[e.name]
	return ok
}

func (e ruleDefined) names(names []string) []string { return append(names, e.name) }

// ruleComparison compares an attribute with a value.
type ruleComparison struct {
	name  string
	op    ruleOp
	kind  ruleType
	value string
	// param says that the value names the parameter that holds it.
	param bool
}

type ruleOp string

const (
	ruleEq  ruleOp = "eq"
	ruleNe  ruleOp = "ne"
	ruleLt  ruleOp = "lt"
	ruleLte ruleOp = "lte"
	ruleGt  ruleOp = "gt"
	ruleGte ruleOp = "gte"
)

// ruleType is string, integer, number, version, or empty: chosen as Pacemaker
// does.
type ruleType string

func (e ruleComparison) names(names []string) []string { return append(names, e.name) }

func (e ruleComparison) match(at Scene) bool {
	actual, ok := at.Attributes[e.name]
	value, known := e.value, true
	if e.param {
		value, known = at.Params[e.value]
	}
	return CompareAttribute(actual, ok, value, known, string(e.op), string(e.kind))
}
