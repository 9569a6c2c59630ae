package main

// expression is a random condition about nodes.
func (w *widener) expression() *element {
	e := el("expression", "id", w.id("condition"))
	switch w.IntN(6) {
	case 0:
		return e.set("attribute", "#kind").set("operation", pick(w.generator, "eq", "ne")).set("value", pick(w.generator, "cluster", "remote", "container"))
	case 1:
		return e.set("attribute", "#is_dc").set("operation", "eq").set("value", pick(w.generator, "true", "false"))
	case 2:
		return e.set("attribute", "pingd").set("operation", pick(w.generator, "lt", "lte", "gt", "gte")).set("value", "1000").set("type", "number")
	case 3:
		return e.set("attribute", "site").set("operation", pick(w.generator, "lt", "gt")).set("value", "f")
	case 4:
		bound := pick(w.generator, [2]string{"gt", "start"}, [2]string{"lt", "end"})
		return el("date_expression", "id", w.id("date"), "operation", bound[0], bound[1], pick(w.generator, "2020-01-01", "2100-01-01"))
	default:
		return el("date_expression", "id", w.id("date"), "operation", "date_spec").add(
			el("date_spec", "id", w.id("spec"), pick(w.generator, "hours", "weekdays", "months"), pick(w.generator, "1-6", "1-12", "3")))
	}
}

// rules adds locations with conditions of all kinds.
func (w *widener) rules() {
	for range 1 + w.IntN(2) {
		r := w.any()
		rule := el("rule", "id", w.id("rule"), "boolean-op", pick(w.generator, "and", "or"))
		if w.often(25) {
			rule.set("score-attribute", "pingd")
		} else {
			rule.set("score", w.score())
		}
		if r.promotable && w.often(30) {
			rule.set("role", "Master")
		}
		rule.add(w.expression())
		if w.often(40) {
			rule.add(el("rule", "id", w.id("rule"), "boolean-op", "or", "score", "0").add(w.expression(), w.expression()))
		}
		l := el("rsc_location", "id", w.id("by-rule"))
		if w.often(25) {
			l.set("rsc-pattern", pick(w.generator, "^rsc", "-[0-5]$", "!^clone", "."))
		} else {
			l.set("rsc", r.id)
		}
		w.config.child("constraints").add(l.add(rule))
	}
}

// defaultsByRule adds defaults for resources and operations, and parameters and
// meta-attributes of resources, that hold under conditions.
func (w *widener) defaultsByRule() {
	about := el("rsc_expression", "id", w.id("agent"), "class", "ocf", "provider", "pacemaker", "type", pick(w.generator, "Dummy", "Stateful"))
	if w.often(70) {
		defaults := w.config.child("rsc_defaults")
		if defaults == nil {
			defaults = el("rsc_defaults")
			w.config.add(defaults)
		}
		id := w.id("ruled")
		defaults.add(el("meta_attributes", "id", id, "score", pick(w.generator, "1", "10")).add(
			el("rule", "id", id+"-rule", "boolean-op", "and").add(about),
			nv(id, pick(w.generator, "resource-stickiness", "priority", "migration-threshold"), pick(w.generator, "0", "1", "100"))))
	}
	if w.often(50) {
		id := w.id("ruled")
		condition := el("op_expression", "id", id+"-op", "name", "monitor")
		if w.often(50) {
			condition.set("interval", "10s")
		}
		w.config.add(el("op_defaults").add(el("meta_attributes", "id", id).add(
			el("rule", "id", id+"-rule", "boolean-op", "and").add(condition), nv(id, pick(w.generator, "timeout", "enabled", "on-fail"), pick(w.generator, "20s", "false", "ignore")))))
	}
	for _, p := range w.services() {
		if !w.often(30) {
			continue
		}
		id := w.id("ruled")
		p.children = append([]*element{el("meta_attributes", "id", id, "score", "2").add(
			el("rule", "id", id+"-rule", "boolean-op", "and").add(el("date_expression", "id", id+"-date", "operation", "gt", "start", pick(w.generator, "2020-01-01", "2100-01-01"))),
			nv(id, "resource-stickiness", pick(w.generator, "0", "INFINITY")))}, p.children...)
	}
}
