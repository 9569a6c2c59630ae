package main

// moreConstraints adds sets with what they can say, tags, and one constraint of
// each rarer kind.
func (w *widener) moreConstraints() {
	all := w.config.child("constraints")
	for range 1 + w.IntN(2) {
		switch w.IntN(5) {
		case 0:
			all.add(w.orderSet())
		case 1:
			all.add(w.colocationSet())
		case 2:
			all.add(w.locationSet())
		case 3:
			w.tagged(all)
		default:
			all.add(w.stoppedLocation())
		}
	}
}

// some returns up to n different resources.
func (w *widener) some(n int) []made {
	var chosen []made
	for _, i := range w.Perm(len(w.resources))[:min(n, len(w.resources))] {
		chosen = append(chosen, w.resources[i])
	}
	return chosen
}

func set(id string, members []made, attrs ...string) *element {
	s := el("resource_set", append([]string{"id", id}, attrs...)...)
	for _, m := range members {
		s.add(el("resource_ref", "id", m.id))
	}
	return s
}

func (w *widener) orderSet() *element {
	o := el("rsc_order", "id", w.id("ordered"), "kind", pick(w.generator, "Mandatory", "Mandatory", "Optional", "Serialize"))
	if w.often(20) && o.get("kind") != "Serialize" {
		o.set("symmetrical", "false")
	}
	members := w.some(4)
	cut := min(len(members), 1+w.IntN(3))
	for _, part := range [][]made{members[:cut], members[cut:]} {
		if len(part) == 0 {
			continue
		}
		s := set(w.id("step"), part)
		if w.often(60) {
			s.set("sequential", pick(w.generator, "true", "false"))
		}
		if w.often(30) {
			s.set("require-all", "false")
			if s.get("sequential") == "" {
				s.set("sequential", "false")
			}
		}
		if w.often(25) {
			s.set("action", pick(w.generator, "start", "stop", "promote", "demote"))
		}
		o.add(s)
	}
	return o
}

func (w *widener) colocationSet() *element {
	c := el("rsc_colocation", "id", w.id("together"), "score", w.score())
	members := w.some(4)
	cut := min(len(members), 1+w.IntN(3))
	for _, part := range [][]made{members[:cut], members[cut:]} {
		if len(part) == 0 {
			continue
		}
		s := set(w.id("side"), part)
		if w.often(50) {
			s.set("sequential", pick(w.generator, "true", "false"))
		}
		if part[0].promotable && w.often(50) {
			s.set("role", pick(w.generator, "Master", "Started"))
		}
		c.add(s)
	}
	return c
}

func (w *widener) locationSet() *element {
	l := el("rsc_location", "id", w.id("placed"), "node", pick(w.generator, w.nodes...), "score", w.score())
	if w.often(20) {
		l.set("resource-discovery", pick(w.generator, "never", "exclusive"))
	}
	return l.add(set(w.id("them"), w.some(3)))
}

// tagged makes a tag of some resources and a constraint for it.
func (w *widener) tagged(all *element) {
	tag := el("tag", "id", w.id("tag"))
	members := w.some(2)
	for _, m := range members {
		tag.add(el("obj_ref", "id", m.id))
	}
	tags := w.config.child("tags")
	if tags == nil {
		tags = el("tags")
		w.config.add(tags)
	}
	tags.add(tag)
	other := w.any()
	for _, m := range members {
		if m.id == other.id {
			all.add(el("rsc_location", "id", w.id("tagged"), "rsc", tag.get("id"), "node", pick(w.generator, w.nodes...), "score", w.score()))
			return
		}
	}
	if w.often(50) {
		all.add(el("rsc_order", "id", w.id("tagged"), "first", tag.get("id"), "then", other.id))
	} else {
		all.add(el("rsc_colocation", "id", w.id("tagged"), "rsc", tag.get("id"), "with-rsc", other.id, "score", w.score()))
	}
}

// stoppedLocation is about one role.
func (w *widener) stoppedLocation() *element {
	return el("rsc_location", "id", w.id("in-role"), "rsc", w.any().id, "node", pick(w.generator, w.nodes...), "score", w.score(), "role", pick(w.generator, "Started", "Slave", "Master"))
}
