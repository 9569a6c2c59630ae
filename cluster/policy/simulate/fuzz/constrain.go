package main

import "strings"

// constraints relate what was made.
func (g *generator) constraints() *element {
	all := el("constraints")
	for range g.IntN(3) {
		all.add(g.location())
	}
	for range g.IntN(3) {
		all.add(g.colocation())
	}
	for range g.IntN(3) {
		all.add(g.order())
	}
	if len(g.resources) > 2 && g.often(10) {
		all.add(g.set("rsc_colocation"))
	}
	if len(g.resources) > 2 && g.often(10) {
		all.add(g.set("rsc_order"))
	}
	if g.often(4) {
		all.add(el("rsc_ticket", "id", g.id("ticket"), "rsc", g.any().id, "ticket", "ticketA", "loss-policy", pick(g, "stop", "demote", "freeze")))
	}
	return all
}

func (g *generator) any() made { return pick(g, g.resources...) }

func (g *generator) location() *element {
	rsc := g.any()
	l := el("rsc_location", "id", g.id("location"), "rsc", rsc.id)
	if g.often(70) {
		l.set("node", pick(g, append(g.remotes, g.nodes...)...)).set("score", g.score())
		if rsc.promotable && g.often(30) {
			l.set("role", "Master")
		}
		if g.often(8) {
			l.set("resource-discovery", pick(g, "never", "exclusive", "always"))
		}
		return l
	}
	rule := el("rule", "id", l.get("id")+"-rule", "score", g.score())
	if rsc.promotable && g.often(40) {
		rule.set("role", "Master")
	}
	parts := 1 + g.IntN(2)
	if parts > 1 {
		rule.set("boolean-op", pick(g, "and", "or"))
	}
	for range parts {
		e := el("expression", "id", g.id("expression"))
		switch g.IntN(3) {
		case 0:
			e.set("attribute", "#uname").set("operation", pick(g, "eq", "ne")).set("value", pick(g, g.nodes...))
		case 1:
			e.set("attribute", "site").set("operation", pick(g, "eq", "ne")).set("value", pick(g, "east", "west"))
		default:
			e.set("attribute", "site").set("operation", pick(g, "defined", "not_defined"))
		}
		rule.add(e)
	}
	return l.add(rule)
}

// two returns two different resources, nil if there are none.
func (g *generator) two() (a, b made, ok bool) {
	if len(g.resources) < 2 {
		return a, b, false
	}
	i := g.IntN(len(g.resources))
	j := (i + 1 + g.IntN(len(g.resources)-1)) % len(g.resources)
	return g.resources[i], g.resources[j], true
}

func (g *generator) colocation() *element {
	a, b, ok := g.two()
	if !ok {
		return g.location()
	}
	score := g.score()
	if a.clone && g.cautious {
		// Older releases overlook what copies merely prefer.
		score = pick(g, "INFINITY", "-INFINITY")
	}
	c := el("rsc_colocation", "id", g.id("colocation"), "rsc", a.id, "with-rsc", b.id, "score", score)
	// What is to stay away in one role only, older releases keep away in the others.
	negative := g.cautious && strings.HasPrefix(score, "-")
	if a.promotable && !negative && g.often(30) {
		c.set("rsc-role", pick(g, "Master", "Slave", "Started"))
	}
	if b.promotable && !negative && g.often(50) {
		c.set("with-rsc-role", pick(g, "Master", "Master", "Slave", "Started"))
	}
	if g.often(8) {
		c.set("influence", "false")
	}
	if g.often(6) {
		c.set("node-attribute", "site")
	}
	return c
}

func (g *generator) order() *element {
	a, b, ok := g.two()
	if !ok || g.ordered[[2]string{a.id, b.id}] {
		return g.location()
	}
	g.ordered[[2]string{a.id, b.id}], g.ordered[[2]string{b.id, a.id}] = true, true
	o := el("rsc_order", "id", g.id("order"), "first", a.id, "then", b.id)
	if a.promotable && g.often(50) {
		o.set("first-action", "promote").set("then-action", "start")
	}
	switch n := g.IntN(100); {
	case n < 20:
		o.set("kind", "Optional")
	case n < 27:
		o.set("kind", "Serialize")
	default:
		o.set("kind", "Mandatory")
	}
	if !g.cautious && g.often(10) && o.get("first-action") == "" {
		o.set("first-action", "stop").set("then-action", pick(g, "stop", "start"))
	}
	if g.often(12) && o.get("kind") != "Serialize" {
		o.set("symmetrical", "false")
	}
	if a.clone && g.often(15) {
		o.set("require-all", "false")
	}
	return o
}

func (g *generator) set(kind string) *element {
	c := el(kind, "id", g.id("set"))
	if kind == "rsc_colocation" {
		c.set("score", "INFINITY")
	} else {
		c.set("kind", pick(g, "Mandatory", "Optional"))
	}
	order := g.Perm(len(g.resources))
	cut := len(order)
	if g.often(50) {
		cut = 1 + g.IntN(len(order)-1)
	}
	for _, part := range [][]int{order[:cut], order[cut:]} {
		if len(part) == 0 {
			continue
		}
		set := el("resource_set", "id", g.id("members"), "sequential", pick(g, "true", "true", "false"))
		for _, i := range part {
			set.add(el("resource_ref", "id", g.resources[i].id))
		}
		c.add(set)
	}
	return c
}
