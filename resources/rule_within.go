package resources

import (
	"fmt"
	"path"
	"strings"
)

// Words that stand before "in"; in quotes each is an attribute like any other.
const (
	agentWord = "agent"
	opWord    = "op"
)

// ruleAgent holds for resources whose agent matches a shell pattern.
type ruleAgent struct{ pattern string }

func (e ruleAgent) names(names []string) []string { return names }

func (e ruleAgent) match(at Scene) bool {
	matches, err := path.Match(e.pattern, at.Agent)
	return err == nil && matches && at.Agent != ""
}

// ruleOperation holds for one operation; with an interval, for that interval only.
type ruleOperation struct {
	op       Op
	interval *Duration
}

func (e ruleOperation) names(names []string) []string { return names }

func (e ruleOperation) match(at Scene) bool {
	return at.Op == e.op && (e.interval == nil || *e.interval == at.Interval)
}

// within reads what follows "date in", "agent in" and "op in"; false for any other
// word.
func (p *ruleParser) within(word string) (ruleExpr, bool, error) {
	var expr ruleExpr
	var err error
	switch word {
	case dateWord:
		var spec DateSpec
		spec, err = parseDateSpec(p.peek().text)
		expr = ruleSpec{spec}
	case agentWord:
		expr, err = parseAgentPattern(p.peek())
	case opWord:
		expr, err = parseRuleOperation(p.peek().text)
	default:
		return nil, false, nil
	}
	value := p.next()
	if err != nil {
		return nil, true, &RuleError{value.column, err.Error()}
	}
	return expr, true, nil
}

func parseAgentPattern(value ruleToken) (ruleExpr, error) {
	_, err := path.Match(value.text, "")
	if err != nil || value.text == "" || value.kind == ruleSymbol {
		return nil, fmt.Errorf("%s is no shell pattern such as \"systemd:*\"", value)
	}
	return ruleAgent{value.text}, nil
}

// parseRuleOperation reads "monitor" or "monitor/10s".
func parseRuleOperation(text string) (ruleExpr, error) {
	name, length, timed := strings.Cut(text, "/")
	expr := ruleOperation{op: Op(name)}
	known := false
	for _, op := range opNames {
		known = known || op == expr.op
	}
	if !known {
		return nil, fmt.Errorf("%q is no operation such as start or monitor/10s", text)
	}
	if timed {
		interval, err := ParseDuration(length)
		if err != nil {
			return nil, err
		}
		expr.interval = &interval
	}
	return expr, nil
}

// RuleAsks says what a rule asks for besides the time.
type RuleAsks struct {
	// Node, for any attribute of it; Leader, for the one that says who leads.
	Node, Leader bool
	// Site, for the name of the site that the node is at.
	Site              bool
	Agent, Op, Params bool
}

// Asks returns what the rule asks for.
func (r Rule) Asks() RuleAsks {
	var asks RuleAsks
	visitRule(r.expr, func(e ruleExpr) {
		switch e := e.(type) {
		case ruleAgent:
			asks.Agent = true
		case ruleOperation:
			asks.Op = true
		case ruleComparison:
			asks.Params = asks.Params || e.param
		}
	})
	for _, name := range r.Attributes() {
		asks.Node = true
		asks.Leader = asks.Leader || name == "#is_dc"
		asks.Site = asks.Site || name == "#site-name"
	}
	return asks
}

// visitRule calls do for each part of a rule that holds no others.
func visitRule(e ruleExpr, do func(ruleExpr)) {
	switch e := e.(type) {
	case nil:
	case ruleNot:
		visitRule(e.inner, do)
	case ruleAnd:
		for _, part := range e.all {
			visitRule(part, do)
		}
	case ruleOr:
		for _, part := range e.any {
			visitRule(part, do)
		}
	default:
		do(e)
	}
}

// AddSite adds the site that a node is at to its attributes: what its attribute
// site-name says, else the cluster's name.
func AddSite(attributes map[string]string) {
	if _, given := attributes["#site-name"]; given {
		return
	}
	site, given := attributes["site-name"]
	if !given {
		site = attributes["#cluster-name"]
	}
	attributes["#site-name"] = site
}
