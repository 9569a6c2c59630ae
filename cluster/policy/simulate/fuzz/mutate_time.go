package main

import "strconv"

// instant judges the cluster at another time, near that of its records, and adds
// a condition about it.
func (m *mutator) instant() {
	if m.often(50) {
		m.cluster.replace("execution-date", strconv.Itoa(m.lastRecorded()+pick(m.generator, -1, 0, 1, 59, 60, 600, 3600, 86400)))
	}
	r, ok := m.topID()
	if !ok || m.often(40) {
		return
	}
	w := &widener{generator: m.generator, config: m.config, status: m.status}
	rule := el("rule", "id", m.fresh("rule"), "score", m.score(), "boolean-op", pick(m.generator, "and", "or")).add(w.date())
	if m.often(30) {
		rule.add(w.expression())
	}
	m.constraints().add(el("rsc_location", "id", m.fresh("timely"), "rsc", r).add(rule))
}

// lastRecorded is when the last of the recorded operations ended.
func (m *mutator) lastRecorded() int {
	last := epoch
	for _, op := range m.records {
		if at, err := strconv.Atoi(op.get("last-rc-change")); err == nil && at > last {
			last = at
		}
	}
	return last
}

// migration gives a primitive the history of a live migration that has not ended,
// or ended badly.
func (m *mutator) migration() {
	p, ok := one(m, m.primitives)
	var members []*element
	for _, s := range m.states {
		if s.get("crmd") != "" {
			members = append(members, s)
		}
	}
	if !ok || len(members) < 2 || p.get("type") == "" || p.get("class") != "ocf" {
		return
	}
	from := m.IntN(len(members))
	source, target := members[from], members[(from+1+m.IntN(len(members)-1))%len(members)]
	if m.often(80) {
		if set := block(p, "meta_attributes"); set.get("id-ref") == "" {
			set.give("allow-migrate", "true")
		}
	}
	history := func(s *element) *recorded {
		lrm := s.within("lrm", len(s.children), func() *element { return el("lrm", "id", s.get("id")) })
		h := m.recordIn(lrm.within("lrm_resources", 0, func() *element { return el("lrm_resources") }), p.get("id"), p.get("type"))
		h.entry.replace("provider", p.get("provider"))
		return h
	}
	moveHalfWay(history(source), history(target), source.get("uname"), target.get("uname"))
}

// moveHalfWay records one of the ways in which a live migration can have stood.
func moveHalfWay(source, target *recorded, from, to string) {
	move := func(r *recorded, task string, rc int) {
		r.op(task, 0, rc, 0, "last_0")
		r.entry.children[len(r.entry.children)-1].set("migrate_source", from).set("migrate_target", to)
	}
	switch source.IntN(6) {
	case 0: // arrived half
		move(source, "migrate_to", 0)
		target.op("monitor", 0, 7, 7, "last_0")
	case 1: // arrived, not stopped yet
		move(source, "migrate_to", 0)
		move(target, "migrate_from", 0)
	case 2:
		move(source, "migrate_to", 1)
		target.op("monitor", 0, 7, 7, "last_0")
	case 3:
		move(source, "migrate_to", 0)
		move(target, "migrate_from", 1)
	case 4: // it is leaving
		source.op("start", 0, 0, 0, "start_0")
		source.pending("migrate_to")
		source.entry.children[len(source.entry.children)-1].set("migrate_source", from).set("migrate_target", to)
	default:
		source.op("stop", 0, 0, 0, "last_0")
		move(target, "migrate_from", 0)
	}
}

// unfencing lets a device unfence nodes, which remember with which parameters.
func (m *mutator) unfencing() {
	for _, p := range m.primitives {
		if p.get("class") == "stonith" && m.often(50) {
			if set := block(p, "meta_attributes"); set.get("id-ref") == "" {
				set.give("provides", "unfencing")
			}
		}
	}
	unfenced(m.generator, m.config.withResources(), m.status)
}

// withResources is the configuration, with resources in it.
func (e *element) withResources() *element {
	e.within("resources", len(e.children), func() *element { return el("resources") })
	return e
}

// lock makes nodes leave that keep what ran there.
func (m *mutator) lock() {
	sets := m.config.within("crm_config", 0, func() *element { return el("crm_config") })
	set := sets.within("cluster_property_set", 0, func() *element { return el("cluster_property_set", "id", "cib-bootstrap-options") })
	set.give("shutdown-lock", "true")
	if m.often(50) {
		set.give("shutdown-lock-limit", pick(m.generator, "30min", "1h"))
		m.cluster.replace("execution-date", strconv.Itoa(epoch+pick(m.generator, 1800, 1801, 3600, 3601, 5000)))
	}
	lock(m.generator, m.status, nil)
}
