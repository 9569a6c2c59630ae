package main

import (
	"math/rand/v2"
	"slices"
	"strconv"
)

// more changes a cluster once more, with randomness of its own: what earlier steps
// make of a seed stays as it is.
func (w *widener) more(seed uint64, cluster *element) {
	w.Rand = rand.New(rand.NewPCG(seed, 3))
	for _, step := range []struct {
		percent int
		change  func()
	}{
		{25, func() { w.instant(cluster) }}, {10, w.devices}, {12, w.movableMembers}, {10, w.pendings}, {6, w.remoteWords}, {8, w.joinTimes},
		{8, w.templateConstraint}, {10, func() { w.locks(cluster) }}, {8, w.unfencingDigests}, {10, w.amounts}, {10, w.guestMeta}, {8, w.contained},
		{6, w.otherClasses}, {10, w.racks}, {5, w.asymmetric}, {5, w.uniquePromotable}, {6, w.memberConstraints}, {5, w.probesDone},
	} {
		if w.often(step.percent) {
			step.change()
		}
	}
}

// epoch is when everything that is recorded happened: 2017-07-14T02:40:00Z.
const epoch = 1500000000

// instant gives the cluster a time at which it is judged, and conditions about it.
func (w *widener) instant(cluster *element) {
	cluster.replace("execution-date", strconv.Itoa(epoch+pick(w.generator, 0, 1, 60, 3599, 3600, 3601, 7200, 86400, 40*86400)))
	for range w.IntN(3) {
		w.config.child("constraints").add(el("rsc_location", "id", w.id("timely"), "rsc", w.any().id).add(
			el("rule", "id", w.id("rule"), "score", w.score()).add(w.date())))
	}
}

// date is a condition about times near the instant.
func (w *widener) date() *element {
	id := w.id("date")
	start := pick(w.generator, "2017-07-14T02:40:00Z", "2017-07-14 03:40:00Z", "2017-07-14", "2017-07-01", "2017-08-23T02:40:00Z")
	switch w.IntN(4) {
	case 0:
		return el("date_expression", "id", id, "operation", "gt", "start", start)
	case 1:
		return el("date_expression", "id", id, "operation", "lt", "end", start)
	case 2:
		d := el("date_expression", "id", id, "operation", "in_range", "start", start)
		if w.often(50) {
			return d.set("end", "2017-07-14T03:40:00Z")
		}
		return d.add(el("duration", "id", id+"-length", pick(w.generator, "hours", "weeks", "months", "years"), pick(w.generator, "1", "2")))
	default:
		return el("date_expression", "id", id, "operation", "date_spec").add(
			el("date_spec", "id", id+"-spec", pick(w.generator, "hours", "weekdays", "monthdays", "months", "weeks", "yeardays"), pick(w.generator, "2", "3-5", "5-7", "14", "28", "195")))
	}
}

// devices treats fence devices as any other resource.
func (w *widener) devices() {
	each(w.config.child("resources"), "primitive", func(p *element) {
		if p.get("class") != "stonith" {
			return
		}
		if w.often(25) {
			said := pick(w.generator, [2]string{"target-role", "Stopped"}, [2]string{"is-managed", "false"}, [2]string{"resource-stickiness", "100"}, [2]string{"priority", "10"})
			block(p, "meta_attributes").give(said[0], said[1])
		}
		other, constraints := w.any().id, w.config.child("constraints")
		switch w.IntN(4) {
		case 0:
			constraints.add(el("rsc_location", "id", w.id("device"), "rsc", p.get("id"), "node", pick(w.generator, w.nodes...), "score", w.score()))
		case 1:
			constraints.add(el("rsc_colocation", "id", w.id("device"), "rsc", p.get("id"), "with-rsc", other, "score", w.score()))
		case 2:
			constraints.add(el("rsc_colocation", "id", w.id("device"), "rsc", other, "with-rsc", p.get("id"), "score", w.score()))
		default:
			constraints.add(el("rsc_order", "id", w.id("device"), "first", p.get("id"), "then", other, "kind", pick(w.generator, "Mandatory", "Optional")))
		}
	})
}

// movableMembers lets members of groups and copies of clones migrate.
func (w *widener) movableMembers() {
	for _, kind := range []string{"group", "clone"} {
		each(w.config.child("resources"), kind, func(c *element) {
			each(c, "primitive", func(p *element) {
				if p.get("class") == "ocf" && w.often(60) {
					block(p, "meta_attributes").give("allow-migrate", "true")
				}
			})
			if kind == "clone" && w.often(50) {
				block(c, "meta_attributes").give("clone-max", "1")
			}
		})
	}
	if w.often(40) {
		w.migrations()
	}
}

// pendings makes the last of an operation unfinished.
func (w *widener) pendings() {
	each(w.status, "lrm_resource", func(r *element) {
		if !w.often(12) || len(r.children) == 0 {
			return
		}
		h := &recorded{entry: r, id: r.get("id"), generator: w.generator, calls: 40}
		if w.often(50) {
			r.children = r.children[:len(r.children)-1]
		}
		r.children = slices.DeleteFunc(r.children, func(op *element) bool { return op.get("id") == h.id+"_last_0" })
		h.pending(pick(w.generator, "start", "stop", "monitor", "promote", "demote", "notify", "migrate_from"))
	})
}

