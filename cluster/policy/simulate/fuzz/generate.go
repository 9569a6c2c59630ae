package main

import (
	"fmt"
	"math/rand/v2"
	"strconv"
)

// generator makes one random cluster. It keeps to what the schema allows, and,
// if it is cautious, to what releases of Pacemaker from 2.1.5 to 3.0 decide
// alike.
type generator struct {
	*rand.Rand
	cautious  bool
	serial    int
	nodes     []string
	resources []made
	fencing   bool
	// primitives that can have a history, and how often each may be active.
	primitives []instance
	promoted   []string // ids of promotable primitives
	// ordered pairs: releases disagree about two orders of one pair.
	ordered map[[2]string]bool
	// remotes are the names of remote and guest nodes.
	remotes []string
}

// made is a top-level resource.
type made struct {
	id         string
	promotable bool
	clone      bool
}

// instance is a primitive with what a history of it needs.
type instance struct {
	id         string
	kind       string
	class      string
	clone      bool   // anonymous: one entry on each node
	unique     int    // copies of a globally unique clone
	member     bool   // runs on members of the cluster only
	with       string // runs where this one does
	promotable bool
	monitors   []monitor
}

type monitor struct {
	interval, role string
}

func newGenerator(seed uint64, cautious bool) *generator {
	return &generator{cautious: cautious, ordered: map[[2]string]bool{}, Rand: rand.New(rand.NewPCG(seed, 0))}
}

// often is true in percent of a hundred calls.
func (g *generator) often(percent int) bool { return g.IntN(100) < percent }

func pick[T any](g *generator, list ...T) T { return list[g.IntN(len(list))] }

func (g *generator) id(kind string) string {
	g.serial++
	return kind + "-" + strconv.Itoa(g.serial)
}

func (g *generator) score() string {
	return pick(g, "INFINITY", "-INFINITY", "100", "-100", "50", "10", "1", "-1", "5000")
}

func (g *generator) cib() *element {
	for i := range 1 + g.IntN(4) {
		g.nodes = append(g.nodes, "node"+strconv.Itoa(i+1))
	}
	g.fencing = g.often(60)
	config := el("configuration")
	options, nodes := g.options(), g.nodeConfigs()
	resources := g.resourceConfigs()
	constraints := g.constraints()
	config.add(options, nodes, resources, constraints)
	if g.often(25) {
		config.add(el("rsc_defaults").add(el("meta_attributes", "id", "rsc-defaults").add(
			nv("rsc-defaults", "resource-stickiness", pick(g, "0", "1", "100", "INFINITY")))))
	}
	return el("cib", "crm_feature_set", "3.16.1", "validate-with", "pacemaker-3.8", "epoch", "1", "num_updates", "0", "admin_epoch", "0",
		"have-quorum", pick(g, "1", "1", "1", "1", "0"), "dc-uuid", "1").add(config, g.status())
}

func nv(set, name, value string) *element {
	return el("nvpair", "id", set+"-"+name, "name", name, "value", value)
}

func (g *generator) options() *element {
	const id = "options"
	set := el("cluster_property_set", "id", id)
	put := func(name, value string) { set.add(nv(id, name, value)) }
	put("stonith-enabled", strconv.FormatBool(g.fencing))
	put("concurrent-fencing", strconv.FormatBool(g.cautious || g.often(95)))
	if g.often(40) {
		put("no-quorum-policy", pick(g, "stop", "ignore", "freeze", "demote", "suicide"))
	}
	for _, o := range []struct {
		percent     int
		name, value string
	}{
		{10, "symmetric-cluster", "false"}, {4, "maintenance-mode", "true"}, {2, "stop-all-resources", "true"},
		{5, "startup-fencing", "false"}, {5, "stop-orphan-resources", "false"}, {3, "enable-startup-probes", "false"},
		{8, "stonith-action", "off"}, {5, "shutdown-lock", "true"},
		{10, "placement-strategy", pick(g, "utilization", "balanced", "minimal")},
		{8, "node-health-strategy", pick(g, "migrate-on-red", "only-green", "progressive", "custom")},
	} {
		if g.often(o.percent) {
			put(o.name, o.value)
		}
	}
	if !g.cautious {
		g.modernOptions(put)
	}
	return el("crm_config").add(set)
}

