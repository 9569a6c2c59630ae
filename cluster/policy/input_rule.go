package policy

import (
	"time"

	"github.com/belay-ha/belay/resources"
)

// Rule is a condition: parts joined by and, or by or.
type Rule struct {
	ID    string
	Or    bool
	Parts []Condition
}

// Condition is one part of a rule: exactly one field is set.
type Condition struct {
	Rule      *Rule
	Attribute *AttributeExpression
	Date      *DateExpression
	Resource  *ResourceExpression
	Op        *OpExpression
}

// AttributeExpression compares a node attribute.
type AttributeExpression struct {
	ID, Attribute string
	// Operation is lt, gt, lte, gte, eq, ne, defined or not_defined.
	Operation string
	// Type is string, integer, number, version, or empty for the default.
	Type  string
	Value string
	// Source says what Value is: literal (or empty), param, meta.
	Source string
}

// DateExpression compares the time.
type DateExpression struct {
	ID string
	// Operation is gt, lt, in_range or date_spec.
	Operation  string
	Start, End time.Time  // zero where not given
	Duration   *DateParts // added to Start
	Spec       *DateSpec
}

// DateParts is a length of time in calendar units.
type DateParts struct{ Years, Months, Weeks, Days, Hours, Minutes, Seconds int }

// DateSpec holds ranges of calendar fields.
type DateSpec = resources.DateSpec

// ResourceExpression tests a resource's agent; "" matches any.
type ResourceExpression struct{ ID, Class, Provider, Type string }

// OpExpression tests an operation; a nil Interval matches any.
type OpExpression struct {
	ID, Name string
	Interval *time.Duration
}
