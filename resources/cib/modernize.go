package cib

import (
	"strconv"
	"strings"
)

// modernize brings obsolete spellings to those of today, as Pacemaker does when
// it upgrades a configuration.
func (r *reader) modernize(e *element) {
	if strings.HasPrefix(r.schema, "pacemaker-0.") || strings.HasPrefix(r.schema, "transitional-0.") {
		modernize06(e)
	}
	if !r.since3() {
		r.moveOptions(e)
	}
	dropUnsupported(e)
	e.walk(func(e *element) {
		switch e.name {
		case "primitive", "template":
			modernPrimitive(e)
		case "rsc_colocation":
			// Scores from attributes never came to be.
			e.unset("score-attribute")
			e.unset("score-attribute-mangle")
		}
	})
}

// since3 reports whether the configuration says that it follows a schema from 3.0
// on: what these no longer have means nothing in it.
func (r *reader) since3() bool {
	version, found := strings.CutPrefix(r.schema, "pacemaker-")
	major, _, _ := strings.Cut(version, ".")
	n, err := strconv.Atoi(major)
	return found && err == nil && n >= 3
}

// walk calls do for the element and all below it.
func (e *element) walk(do func(*element)) {
	do(e)
	for _, c := range e.children {
		c.walk(do)
	}
}

// optionNames are cluster options that were renamed.
var optionNames = map[string]string{
	"cluster_recheck_interval": "cluster-recheck-interval",
	"dc_deadtime":              "dc-deadtime",
	"election_timeout":         "election-timeout",
	"no_quorum_policy":         "no-quorum-policy",
	"remove_after_stop":        "remove-after-stop",
	"shutdown_escalation":      "shutdown-escalation",
	"startup_fencing":          "startup-fencing",
	"stonith_action":           "stonith-action",
	"stonith_enabled":          "stonith-enabled",
	"stop_orphan_actions":      "stop-orphan-actions",
	"stop_orphan_resources":    "stop-orphan-resources",
	"symmetric_cluster":        "symmetric-cluster",
	"transition_idle_timeout":  "cluster-delay",
}

// movedOptions are cluster options that became defaults of resources or
// operations.
var movedOptions = map[string]struct{ section, name string }{
	"default-action-timeout":              {"op_defaults", "timeout"},
	"default-resource-stickiness":         {"rsc_defaults", "resource-stickiness"},
	"default-resource-failure-stickiness": {"rsc_defaults", "resource-failure-stickiness"},
	"is-managed-default":                  {"rsc_defaults", "is-managed"},
}

// moveOptions renames cluster options, and moves those that are defaults now to
// where these stand. Defaults that stand there already win.
func (r *reader) moveOptions(e *element) {
	for _, config := range e.all("crm_config") {
		for _, block := range config.all("cluster_property_set") {
			for _, pair := range block.all("nvpair") {
				name := pair.get("name")
				if modern, renamed := optionNames[name]; renamed {
					pair.set("name", modern)
				}
				if moved, found := movedOptions[strings.ReplaceAll(name, "_", "-")]; found {
					e.addDefault(moved.section, moved.name, pair)
				}
			}
		}
	}
}

// addDefault puts a default before all others in its section.
func (e *element) addDefault(section, name string, from *element) {
	pair := &element{name: "nvpair", at: from.at, size: 1, attrs: []attr{{"name", name, from.at}, {"value", from.get("value"), from.at}}}
	modernFailures(pair)
	block := &element{name: "meta_attributes", at: from.at, size: 2, children: []*element{pair}}
	to := e.child(section)
	if to == nil {
		to = &element{name: section, at: from.at}
		e.children = append(e.children, to)
	}
	to.children = append([]*element{block}, to.children...)
}

// modernFailures turns the predecessor of migration-threshold into it: of its
// values only one had a meaning that is left.
func modernFailures(pair *element) {
	if strings.ReplaceAll(pair.get("name"), "_", "-") != "resource-failure-stickiness" {
		return
	}
	if pair.get("value") == "-INFINITY" {
		pair.set("name", "migration-threshold")
		pair.set("value", "1")
	} else {
		pair.unset("value")
	}
}

