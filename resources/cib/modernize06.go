package cib

import "strings"

// modernize06 brings a configuration of Heartbeat 2 and Pacemaker 0.6 to the
// form of 1.0: names and values stood in <attributes>, meta-attributes were
// attributes of their resource or among its parameters, and constraints had a
// direction.
func modernize06(e *element) {
	e.walk(func(e *element) {
		e.unwrap()
		for i := range e.attrs {
			if modern, found := attributes06[e.attrs[i].name]; found {
				e.attrs[i].name = modern
			}
		}
		switch e.name {
		case "master_slave":
			e.name = "master"
			resource06(e)
		case "primitive", "group", "clone":
			resource06(e)
		case "rsc_order":
			order06(e)
		case "rsc_colocation":
			colocation06(e)
		case "op":
			e.rename("prereq", "requires")
			if value, given := e.lookup("disabled"); given {
				disabled, _ := parseBool(value)
				e.unset("disabled")
				e.set("enabled", map[bool]string{true: "false", false: "true"}[disabled])
			}
		}
	})
}

// attributes06 are attributes that were written with underscores.
var attributes06 = map[string]string{
	"boolean_op": "boolean-op", "on_fail": "on-fail", "score_attribute": "score-attribute",
	"score_attribute_mangled": "score-attribute-mangle", "start_delay": "start-delay", "node_attribute": "node-attribute",
}

// meta06 are meta-attributes that stood among the parameters.
var meta06 = []string{
	"resource_stickiness", "allow_migrate", "globally_unique", "target_role",
	"clone_max", "clone_node_max", "master_max", "master_node_max",
}

// unwrap puts the children of <attributes> in its place.
func (e *element) unwrap() {
	var flat []*element
	for _, c := range e.children {
		if c.name == "attributes" {
			flat = append(flat, c.children...)
		} else {
			flat = append(flat, c)
		}
	}
	e.children = flat
}

func (e *element) rename(from, to string) {
	for i := range e.attrs {
		if e.attrs[i].name == from {
			e.attrs[i].name = to
		}
	}
}

// resource06 makes meta-attributes of a resource's attributes.
func resource06(e *element) {
	block := &element{name: "meta_attributes", at: e.at, size: 1}
	add := func(name, value string, at place) {
		name = strings.ReplaceAll(name, "_", "-")
		block.children = append(block.children, &element{name: "nvpair", at: at, size: 1, attrs: []attr{{"name", name, at}, {"value", value, at}}})
		block.size++
	}
	kept := e.attrs[:0:0]
	for _, a := range e.attrs {
		switch a.name {
		case "id", "class", "provider", "type", "description":
			kept = append(kept, a)
		default:
			add(a.name, a.value, a.at)
		}
	}
	e.attrs = kept
	if e.get("class") != "ocf" {
		e.unset("provider")
	}
	for _, c := range e.children {
		c.unwrap() // its turn comes only later
		for _, pair := range c.children {
			name := pair.get("name")
			switch {
			case c.name == "meta_attributes" && pair.name == "nvpair":
				pair.set("name", strings.ReplaceAll(name, "_", "-"))
			case c.name == "instance_attributes" && among(name, meta06):
				add(name, pair.get("value"), pair.at)
			}
		}
	}
	if len(block.children) > 0 {
		e.children = append([]*element{block}, e.children...)
	}
}

// order06 turns "from is after (or before) to" into first and then.
func order06(e *element) {
	if _, old := e.lookup("from"); !old {
		return
	}
	from, to, fromAction, toAction := "then", "first", "then-action", "first-action"
	if e.get("type") == "before" {
		from, to, fromAction, toAction = to, from, toAction, fromAction
	}
	e.unset("type")
	e.rename("from", from)
	e.rename("to", to)
	e.rename("action", fromAction)
	e.rename("to_action", toAction)
}

// colocation06 turns "from with to" into rsc and with-rsc.
func colocation06(e *element) {
	e.rename("from", "rsc")
	e.rename("to", "with-rsc")
	e.rename("from_role", "rsc-role")
	e.rename("to_role", "with-rsc-role")
	e.unset("symmetrical")
}
