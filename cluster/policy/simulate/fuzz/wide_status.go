package main

import (
	"fmt"
	"strconv"
)

// lrms lists the histories of nodes.
func (w *widener) lrms() []*element {
	var all []*element
	each(w.status, "lrm_resources", func(l *element) { all = append(all, l) })
	return all
}

// recordIn begins a history of a primitive among those of a node, in the place of
// what is there.
func (g *generator) recordIn(lrm *element, id, kind string) *recorded {
	for i, r := range lrm.children {
		if r.get("id") == id {
			lrm.children = append(lrm.children[:i], lrm.children[i+1:]...)
			break
		}
	}
	entry := el("lrm_resource", "id", id, "type", kind, "class", "ocf", "provider", "pacemaker")
	lrm.add(entry)
	return &recorded{entry: entry, id: id, generator: g, calls: 20}
}

// migrations are moves that have not ended, or ended badly.
func (w *widener) migrations() {
	lrms := w.lrms()
	each(w.config.child("resources"), "primitive", func(p *element) {
		meta := p.child("meta_attributes")
		if len(lrms) < 2 || len(w.nodes) < 2 || p.get("type") != "Dummy" || meta == nil || !w.often(60) {
			return
		}
		if w.often(70) {
			meta.give("allow-migrate", "true")
		}
		from, to := 0, 1
		if w.often(50) {
			from, to = 1, 0
		}
		source, target := w.recordIn(lrms[from], p.get("id"), "Dummy"), w.recordIn(lrms[to], p.get("id"), "Dummy")
		moveHalfWay(source, target, w.nodes[from], w.nodes[to])
	})
}

// runningBundles gives containers, and what is in them, a history.
func (w *widener) runningBundles() {
	lrms := w.lrms()
	if len(lrms) == 0 {
		return
	}
	each(w.config.child("resources"), "bundle", func(b *element) {
		launcher, inside := b.children[0], b.child("primitive")
		replicas, _ := strconv.Atoi(launcher.get("replicas"))
		for i := range replicas {
			lrm := lrms[(i+w.IntN(2))%min(len(lrms), len(w.nodes))]
			h := &recorded{generator: w.generator, calls: 30}
			h.id = fmt.Sprintf("%s-%s-%d", b.get("id"), launcher.name, i)
			h.entry = el("lrm_resource", "id", h.id, "type", launcher.name, "class", "ocf", "provider", "heartbeat")
			h.op("start", 0, 0, 0, "last_0")
			if w.often(15) {
				h.op("monitor", 60000, 1, 0, "last_failure_0")
			}
			lrm.add(h.entry)
			if inside == nil {
				continue
			}
			connection := w.recordIn(lrm, fmt.Sprintf("%s-%d", b.get("id"), i), "remote")
			connection.op("start", 0, 0, 0, "last_0")
			if w.often(15) {
				connection.op("monitor", 30000, 1, 0, "last_failure_0")
			}
			name := fmt.Sprintf("%s-%d", b.get("id"), i)
			state := el("node_state", "id", name, "uname", name, "remote_node", "true", "in_ccm", "true", "node_fenced", "0")
			history := el("lrm_resources")
			if w.often(85) {
				child := w.recordIn(history, inside.get("id"), inside.get("type"))
				switch n := w.IntN(100); {
				case n < 70:
					child.op("start", 0, 0, 0, "last_0")
				case n < 85:
					child.op("promote", 0, 0, 0, "last_0")
				default:
					child.op("start", 0, 1, 0, "last_failure_0")
				}
			}
			w.status.add(state.add(el("lrm", "id", name).add(history)))
		}
	})
}

// removed leaves histories of what is not configured any more.
func (w *widener) removed() {
	for _, lrm := range w.lrms() {
		if w.often(50) {
			gone := w.recordIn(lrm, pick(w.generator, "gone", "gone:0", "gone:1"), "Dummy")
			gone.op("start", 0, 0, 0, "last_0")
			if w.often(40) {
				gone.op("monitor", 10000, 0, 0, "monitor_10000")
			}
		}
	}
}

// unfencing makes a device that lets nodes back in, and nodes that were or were not.
func (w *widener) unfencing() {
	made := false
	each(w.config.child("resources"), "primitive", func(p *element) {
		if p.get("class") == "stonith" && !made {
			made = true
			block(p, "meta_attributes").give("provides", "unfencing")
		}
	})
	if !made {
		return
	}
	for _, p := range w.services() {
		if w.often(20) {
			block(p, "meta_attributes").give("requires", pick(w.generator, "unfencing", "quorum", "nothing"))
		}
	}
	each(w.status, "node_state", func(s *element) {
		if w.often(50) {
			t := s.within("transient_attributes", 0, func() *element { return el("transient_attributes", "id", s.get("id")) })
			t.within("instance_attributes", 0, func() *element { return el("instance_attributes", "id", "unfenced-"+s.get("uname")) }).
				give("#node-unfenced", pick(w.generator, "1500000000", "0"))
		}
	})
}

// promotableGroup makes clones of groups promotable.
func (w *widener) promotableGroup() {
	each(w.config.child("resources"), "clone", func(c *element) {
		group := c.child("group")
		if group == nil {
			return
		}
		block(c, "meta_attributes").give("promotable", "true")
		for _, p := range group.children {
			if p.name != "primitive" {
				continue
			}
			for i := range p.attrs {
				if p.attrs[i].name == "type" {
					p.attrs[i].value = "Stateful"
				}
			}
			each(w.status, "instance_attributes", func(s *element) {
				if w.often(50) {
					s.give("master-"+p.get("id"), pick(w.generator, "1", "5", "10"))
				}
			})
		}
		each(w.status, "lrm_resource", func(r *element) {
			for _, p := range group.children {
				if r.get("id") == p.get("id") {
					for i := range r.attrs {
						if r.attrs[i].name == "type" {
							r.attrs[i].value = "Stateful"
						}
					}
				}
			}
		})
	})
}