// modernPrimitive modernizes the attributes and operations of a primitive.
func modernPrimitive(e *element) {
	for _, block := range e.children {
		for _, pair := range block.children {
			name := pair.get("name")
			switch {
			case pair.name != "nvpair":
			case block.name == "meta_attributes" && strings.HasPrefix(name, "isolation"):
				// Wrapped in a container that no longer exists: it cannot run.
				pair.set("name", "target-role")
				pair.set("value", "Stopped")
			case block.name == "meta_attributes":
				modernFailures(pair)
			case block.name == "instance_attributes" && strings.HasPrefix(name, "pcmk_") && strings.HasSuffix(name, "_cmd"):
				pair.set("name", strings.TrimSuffix(name, "_cmd")+"_action")
			}
		}
	}
	for _, ops := range e.all("operations") {
		for _, op := range ops.all("op") {
			modernOp(e, op)
		}
	}
}

// modernOp moves what an operation requires to its resource.
func modernOp(e, op *element) {
	requires := op.get("requires")
	op.unset("requires")
	for _, block := range op.all("meta_attributes") {
		for _, pair := range block.all("nvpair") {
			if pair.get("name") == "requires" {
				requires = pair.get("value")
				pair.unset("value")
			}
		}
	}
	if name := op.get("name"); requires == "" || name != "start" && name != "promote" {
		return
	}
	pair := &element{name: "nvpair", at: op.at, size: 1, attrs: []attr{{"name", "requires", op.at}, {"value", requires, op.at}}}
	block := &element{name: "meta_attributes", at: op.at, size: 2, children: []*element{pair}}
	e.children = append([]*element{block}, e.children...)
}

// dropUnsupported removes what Pacemaker 3 removes: resources of the classes
// nagios and upstart, bundles in rkt, and collections that are empty then.
func dropUnsupported(e *element) {
	list := e.child("resources")
	if list == nil {
		return
	}
	gone := map[string]bool{} // templates
	for _, t := range list.all("template") {
		if unsupportedClass(t) {
			gone[t.id()] = true
		}
	}
	dropped := map[string]bool{}
	list.drop(func(c *element) bool { return unsupported(c, gone) }, dropped)
	if len(dropped) == 0 {
		return
	}
	if constraints := e.child("constraints"); constraints != nil {
		for _, c := range constraints.children {
			c.walk(func(s *element) {
				s.drop(func(ref *element) bool { return ref.name == "resource_ref" && dropped[ref.id()] }, nil)
			})
			c.drop(func(s *element) bool { return s.name == "resource_set" && len(s.children) == 0 }, nil)
		}
		constraints.drop(func(c *element) bool {
			return dropped[c.get("rsc")] || dropped[c.get("with-rsc")] || dropped[c.get("first")] || dropped[c.get("then")]
		}, nil)
	}
}

func unsupportedClass(e *element) bool {
	class := strings.ToLower(e.get("class"))
	return class == "nagios" || class == "upstart"
}

// unsupported reports whether a resource is to be dropped.
func unsupported(e *element, gone map[string]bool) bool {
	switch e.name {
	case "template", "primitive":
		return unsupportedClass(e) || gone[e.get("template")]
	case "bundle":
		return e.child("rkt") != nil
	case "group", "clone", "master":
		members, left := 0, 0
		for _, c := range e.children {
			if c.name == "primitive" || c.name == "group" {
				members++
				if !unsupported(c, gone) {
					left++
				}
			}
		}
		return members > 0 && left == 0
	}
	return false
}

// drop removes children, at any depth in groups, and notes their ids.
func (e *element) drop(is func(*element) bool, ids map[string]bool) {
	kept := e.children[:0]
	for _, c := range e.children {
		if !is(c) {
			kept = append(kept, c)
			if ids != nil {
				c.drop(is, ids)
			}
		} else if ids != nil {
			c.walk(func(below *element) { ids[below.id()] = true })
		}
	}
	e.children = kept
}
