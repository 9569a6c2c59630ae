package resources

import (
	"errors"
	"fmt"
	"path"
	"strings"
)

// uniqueID reports a constraint's id that is unusable or taken. Ids that were
// left out are derived, so the same id often means the same constraint.
func (v *validator) uniqueID(at, id, derived string) {
	if repeated(at) && id == derived {
		v.add(ProblemDuplicate, at, "remove one, or give it an id of its own", "the same constraint is there already")
		return
	}
	v.id(at, "id", id)
}

func (v *validator) orders() {
	var paths Paths
	for _, o := range v.def.Orders {
		at := paths.Next("order", o.ID)
		v.uniqueID(at, o.ID, o.DefaultID())
		first, then := o.actions()
		if len(o.Sets) > 0 {
			v.sets(at, o.Sets, orderSetFields, map[string]bool{
				"first": o.First != "", "then": o.Then != "", "first_action": o.FirstAction != "", "then_action": o.ThenAction != "", "require_all": o.RequireAll != nil,
			})
		} else {
			v.orderSide(at+".first", o.First, first)
			v.orderSide(at+".then", o.Then, then)
		}
		oneOf(v, at+".kind", o.Kind, OrderMandatory, OrderOptional, OrderSerialize)
		if o.First == o.Then && o.First != "" && first == then {
			v.add(ProblemCycle, at+".then", "", "%q cannot wait for itself", o.First)
		}
		if o.Kind == OrderSerialize && Or(o.Symmetrical, false) {
			v.add(ProblemConflict, at+".symmetrical", "", "an order of kind serialize has no direction")
		}
	}
}

// actions returns both actions with the defaults filled in.
func (o *Order) actions() (first, then Op) {
	first = o.FirstAction
	if first == "" {
		first = OpStart
	}
	then = o.ThenAction
	if then == "" {
		then = first
	}
	return first, then
}

func (v *validator) orderSide(at string, id ResourceID, action Op) {
	oneOf(v, at+"_action", action, OpStart, OpStop, OpPromote, OpDemote)
	if v.constraintRef(at, id) && (action == OpPromote || action == OpDemote) && !v.promotable(id) {
		v.add(ProblemConflict, at+"_action", "use start or stop, or set clone.promotable", "%q cannot %s: it is no promotable clone", id, action)
	}
}

func (v *validator) colocations() {
	var paths Paths
	for _, c := range v.def.Colocations {
		at := paths.Next("colocation", c.ID)
		v.uniqueID(at, c.ID, c.DefaultID())
		if len(c.Sets) > 0 {
			v.sets(at, c.Sets, colocationSetFields, map[string]bool{
				"resource": c.Resource != "", "with": c.With != "", "role": c.Role != RoleUnknown, "with_role": c.WithRole != RoleUnknown, "node_attribute": c.NodeAttribute != "",
			})
		} else {
			v.placedRole(at+".role", c.Resource, c.Role, v.constraintRef(at+".resource", c.Resource))
			v.placedRole(at+".with_role", c.With, c.WithRole, v.constraintRef(at+".with", c.With))
		}
		if c.Resource == c.With && c.Resource != "" {
			v.add(ProblemConflict, at+".with", "", "%q cannot be placed relative to itself", c.With)
		}
		if c.Score == 0 {
			v.add(ProblemInvalid, at+".score", "leave it out for INFINITY", "a score of 0 does nothing")
		}
	}
}

func (v *validator) placedRole(at string, id ResourceID, role Role, exists bool) {
	if role == RolePromoted && exists && !v.promotable(id) {
		v.add(ProblemConflict, at, "leave the role out, or set clone.promotable", "%q is never promoted: it is no promotable clone", id)
	}
}

