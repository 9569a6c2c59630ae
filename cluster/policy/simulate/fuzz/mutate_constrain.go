package main

import "slices"

func (m *mutator) constraints() *element {
	return m.config.within("constraints", len(m.config.children), func() *element { return el("constraints") })
}

func (m *mutator) topID() (string, bool) {
	from := m.tops
	if m.often(15) {
		from = nil
		each(m.config.child("resources"), "group", func(g *element) {
			each(g, "primitive", func(p *element) { from = append(from, p) })
		})
	}
	r, ok := one(m, from)
	return r.getID(), ok
}

func (e *element) getID() string {
	if e == nil {
		return ""
	}
	return e.get("id")
}

func (m *mutator) pair() (string, string, bool) {
	a, ok := m.topID()
	b, found := m.topID()
	return a, b, ok && found && a != b
}

func (m *mutator) score() string {
	return pick(m.generator, "INFINITY", "INFINITY", "-INFINITY", "100", "-100", "10", "1", "-1", "5000", "0")
}

func (m *mutator) newColocation() {
	a, b, ok := m.pair()
	if !ok {
		return
	}
	c := el("rsc_colocation", "id", m.fresh("colocation"), "rsc", a, "with-rsc", b, "score", m.score())
	if m.often(25) {
		c.set("rsc-role", pick(m.generator, "Master", "Slave", "Started"))
	}
	if m.often(25) {
		c.set("with-rsc-role", pick(m.generator, "Master", "Slave", "Started"))
	}
	if m.often(10) {
		c.set("influence", "false")
	}
	if m.often(8) {
		c.set("node-attribute", "site")
	}
	m.constraints().add(c)
}

func (m *mutator) newOrder() {
	a, b, ok := m.pair()
	if !ok {
		return
	}
	o := el("rsc_order", "id", m.fresh("order"), "first", a, "then", b, "kind", pick(m.generator, "Mandatory", "Mandatory", "Optional", "Serialize"))
	if m.often(30) {
		o.set("first-action", pick(m.generator, "promote", "stop", "demote", "start")).set("then-action", pick(m.generator, "start", "promote", "stop"))
	}
	if m.often(15) && o.get("kind") != "Serialize" {
		o.set("symmetrical", "false")
	}
	if m.often(15) {
		o.set("require-all", "false")
	}
	m.constraints().add(o)
}

func (m *mutator) nodeName() (string, bool) {
	s, ok := one(m, m.states)
	return s.getName(), ok && s.getName() != ""
}

func (e *element) getName() string {
	if e == nil {
		return ""
	}
	return e.get("uname")
}

func (m *mutator) newLocation() {
	a, ok := m.topID()
	node, found := m.nodeName()
	if !ok || !found {
		return
	}
	l := el("rsc_location", "id", m.fresh("location"), "rsc", a, "node", node, "score", m.score())
	if m.often(20) {
		l.set("role", pick(m.generator, "Master", "Started", "Slave"))
	}
	if m.often(15) {
		l.set("resource-discovery", pick(m.generator, "never", "exclusive", "always"))
	}
	m.constraints().add(l)
}

func (m *mutator) newTicket() {
	a, ok := m.topID()
	if !ok {
		return
	}
	t := el("rsc_ticket", "id", m.fresh("ticket"), "rsc", a, "ticket", "ticketX", "loss-policy", pick(m.generator, "stop", "demote", "freeze", "fence"))
	if m.often(30) {
		t.set("rsc-role", "Master")
	}
	m.constraints().add(t)
	all := m.status.within("tickets", 0, func() *element { return el("tickets") })
	if len(all.children) == 0 && m.often(70) {
		all.add(el("ticket_state", "id", "ticketX", "granted", pick(m.generator, truth...), "last-granted", "1500000000"))
	}
}

func (m *mutator) newSet() {
	if len(m.tops) < 2 {
		return
	}
	c := el(pick(m.generator, "rsc_colocation", "rsc_order", "rsc_order"), "id", m.fresh("sets"))
	if c.name == "rsc_colocation" {
		c.set("score", pick(m.generator, "INFINITY", "-INFINITY", "10", "-10"))
	} else {
		c.set("kind", pick(m.generator, "Mandatory", "Optional", "Serialize"))
	}
	order := m.Perm(len(m.tops))
	for len(order) > 0 && len(c.children) < 3 {
		n := min(1+m.IntN(3), len(order))
		set := el("resource_set", "id", m.fresh("set"), "sequential", pick(m.generator, truth...))
		if c.name == "rsc_order" && m.often(50) {
			set.set("require-all", pick(m.generator, truth...))
		}
		if m.often(20) {
			set.set("role", pick(m.generator, "Master", "Started"))
		}
		for _, i := range order[:n] {
			set.add(el("resource_ref", "id", m.tops[i].get("id")))
		}
		c.add(set)
		order = order[n:]
	}
	m.constraints().add(c)
}

func (m *mutator) editConstraint() {
	c, ok := one(m, m.constraints().children)
	if !ok || len(c.children) > 0 {
		return
	}
	switch c.name {
	case "rsc_colocation":
		switch m.IntN(4) {
		case 0:
			c.replace("rsc-role", pick(m.generator, "Master", "Slave", "Started", ""))
		case 1:
			c.replace("with-rsc-role", pick(m.generator, "Master", "Slave", "Started", ""))
		default:
			c.replace("score", m.score())
		}
	case "rsc_order":
		c.replace("score", "")
		c.replace("kind", pick(m.generator, "Mandatory", "Optional", "Serialize"))
	case "rsc_location":
		if c.get("score") != "" {
			c.replace("score", m.score())
		}
	case "rsc_ticket":
		c.replace("loss-policy", pick(m.generator, "stop", "demote", "freeze", "fence"))
	}
}

func (m *mutator) dropConstraint() {
	all := m.constraints()
	if len(all.children) > 0 {
		at := m.IntN(len(all.children))
		all.children = slices.Delete(all.children, at, at+1)
	}
}