func (g *generator) nodeConfigs() *element {
	nodes := el("nodes")
	for i, name := range g.nodes {
		node := el("node", "id", strconv.Itoa(i+1), "uname", name)
		set := el("instance_attributes", "id", name+"-attrs")
		if g.often(8) {
			set.add(nv(set.get("id"), "standby", "on"))
		}
		if g.often(3) {
			set.add(nv(set.get("id"), "maintenance", "true"))
		}
		if g.often(30) {
			set.add(nv(set.get("id"), "site", pick(g, "east", "west")))
		}
		if len(set.children) > 0 {
			node.add(set)
		}
		if g.often(20) {
			node.add(el("utilization", "id", name+"-utilization").add(nv(name+"-utilization", "cpu", strconv.Itoa(1+g.IntN(6)))))
		}
		nodes.add(node)
	}
	return nodes
}

func (g *generator) resourceConfigs() *element {
	all := el("resources")
	if g.fencing {
		all.add(g.primitive("stonith", false, false))
		if g.often(30) {
			all.add(g.primitive("stonith", false, false))
		}
	}
	for range 1 + g.IntN(4) {
		n := g.IntN(100)
		if len(g.resources) == 0 {
			n = max(n, 13) // constraints need something
		}
		switch {
		case n < 5:
			all.add(g.bundle())
		case n < 9 && len(g.remotes) < 2:
			all.add(g.remote())
		case n < 13 && len(g.remotes) < 2:
			all.add(g.guest())
		case n < 40:
			p := g.primitive("ocf", false, false)
			g.meta(p, g.primitiveMeta())
			g.resources = append(g.resources, made{id: p.get("id")})
			all.add(p)
		case n < 62:
			all.add(g.group(false))
		default:
			all.add(g.clone())
		}
	}
	return all
}

// primitive makes a primitive; member says that it is in a collection.
func (g *generator) primitive(class string, promotable, cloned bool) *element {
	kind := "rsc"
	p := el("primitive")
	var in instance
	switch {
	case class == "stonith":
		kind = "fence"
		p = el("primitive", "id", g.id(kind), "class", class, "type", "fence_dummy")
		in = instance{kind: "fence_dummy", class: class, member: true}
	case promotable:
		p = el("primitive", "id", g.id("stateful"), "class", class, "provider", "pacemaker", "type", "Stateful")
		in = instance{kind: "Stateful", class: class}
	default:
		p = el("primitive", "id", g.id(kind), "class", class, "provider", "pacemaker", "type", "Dummy")
		in = instance{kind: "Dummy", class: class}
	}
	in.id, in.clone, in.promotable = p.get("id"), cloned, promotable
	if g.often(15) && class != "stonith" {
		p.add(el("utilization", "id", in.id+"-utilization").add(nv(in.id+"-utilization", "cpu", strconv.Itoa(1+g.IntN(3)))))
	}
	if ops := g.operations(&in); len(ops.children) > 0 {
		p.add(ops)
	}
	g.primitives = append(g.primitives, in)
	return p
}

func (g *generator) operations(in *instance) *element {
	ops := el("operations")
	op := func(name, interval, role, onFail string) {
		o := el("op", "id", in.id+"-"+name+"-"+interval, "name", name, "interval", interval, "timeout", "20s")
		if role != "" {
			o.set("role", role)
		}
		if onFail != "" {
			o.set("on-fail", onFail)
		}
		ops.add(o)
	}
	fails := []string{"", "", "", "restart", "ignore", "block", "stop", "standby"}
	if g.fencing {
		fails = append(fails, "fence")
	}
	if g.often(60) {
		if in.promotable {
			in.monitors = append(in.monitors, monitor{"10000", "Master"}, monitor{"11000", "Slave"})
			op("monitor", "10s", "Master", pick(g, append(fails, "demote")...))
			op("monitor", "11s", "Slave", pick(g, fails...))
		} else {
			in.monitors = append(in.monitors, monitor{"10000", ""})
			op("monitor", "10s", "", pick(g, fails...))
		}
	}
	if g.often(10) {
		op("start", "0", "", pick(g, fails...))
	}
	if g.often(10) {
		onFail := pick(g, "ignore", "block")
		if g.fencing {
			onFail = pick(g, "ignore", "block", "fence")
		}
		op("stop", "0", "", onFail)
	}
	return ops
}

