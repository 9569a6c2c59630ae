package main

import (
	"math/rand/v2"
	"slices"
	"strconv"
)

// widener adds to a finished cluster what is rarer: rules, parameters that have
// changed, tickets, sets of every kind, migrations under way, containers that run.
type widener struct {
	*generator
	config, status *element
}

// widen changes a cluster in place. It has randomness of its own, so that a
// seed's plain cluster is the same without it.
func (g *generator) widen(seed uint64, cluster *element) *widener {
	w := &widener{generator: g, config: cluster.children[0], status: cluster.children[1]}
	g.Rand = rand.New(rand.NewPCG(seed, 1))
	for _, step := range []struct {
		percent int
		change  func()
	}{
		{20, w.parameters}, {15, w.stoppedMonitors}, {12, w.levels}, {15, w.tickets}, {20, w.moreConstraints}, {15, w.rules},
		{12, w.defaultsByRule}, {10, w.migrations}, {15, w.runningBundles}, {10, w.nodeWords}, {8, w.unfencing}, {8, w.moreOptions},
		{10, w.promotableGroup}, {8, w.removed}, {10, w.demoteFailures}, {8, w.reconnects}, {8, w.template}, {8, w.groupMeta},
	} {
		if g.often(step.percent) {
			step.change()
		}
	}
	return w
}

// each calls do with every element of a name, outermost first.
func each(e *element, name string, do func(*element)) {
	if e.name == name {
		do(e)
	}
	for _, child := range slices.Clone(e.children) {
		each(child, name, do)
	}
}

func (e *element) child(name string) *element {
	for _, c := range e.children {
		if c.name == name {
			return c
		}
	}
	return nil
}

// within returns the child of a name, which is made in its place if it is not there.
func (e *element) within(name string, at int, make func() *element) *element {
	if c := e.child(name); c != nil {
		return c
	}
	c := make()
	e.children = slices.Insert(e.children, min(at, len(e.children)), c)
	return c
}

// block returns a resource's block of meta_attributes or instance_attributes.
func block(e *element, kind string) *element {
	at := 0
	for at < len(e.children) && e.children[at].name == "meta_attributes" {
		at++
	}
	return e.within(kind, at, func() *element { return el(kind, "id", e.get("id")+"-"+kind) })
}

func (e *element) give(name, value string) {
	e.children = slices.DeleteFunc(e.children, func(c *element) bool { return c.get("name") == name })
	e.add(nv(e.get("id"), name, value))
}

// services lists the primitives that are services.
func (w *widener) services() []*element {
	var all []*element
	each(w.config.child("resources"), "primitive", func(p *element) {
		if p.get("class") == "ocf" && p.get("type") != "remote" {
			all = append(all, p)
		}
	})
	return all
}

// parameters changes what services were started with, or gives them what they
// have always had.
func (w *widener) parameters() {
	for _, p := range w.services() {
		if !w.often(40) {
			continue
		}
		block(p, "instance_attributes").give("fake", pick(w.generator, "a", "b"))
		each(w.status, "lrm_resource", func(r *element) {
			if instanceNumber.ReplaceAllString(r.get("id"), "") != p.get("id") || !w.often(70) {
				return
			}
			for _, op := range r.children {
				if w.often(50) {
					op.set("op-force-restart", pick(w.generator, " fake ", " state ")).set("op-restart-digest", pick(w.generator, digest(0), "0123456789abcdef0123456789abcdef"))
				}
			}
		})
	}
}

func (w *widener) operationsOf(p *element) *element {
	return p.within("operations", len(p.children), func() *element { return el("operations") })
}

func (w *widener) stoppedMonitors() {
	for _, p := range w.services() {
		if w.often(50) {
			o := el("op", "id", p.get("id")+"-stopped", "name", "monitor", "interval", "17s", "timeout", "20s", "role", "Stopped")
			if w.often(20) {
				o.set("on-fail", pick(w.generator, "ignore", "block", "stop", "standby"))
			}
			w.operationsOf(p).add(o)
		}
	}
}

// levels are monitors with parameters of their own, and ones that are off.
func (w *widener) levels() {
	for _, p := range w.services() {
		if !w.often(40) {
			continue
		}
		o := el("op", "id", p.get("id")+"-level", "name", "monitor", "interval", "23s", "timeout", "20s")
		if w.often(30) {
			o.set("enabled", "false")
		}
		if w.often(50) {
			o.add(el("instance_attributes", "id", o.get("id")+"-params").add(nv(o.get("id"), "OCF_CHECK_LEVEL", "10")))
		}
		w.operationsOf(p).add(o)
	}
}

