package main

import "slices"

func (m *mutator) result() {
	op, ok := one(m, m.records)
	if !ok {
		return
	}
	rc, status := pick(m.generator, "0", "7", "1", "1", "8", "9", "5", "6", "2", "3", "4", "189", "190", "191"), "0"
	switch m.IntN(10) {
	case 0:
		rc, status = "193", "-1"
	case 1:
		rc, status = "1", "2"
	case 2:
		status = "4"
	}
	op.replace("rc-code", rc)
	op.replace("op-status", status)
	if key := op.get("transition-key"); key != "" {
		op.replace("transition-magic", status+":"+rc+";"+key)
	}
}

func (m *mutator) forget() {
	gone := func(e *element) bool { return e == nil }
	if h, ok := one(m, m.histories); ok && m.often(50) {
		gone = func(e *element) bool { return e == h }
	} else if op, ok := one(m, m.records); ok {
		gone = func(e *element) bool { return e == op }
	}
	var walk func(e *element)
	walk = func(e *element) {
		e.children = slices.DeleteFunc(e.children, gone)
		for _, c := range e.children {
			walk(c)
		}
	}
	walk(m.status)
}

func (m *mutator) copyHistory() {
	h, ok := one(m, m.histories)
	state, found := one(m, m.states)
	if !ok || !found {
		return
	}
	lrm := state.within("lrm", len(state.children), func() *element { return el("lrm", "id", state.get("id")) })
	all := lrm.within("lrm_resources", 0, func() *element { return el("lrm_resources") })
	all.children = slices.DeleteFunc(all.children, func(e *element) bool { return e.get("id") == h.get("id") })
	all.add(h.clone())
	m.records = append(m.records, all.children[len(all.children)-1].children...)
}

func (m *mutator) stateOfNode() {
	s, ok := one(m, m.states)
	if !ok {
		return
	}
	if s.get("remote_node") != "" || s.get("crmd") == "" {
		s.replace("in_ccm", pick(m.generator, "true", "false", ""))
		return
	}
	set := func(ccm, crmd, join, expected string) {
		s.replace("in_ccm", ccm)
		s.replace("crmd", crmd)
		s.replace("join", join)
		s.replace("expected", expected)
	}
	switch m.IntN(6) {
	case 0:
		set("false", "offline", "down", "member")
	case 1:
		set("false", "offline", "down", "down")
	case 2:
		set("true", "offline", "down", "member")
	case 3:
		set("true", "online", "pending", "member")
	case 4:
		set("true", "online", "banned", "member")
	default:
		set("true", "online", "member", "member")
	}
}

var nodeWords = words{
	{"standby", []string{"on", "off"}}, {"maintenance", truth}, {"terminate", truth}, {"shutdown", []string{"1500000000", "0"}},
	{"#health-cpu", []string{"red", "yellow", "green", "-7"}}, {"site", []string{"east", "west"}},
}

func (m *mutator) attributeOfNode() {
	s, ok := one(m, m.states)
	if !ok {
		return
	}
	put := func(name, value string) {
		t := s.within("transient_attributes", 0, func() *element { return el("transient_attributes", "id", s.get("id")) })
		t.within("instance_attributes", 0, func() *element { return el("instance_attributes", "id", "status-"+s.get("id")) }).give(name, value)
	}
	p, some := one(m, m.primitives)
	switch {
	case some && m.often(25):
		put("master-"+p.get("id"), pick(m.generator, "1", "5", "10", "100", "-INFINITY", "-1"))
	case some && m.often(35):
		op := pick(m.generator, "monitor_10000", "start_0", "stop_0", "promote_0", "monitor_0")
		put("fail-count-"+p.get("id")+"#"+op, pick(m.generator, "1", "2", "INFINITY"))
		put("last-failure-"+p.get("id")+"#"+op, pick(m.generator, "1500000000", "1"))
	default:
		put(m.word(nodeWords))
	}
}