// remoteWords are what remote nodes say of themselves.
func (w *widener) remoteWords() {
	each(w.status, "node_state", func(s *element) {
		if s.get("remote_node") == "" {
			return
		}
		t := s.within("transient_attributes", 0, func() *element { return el("transient_attributes", "id", s.get("id")) })
		set := t.within("instance_attributes", 0, func() *element { return el("instance_attributes", "id", "words-"+s.get("id")) })
		set.give(pick(w.generator, "#health-disk", "maintenance", "standby", "shutdown", "resource-discovery-enabled", "site"), pick(w.generator, "red", "true", "false", "1500000000", "east"))
		if w.often(40) {
			s.replace("node_fenced", pick(w.generator, "1500000000", "0"))
		}
		if w.often(20) {
			s.replace("node_in_maintenance", "true")
		}
	})
}

// joinTimes writes when members joined instead of that they did, as newer clusters do.
func (w *widener) joinTimes() {
	each(w.status, "node_state", func(s *element) {
		if s.get("crmd") == "" || s.get("in_ccm") == "false" || !w.often(70) {
			return
		}
		s.replace("in_ccm", strconv.Itoa(epoch-600))
		s.replace("crmd", pick(w.generator, strconv.Itoa(epoch-300), strconv.Itoa(epoch-300), "0"))
		if w.often(30) {
			s.replace("expected", pick(w.generator, "down", ""))
		}
	})
}

// templateConstraint names a template, which means all that is made of it.
func (w *widener) templateConstraint() {
	all := w.config.child("resources")
	t := all.child("template")
	if t == nil {
		w.template()
		if t = all.child("template"); t == nil {
			return
		}
	}
	user := el("primitive", "id", w.id("templated"), "template", t.get("id"))
	all.add(user)
	other, constraints := w.any().id, w.config.child("constraints")
	for _, p := range all.children {
		if p.get("id") == other && p.get("template") == t.get("id") {
			return // it would be related to itself
		}
	}
	if w.often(50) {
		constraints.add(el("rsc_order", "id", w.id("templates"), "first", t.get("id"), "then", other))
	} else {
		constraints.add(el("rsc_colocation", "id", w.id("templates"), "rsc", t.get("id"), "with-rsc", other, "score", w.score()))
	}
}

// locks says of what ran on nodes that have left that it is locked to them.
func (w *widener) locks(cluster *element) {
	if cluster.get("execution-date") == "" {
		cluster.replace("execution-date", strconv.Itoa(epoch+3600))
	}
	options := w.config.children[0].children[0]
	options.give("shutdown-lock", "true")
	if w.often(60) {
		options.give("shutdown-lock-limit", pick(w.generator, "30min", "1h", "2h"))
	}
	lock(w.generator, w.status, w.nodes)
}

// lock makes nodes leave cleanly and keep some of what ran there.
func lock(g *generator, status *element, members []string) {
	each(status, "node_state", func(s *element) {
		if s.get("crmd") == "" || len(members) > 0 && s.get("uname") == members[0] || !g.often(50) {
			return
		}
		s.replace("in_ccm", "false")
		s.replace("crmd", "offline")
		s.replace("join", "down")
		s.replace("expected", "down")
		each(s, "lrm_resource", func(r *element) {
			if !g.often(60) {
				return
			}
			r.replace("shutdown-lock", strconv.Itoa(epoch+pick(g, 0, 1800, 1801, 3600)))
			if g.often(60) {
				r.children = nil
				h := &recorded{entry: r, id: r.get("id"), generator: g, calls: 50}
				h.op("stop", 0, 0, 0, "last_0")
			}
		})
	})
}

// unfencingDigests are what nodes remember of the devices that let them in.
func (w *widener) unfencingDigests() {
	w.unfencing()
	unfenced(w.generator, w.config, w.status)
}

// unfenced gives nodes a memory of the devices with which they were unfenced.
func unfenced(g *generator, config, status *element) {
	each(config.child("resources"), "primitive", func(p *element) {
		if p.get("class") != "stonith" {
			return
		}
		if g.often(30) {
			block(p, "instance_attributes").give("passwd", pick(g, "a", "b"))
		}
		each(status, "node_state", func(s *element) {
			if s.get("crmd") == "" || !g.often(70) {
				return
			}
			t := s.within("transient_attributes", 0, func() *element { return el("transient_attributes", "id", s.get("id")) })
			set := t.within("instance_attributes", 0, func() *element { return el("instance_attributes", "id", "memory-"+s.get("id")) })
			label := p.get("id") + ":" + p.get("type") + ":"
			set.give("#node-unfenced", strconv.Itoa(epoch))
			set.give("#digests-all", label+pick(g, digest(0), "0123456789abcdef0123456789abcdef")+",")
			set.give("#digests-secure", label+pick(g, digest(0), "fedcba9876543210fedcba9876543210")+",")
		})
	})
}