func (w *widener) tickets() {
	constraints := w.config.child("constraints")
	for range 1 + w.IntN(2) {
		r := w.any()
		t := el("rsc_ticket", "id", w.id("needs"), "ticket", pick(w.generator, "ticketA", "ticketB"), "loss-policy", pick(w.generator, "stop", "demote", "freeze", "fence"))
		if w.often(25) && len(w.resources) > 1 {
			t.add(el("resource_set", "id", w.id("holders")).add(el("resource_ref", "id", w.resources[0].id), el("resource_ref", "id", w.resources[1].id)))
		} else {
			t.set("rsc", r.id)
			if r.promotable && w.often(50) {
				t.set("rsc-role", "Master")
			}
		}
		constraints.add(t)
	}
	known := el("tickets")
	for _, id := range []string{"ticketA", "ticketB"} {
		if w.often(80) {
			s := el("ticket_state", "id", id, "granted", pick(w.generator, "true", "true", "false"), "last-granted", "1500000000")
			if w.often(20) {
				s.set("standby", "true")
			}
			known.add(s)
		}
	}
	w.status.children = append([]*element{known}, w.status.children...)
}

// reconnects makes connections of remote nodes wait between attempts.
func (w *widener) reconnects() {
	each(w.config.child("resources"), "primitive", func(p *element) {
		if p.get("type") == "remote" {
			block(p, "instance_attributes").give("reconnect_interval", "60")
		}
	})
}

// demoteFailures gives monitors of promotable services the reaction that only they
// can have.
func (w *widener) demoteFailures() {
	each(w.config.child("resources"), "op", func(o *element) {
		if o.get("role") == "Master" && o.get("on-fail") == "" && w.often(70) {
			o.set("on-fail", "demote")
		}
	})
}

func (w *widener) moreOptions() {
	set := w.config.children[0].children[0]
	for _, o := range [][2]string{
		{"have-watchdog", "true"}, {"no-quorum-policy", pick(w.generator, "demote", "freeze", "suicide")}, {"stop-all-resources", "true"},
		{"concurrent-fencing", "false"}, {"remove-after-stop", "true"}, {"default-resource-stickiness", "50"}, {"is-managed-default", "false"},
		{"node-health-green", "25"}, {"node-health-red", "-100"}, {"shutdown-lock", "true"}, {"stonith-timeout", "90s"},
	} {
		if w.often(15) {
			set.give(o[0], o[1])
		}
	}
}

// nodeWords are attributes of nodes that mean something.
func (w *widener) nodeWords() {
	each(w.status, "node_state", func(s *element) {
		name := s.get("uname")
		put := func(word, value string) {
			t := s.within("transient_attributes", 0, func() *element { return el("transient_attributes", "id", s.get("id")) })
			t.within("instance_attributes", 0, func() *element { return el("instance_attributes", "id", "words-"+name) }).give(word, value)
		}
		switch n := w.IntN(100); {
		case n < 8:
			put("terminate", pick(w.generator, "true", "1500000000", "0"))
		case n < 16:
			put("maintenance", pick(w.generator, "true", "false"))
		case n < 24:
			put("standby", pick(w.generator, "off", "on"))
		case n < 30:
			put("shutdown", "0")
		case n < 45:
			put("pingd", strconv.Itoa(w.IntN(3)*1000))
		case n < 50 && s.get("in_ccm") == "true":
			s.set("resource_discovery_enabled", "true")
		}
	})
}

func (w *widener) groupMeta() {
	each(w.config.child("resources"), "group", func(group *element) {
		if w.often(50) {
			block(group, "meta_attributes").give(pick(w.generator, "ordered", "collocated"), "false")
		}
	})
}

// template moves what a primitive says to a template.
func (w *widener) template() {
	all := w.config.child("resources")
	for i, p := range all.children {
		if p.name != "primitive" || p.get("class") != "ocf" || p.get("type") != "Dummy" {
			continue
		}
		t := el("template", "id", w.id("template"), "class", "ocf", "provider", "pacemaker", "type", "Dummy")
		t.children = p.children
		user := el("primitive", "id", p.get("id"), "template", t.get("id"))
		if w.often(40) {
			user.add(el("operations").add(el("op", "id", p.get("id")+"-own", "name", "monitor", "interval", "30s", "timeout", "20s")))
		}
		all.children[i] = user
		all.children = append([]*element{t}, all.children...)
		return
	}
}