func (g *generator) primitiveMeta() map[string]string {
	meta := map[string]string{}
	if g.often(15) {
		meta["allow-migrate"] = "true"
	}
	if g.often(6) {
		meta["multiple-active"] = pick(g, "block", "stop_only", "stop_start", "stop_unexpected")
	}
	return meta
}

// meta gives a resource meta-attributes: those, and random ones that any
// resource can have.
func (g *generator) meta(e *element, meta map[string]string) {
	for _, m := range []struct {
		percent     int
		name, value string
	}{
		{10, "target-role", pick(g, "Stopped", "Started", "Started")}, {6, "is-managed", "false"}, {2, "maintenance", "true"},
		{20, "resource-stickiness", pick(g, "0", "1", "100", "INFINITY", "-INFINITY")},
		{15, "priority", pick(g, "1", "5", "10")}, {20, "migration-threshold", pick(g, "1", "2", "3")},
		{6, "critical", "false"}, {6, "requires", pick(g, "nothing", "quorum", "fencing")},
	} {
		if _, given := meta[m.name]; g.often(m.percent) && !given {
			meta[m.name] = m.value
		}
	}
	if !g.cautious {
		g.modernMeta(meta)
	}
	if len(meta) == 0 {
		return
	}
	set := el("meta_attributes", "id", e.get("id")+"-meta")
	for _, name := range []string{
		"target-role", "is-managed", "maintenance", "resource-stickiness", "priority", "migration-threshold", "critical", "requires",
		"allow-migrate", "multiple-active", "clone-max", "clone-node-max", "globally-unique", "interleave", "ordered", "notify", "promotable",
		"promoted-max", "promoted-node-max", "clone-min", "remote-node", "allow-unhealthy-nodes", "failure-timeout",
	} {
		if value, has := meta[name]; has {
			set.add(nv(set.get("id"), name, value))
		}
	}
	// Meta-attributes come first in a resource.
	e.children = append([]*element{set}, e.children...)
}

func (g *generator) group(cloned bool) *element {
	group := el("group", "id", g.id("group"))
	for range 1 + g.IntN(3) {
		group.add(g.primitive("ocf", false, cloned))
	}
	if !cloned {
		g.meta(group, map[string]string{})
		g.resources = append(g.resources, made{id: group.get("id")})
	}
	return group
}

func (g *generator) clone() *element {
	clone := el("clone", "id", g.id("clone"))
	meta := map[string]string{}
	promotable := g.often(45)
	switch {
	case !promotable && g.often(30):
		clone.add(g.group(true))
	default:
		clone.add(g.primitive("ocf", promotable, true))
		if promotable {
			meta["promotable"] = "true"
			g.promoted = append(g.promoted, clone.children[0].get("id"))
			if g.often(20) {
				meta["promoted-max"] = "2"
			}
		} else if g.often(20) {
			copies := 1 + g.IntN(4)
			meta["globally-unique"], meta["clone-max"], meta["clone-node-max"] = "true", strconv.Itoa(copies), "2"
			last := &g.primitives[len(g.primitives)-1]
			last.clone, last.unique = false, copies
		}
	}
	if !g.cautious {
		g.modernClone(meta)
	}
	if meta["clone-max"] == "" && g.often(25) {
		meta["clone-max"] = strconv.Itoa(1 + g.IntN(3))
	}
	// Releases before 3.0 let copies change places; what sticks does not.
	if g.cautious && g.often(80) {
		meta["resource-stickiness"] = "INFINITY"
	}
	for _, m := range []string{"interleave", "ordered", "notify"} {
		if g.often(30) {
			meta[m] = pick(g, "true", "true", "false")
		}
	}
	g.meta(clone, meta)
	g.resources = append(g.resources, made{id: clone.get("id"), promotable: promotable, clone: true})
	return clone
}

func (g *generator) String() string {
	return fmt.Sprintf("%d nodes, %d resources", len(g.nodes), len(g.resources))
}
