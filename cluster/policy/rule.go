package policy

import (
	"time"

	"github.com/belay-ha/belay/resources"
)

// ruleContext is what a rule may ask about; zero fields are unknown.
type ruleContext struct {
	node         *node
	rsc          *resource
	op           string
	interval     time.Duration
	params, meta map[string]string
	match        []string // groups of the pattern that chose the resource
}

// holds reports whether a rule holds; no rule always does.
func (e *engine) holds(r *Rule, ctx ruleContext) bool {
	return r == nil || e.ruleHolds(r, &ctx, 0)
}

// ruleHolds joins the parts of a rule. With no parts, "and" holds and "or" does
// not. A rule that is nested too deeply, as only a loop can be, does not hold.
func (e *engine) ruleHolds(r *Rule, ctx *ruleContext, depth int) bool {
	if depth > maxRuleDepth {
		return false
	}
	for i := range r.Parts {
		if e.conditionHolds(&r.Parts[i], ctx, depth) == r.Or {
			return r.Or
		}
	}
	return !r.Or
}

func (e *engine) conditionHolds(c *Condition, ctx *ruleContext, depth int) bool {
	switch {
	case c.Rule != nil:
		return e.ruleHolds(c.Rule, ctx, depth+1)
	case c.Attribute != nil:
		return e.attributeHolds(c.Attribute, ctx)
	case c.Date != nil:
		return dateHolds(c.Date, e.now)
	case c.Resource != nil:
		return resourceHolds(c.Resource, ctx.rsc)
	case c.Op != nil:
		return c.Op.Name == ctx.op && ctx.op != "" && (c.Op.Interval == nil || *c.Op.Interval == ctx.interval)
	default:
		return false
	}
}

// resourceHolds compares a resource's agent. Collections have none.
func resourceHolds(x *ResourceExpression, r *resource) bool {
	var class, provider, agent string
	if r != nil && r.config != nil {
		class, provider, agent = r.config.Class, r.config.Provider, r.config.Type
	}
	return (x.Class == "" || x.Class == class) &&
		(x.Provider == "" || x.Provider == provider) &&
		(x.Type == "" || x.Type == agent)
}

// attributeHolds compares an attribute of the node. Without a node there are no
// attributes, which is not the same as none being equal.
func (e *engine) attributeHolds(x *AttributeExpression, ctx *ruleContext) bool {
	name := x.Attribute
	if len(ctx.match) > 0 {
		name = replaceGroups(name, ctx.match)
	}
	actual, defined := "", false
	if ctx.node != nil {
		actual, defined = ctx.node.attrs[name]
	}
	switch x.Operation {
	case "defined":
		return defined
	case "not_defined":
		return !defined
	}
	wanted, known := x.Value, x.Value != ""
	switch {
	case !known:
	case x.Source == "param":
		wanted, known = ctx.params[x.Value]
	case x.Source == "meta":
		wanted, known = ctx.meta[x.Value]
	}
	return resources.CompareAttribute(actual, defined, wanted, known, x.Operation, x.Type)
}
