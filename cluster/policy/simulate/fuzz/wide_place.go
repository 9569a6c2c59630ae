package main

import "strconv"

// amounts lets most of what there is use something of its node.
func (w *widener) amounts() {
	w.config.children[0].children[0].give("placement-strategy", pick(w.generator, "utilization", "balanced", "minimal"))
	each(w.config.child("nodes"), "node", func(n *element) {
		u := n.within("utilization", len(n.children), func() *element { return el("utilization", "id", w.id("capacity")) })
		u.give("cpu", strconv.Itoa(w.IntN(9)))
		if w.often(40) {
			u.give("memory", strconv.Itoa(w.IntN(9)))
		}
	})
	each(w.config.child("resources"), "primitive", func(p *element) {
		if !w.often(70) || p.get("template") != "" {
			return
		}
		u := p.within("utilization", len(p.children), func() *element { return el("utilization", "id", w.id("use")) })
		u.give(pick(w.generator, "cpu", "cpu", "memory"), strconv.Itoa(1+w.IntN(4)))
	})
}

// guestMeta lets containers of guests migrate, or not, and their connections too.
func (w *widener) guestMeta() {
	each(w.config.child("resources"), "primitive", func(p *element) {
		meta := p.child("meta_attributes")
		if meta == nil {
			return
		}
		for _, pair := range meta.children {
			if pair.get("name") != "remote-node" {
				continue
			}
			meta.give("allow-migrate", pick(w.generator, "true", "true", "false"))
			if w.often(40) {
				meta.give("remote-allow-migrate", pick(w.generator, "true", "false"))
			}
			if w.often(50) {
				w.config.child("constraints").add(el("rsc_location", "id", w.id("guest"), "rsc", w.any().id, "node", pair.get("value"), "score", w.score()))
			}
			return
		}
	})
}

// contained puts services into containers without making nodes of these.
func (w *widener) contained() {
	all := w.config.child("resources")
	var services []*element
	for _, p := range all.children {
		if p.name == "primitive" && p.get("class") == "ocf" && p.get("type") == "Dummy" {
			services = append(services, p)
		}
	}
	if len(services) < 2 {
		return
	}
	i := w.IntN(len(services))
	block(services[i], "meta_attributes").give("container", services[(i+1)%len(services)].get("id"))
}

// otherClasses makes some services those of systemd.
func (w *widener) otherClasses() {
	for _, p := range w.services() {
		if p.get("type") != "Dummy" || !w.often(40) {
			continue
		}
		recast := func(e *element) {
			e.replace("class", "systemd")
			e.replace("provider", "")
		}
		recast(p)
		each(w.status, "lrm_resource", func(r *element) {
			if instanceNumber.ReplaceAllString(r.get("id"), "") == p.get("id") {
				recast(r)
			}
		})
	}
}

// racks are groups of nodes that colocations go by.
func (w *widener) racks() {
	each(w.config.child("nodes"), "node", func(n *element) {
		if w.often(80) {
			n.within("instance_attributes", 0, func() *element { return el("instance_attributes", "id", w.id("rack")) }).give("rack", pick(w.generator, "a", "b"))
		}
	})
	for range 1 + w.IntN(2) {
		a, b, ok := w.two()
		if !ok {
			return
		}
		c := el("rsc_colocation", "id", w.id("rack"), "rsc", a.id, "with-rsc", b.id, "score", w.score(), "node-attribute", "rack")
		if a.promotable && w.often(40) {
			c.set("rsc-role", pick(w.generator, "Master", "Slave"))
		}
		if b.promotable && w.often(40) {
			c.set("with-rsc-role", pick(w.generator, "Master", "Slave"))
		}
		w.config.child("constraints").add(c)
	}
}

// asymmetric lets nothing run but where it is said.
func (w *widener) asymmetric() {
	w.config.children[0].children[0].give("symmetric-cluster", "false")
	for _, r := range w.resources {
		for _, n := range append(w.remotes, w.nodes...) {
			if w.often(60) {
				w.config.child("constraints").add(el("rsc_location", "id", w.id("here"), "rsc", r.id, "node", n, "score", pick(w.generator, "0", "1", "100", "INFINITY")))
			}
		}
	}
}

// uniquePromotable tells the copies of promotable clones apart.
func (w *widener) uniquePromotable() {
	each(w.config.child("resources"), "clone", func(c *element) {
		meta := block(c, "meta_attributes")
		for _, pair := range meta.children {
			if pair.get("name") == "promotable" {
				meta.give("globally-unique", "true")
				meta.give("clone-max", strconv.Itoa(1+w.IntN(4)))
				meta.give("clone-node-max", pick(w.generator, "1", "2"))
				meta.give("promoted-max", pick(w.generator, "1", "2", "3"))
				return
			}
		}
	})
}

// memberConstraints are about members of groups rather than the groups.
func (w *widener) memberConstraints() {
	var members []string
	for _, g := range w.config.child("resources").children {
		if g.name == "group" {
			each(g, "primitive", func(p *element) { members = append(members, p.get("id")) })
		}
	}
	if len(members) == 0 {
		return
	}
	m, other, constraints := pick(w.generator, members...), w.any().id, w.config.child("constraints")
	switch w.IntN(4) {
	case 0:
		constraints.add(el("rsc_location", "id", w.id("member"), "rsc", m, "node", pick(w.generator, w.nodes...), "score", w.score()))
	case 1:
		constraints.add(el("rsc_colocation", "id", w.id("member"), "rsc", m, "with-rsc", other, "score", w.score()))
	case 2:
		constraints.add(el("rsc_colocation", "id", w.id("member"), "rsc", other, "with-rsc", m, "score", w.score()))
	default:
		constraints.add(el("rsc_order", "id", w.id("member"), "first", m, "then", other))
	}
}

// probesDone says of nodes whether they were probed, as old clusters do.
func (w *widener) probesDone() {
	each(w.status, "node_state", func(s *element) {
		if s.get("crmd") != "" && w.often(50) {
			t := s.within("transient_attributes", 0, func() *element { return el("transient_attributes", "id", s.get("id")) })
			t.within("instance_attributes", 0, func() *element { return el("instance_attributes", "id", "probed-"+s.get("id")) }).give("probe_complete", pick(w.generator, "true", "false"))
		}
	})
}
