package cib

import (
	"regexp"
	"strings"

	"github.com/belay-ha/belay/cluster/policy"
)

// constraints takes all constraints. What they name need not exist.
func (r *reader) constraints(list *element) {
	if list == nil {
		return
	}
	for _, e := range list.children {
		if r.need(e, "id") == "" {
			continue
		}
		switch e.name {
		case "rsc_location":
			r.in.Locations = append(r.in.Locations, r.location(e))
		case "rsc_colocation":
			r.in.Colocations = append(r.in.Colocations, r.colocation(e))
		case "rsc_order":
			r.in.Orders = append(r.in.Orders, r.order(e))
		case "rsc_ticket":
			r.in.TicketUses = append(r.in.TicketUses, r.ticketUse(e))
		}
	}
}

func (r *reader) location(e *element) policy.LocationConfig {
	c := policy.LocationConfig{
		ID:        e.id(),
		Resource:  e.get("rsc"),
		Pattern:   e.get("rsc-pattern"),
		Role:      r.role(e, "role"),
		Node:      e.get("node"),
		Score:     r.scoreText(e),
		Discovery: r.word(e, "resource-discovery", "always", "never", "exclusive"),
		Lifetime:  r.lifetime(e),
		Sets:      r.resourceSets(e),
	}
	if c.Resource == "" && c.Pattern == "" && len(c.Sets) == 0 {
		r.fault(e.at, "location %q names no resource", c.ID)
	}
	if rest, negated := strings.CutPrefix(c.Pattern, "!"); negated {
		c.Pattern, c.Negated = rest, true
	}
	if _, err := regexp.Compile(c.Pattern); err != nil {
		r.fault(e.where("rsc-pattern"), "rsc-pattern: %v", err)
	}
	for _, rule := range e.all("rule") {
		if rule = r.deref(rule); rule == nil {
			continue
		}
		c.Rules = append(c.Rules, policy.LocationRule{
			Rule:           r.rule(rule, 0),
			Score:          r.scoreText(rule),
			ScoreAttribute: rule.get("score-attribute"),
			Role:           r.role(rule, "role"),
		})
	}
	if set := r.asSet(c.Resource, c.Role, ""); set != nil && r.isAlias(c.Resource) {
		c.Resource, c.Role, c.Sets = "", "", []policy.Set{*set}
	}
	return c
}

func (r *reader) colocation(e *element) policy.ColocationConfig {
	c := policy.ColocationConfig{
		ID:            e.id(),
		Dependent:     e.get("rsc"),
		Primary:       e.get("with-rsc"),
		DependentRole: r.role(e, "rsc-role"),
		PrimaryRole:   r.role(e, "with-rsc-role"),
		Score:         r.scoreText(e),
		NodeAttribute: e.get("node-attribute"),
		Influence:     lenientBool(e.get("influence")),
		Lifetime:      r.lifetime(e),
		Sets:          r.resourceSets(e),
	}
	if len(c.Sets) == 0 {
		r.need(e, "rsc")
		r.need(e, "with-rsc")
	}
	if r.isAlias(c.Dependent) || r.isAlias(c.Primary) {
		dependent, primary := r.asSet(c.Dependent, c.DependentRole, ""), r.asSet(c.Primary, c.PrimaryRole, "")
		if dependent != nil && primary != nil {
			c.Dependent, c.Primary, c.DependentRole, c.PrimaryRole = "", "", "", ""
			c.Sets = []policy.Set{*dependent, *primary}
		}
	}
	return c
}

func (r *reader) order(e *element) policy.OrderConfig {
	c := policy.OrderConfig{
		ID:          e.id(),
		First:       e.get("first"),
		Then:        e.get("then"),
		FirstAction: r.action(e, "first-action"),
		ThenAction:  r.action(e, "then-action"),
		Kind:        r.word(e, "kind", "Mandatory", "Optional", "Serialize"),
		Score:       r.scoreText(e),
		Symmetrical: r.optionalBool(e, "symmetrical"),
		RequireAll:  r.optionalBool(e, "require-all"),
		Lifetime:    r.lifetime(e),
		Sets:        r.resourceSets(e),
	}
	if len(c.Sets) == 0 {
		r.need(e, "first")
		r.need(e, "then")
	}
	if r.isAlias(c.First) || r.isAlias(c.Then) {
		first, then := r.asSet(c.First, "", c.FirstAction), r.asSet(c.Then, "", c.ThenAction)
		if first != nil && then != nil {
			c.First, c.Then, c.FirstAction, c.ThenAction = "", "", "", ""
			c.Sets = []policy.Set{*first, *then}
		}
	}
	return c
}

func (r *reader) ticketUse(e *element) policy.TicketConfig {
	c := policy.TicketConfig{
		ID:         e.id(),
		Ticket:     r.need(e, "ticket"),
		Resource:   e.get("rsc"),
		Role:       r.role(e, "rsc-role"),
		LossPolicy: r.word(e, "loss-policy", "stop", "demote", "fence", "freeze"),
		Lifetime:   r.lifetime(e),
		Sets:       r.resourceSets(e),
	}
	if len(c.Sets) == 0 {
		r.need(e, "rsc")
	}
	if set := r.asSet(c.Resource, c.Role, ""); set != nil && r.isAlias(c.Resource) {
		c.Resource, c.Role, c.Sets = "", "", []policy.Set{*set}
	}
	return c
}

// action reads the name of an action in an order.
func (r *reader) action(e *element, name string) string {
	return r.word(e, name, "start", "stop", "promote", "demote")
}

// lifetime reads the rules that say when a constraint holds: any of them.
func (r *reader) lifetime(e *element) *policy.Rule {
	life := e.child("lifetime")
	if life == nil {
		return nil
	}
	any := &policy.Rule{Or: true}
	for _, c := range life.all("rule") {
		if c = r.deref(c); c != nil {
			any.Parts = append(any.Parts, policy.Condition{Rule: r.rule(c, 1)})
		}
	}
	if len(any.Parts) == 0 {
		return nil
	}
	return any
}

// lenientBool reads a boolean that the schemas do not restrict: what is none
// says nothing.
func lenientBool(text string) *bool {
	value, ok := parseBool(text)
	if !ok {
		return nil
	}
	return &value
}