func (v *validator) locations() {
	var paths Paths
	for _, l := range v.def.Locations {
		at := paths.Next("location", l.ID)
		v.uniqueID(at, l.ID, l.DefaultID())
		switch {
		case l.Resource != "" && l.Selector != nil:
			v.add(ProblemConflict, at+".resources", "", "give resource or resources, not both")
		case l.Selector != nil && len(l.Sets) > 0:
			v.add(ProblemConflict, at+".sets", "", "give resources or sets, not both")
		case l.Selector != nil:
			v.selector(at+".resources", l.Selector)
		case len(l.Sets) > 0:
			v.sets(at, l.Sets, locationSetFields, map[string]bool{"resource": l.Resource != "", "role": l.Role != RoleUnknown})
		case v.def.Remote(NodeName(l.Resource)) && !v.exists(l.Resource) && v.alias[l.Resource] == nil:
			if l.Role != RoleUnknown {
				v.add(ProblemConflict, at+".role", "leave the role out", "%q is a remote node, which has no role", l.Resource)
			}
		default:
			v.placedRole(at+".role", l.Resource, l.Role, v.constraintRef(at+".resource", l.Resource))
		}
		switch {
		case l.Node != "" && l.Rule != "":
			v.add(ProblemConflict, at+".rule", "", "give node or rule, not both")
		case l.Node != "":
			v.nodeRef(at+".node", l.Node)
		case l.Rule != "":
			v.locationRule(at+".rule", l.Rule)
		default:
			v.add(ProblemMissing, at, "", "node or rule is missing")
		}
		switch {
		case l.ScoreAttribute == "":
		case l.Rule == "":
			v.add(ProblemConflict, at+".score_attribute", "give a rule, such as: defined "+l.ScoreAttribute, "a score is taken from an attribute where a rule holds only")
		case l.Score != 0:
			v.add(ProblemConflict, at+".score", "", "give score or score_attribute, not both")
		}
		oneOf(v, at+".resource_discovery", l.Discovery, DiscoveryAlways, DiscoveryNever, DiscoveryExclusive)
	}
}

// locationRule checks the rule of a location.
func (v *validator) locationRule(at, text string) {
	v.rule(at, text)
	if rule, err := ParseRule(text); err == nil && (rule.Asks().Agent || rule.Asks().Op) {
		v.add(ProblemConflict, at, `write resources = { agent = "systemd:*" } for an agent`, "a location's rule is about nodes, neither about agents nor about operations")
	}
}

func (v *validator) selector(at string, s *Selector) {
	_, err := path.Match(s.Agent, "")
	switch {
	case s.Agent == "" && s.ID == "":
		v.add(ProblemMissing, at+".agent", `such as { agent = "systemd:*" }`, "the selector chooses nothing")
	case s.Agent != "" && s.ID != "":
		v.add(ProblemConflict, at+".id", "", "give agent or id, not both")
	case err != nil:
		v.add(ProblemInvalid, at+".agent", "", "%q is not a shell pattern", s.Agent)
	case s.ID != "" && s.IDs() == nil:
		v.add(ProblemInvalid, at+".id", "", "%q is not a regular expression", s.ID)
	}
}

// rule reports a rule that does not parse, and one that asks for an attribute
// that is surely a misspelling of a node's. Others may be transient.
func (v *validator) rule(at, text string) {
	rule, err := ParseRule(text)
	if err != nil {
		column, message := 0, err.Error()
		var ruleErr *RuleError
		if errors.As(err, &ruleErr) {
			column, message = ruleErr.Column, ruleErr.Text
		}
		v.add(ProblemInvalid, at, "", "rule %q, at its column %d: %s", text, column, message)
		return
	}
	declared := map[string]bool{}
	for _, n := range v.def.Nodes {
		for name := range n.Attributes {
			declared[name] = true
		}
	}
	for _, name := range rule.Attributes() {
		if declared[name] || strings.HasPrefix(name, "#") {
			continue
		}
		for _, known := range sortedKeys(declared) {
			if len(name) >= 5 && editDistance(name, known) == 1 {
				v.add(ProblemUnknownName, at, fmt.Sprintf("did you mean %q?", known), "no node has the attribute %q", name)
				break
			}
		}
	}
}
