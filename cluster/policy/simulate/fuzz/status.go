package main

import (
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"strconv"
)

// status invents what happened on each node, mostly what a healthy cluster
// records.
func (g *generator) status() *element {
	status := el("status")
	// Most primitives run on one node only: choose it once.
	home := map[string]int{}
	for i := range g.primitives {
		p := &g.primitives[i]
		home[p.id] = g.IntN(len(g.nodes) + 1) // beyond the last: nowhere
		if with, known := home[p.with]; known && g.often(90) {
			home[p.id] = with
		}
	}
	for i, name := range g.nodes {
		state := el("node_state", "id", strconv.Itoa(i+1), "uname", name)
		up := true
		switch n := g.IntN(100); {
		case n < 72 || i == 0: // the first is the DC
			state.set("in_ccm", "true").set("crmd", "online").set("join", "member").set("expected", "member")
		case n < 82:
			state.set("in_ccm", "false").set("crmd", "offline").set("join", "down").set("expected", "member")
		case n < 90:
			up = false
			state.set("in_ccm", "false").set("crmd", "offline").set("join", "down").set("expected", "down")
		case n < 95:
			state.set("in_ccm", "true").set("crmd", "offline").set("join", "down").set("expected", "member")
		default:
			status.add() // never seen: no state at all
			continue
		}
		if up {
			attrs := g.transient(i, name)
			history := g.histories(i, name, home)
			if len(attrs.children) > 0 {
				state.add(el("transient_attributes", "id", strconv.Itoa(i+1)).add(attrs))
			}
			state.add(el("lrm", "id", strconv.Itoa(i+1)).add(history))
		}
		status.add(state)
	}
	for _, name := range g.remotes {
		if g.often(80) {
			status.add(g.remoteState(name, home))
		}
	}
	return status
}

func (g *generator) transient(i int, name string) *element {
	set := el("instance_attributes", "id", "status-"+strconv.Itoa(i+1))
	put := func(key, value string) { set.add(nv("status-"+name, key, value)) }
	for _, id := range g.promoted {
		if g.often(70) {
			put("master-"+id, pick(g, "5", "10", "10", "100", "-INFINITY"))
		}
	}
	if i > 0 && g.often(5) {
		put("shutdown", "1500000000")
	}
	if g.often(4) {
		put("standby", "on")
	}
	if g.often(6) {
		put("#health-cpu", pick(g, "green", "yellow", "red"))
	}
	if !g.cautious {
		g.failureCounts(put)
	}
	return set
}

func (g *generator) histories(i int, node string, home map[string]int) *element {
	all := el("lrm_resources")
	for _, p := range g.primitives {
		switch {
		case p.member && i >= len(g.nodes):
		case p.unique > 0:
			for copy := range p.unique {
				g.history(all, p, p.id+":"+strconv.Itoa(copy), g.often(30), copy == i)
			}
		case p.clone:
			g.history(all, p, p.id, false, g.often(70))
		default:
			active := home[p.id] == i || g.often(2)
			g.history(all, p, p.id, g.often(10), active)
		}
	}
	if g.often(4) {
		g.history(all, instance{id: "removed", kind: "Dummy", class: "ocf"}, "removed", false, g.often(60))
	}
	return all
}

// history adds what ran of one instance, unless nothing did.
func (g *generator) history(all *element, p instance, id string, never, active bool) {
	if never || g.often(4) {
		return
	}
	entry := el("lrm_resource", "id", id, "type", p.kind, "class", p.class)
	if p.class == "ocf" {
		entry.set("provider", "pacemaker")
	}
	h := &recorded{entry: entry, id: id, generator: g}
	switch {
	case !active && g.often(80):
		h.op("monitor", 0, 7, 7, "last_0")
	case !active:
		h.op("stop", 0, 0, 0, "last_0")
	default:
		g.running(h, p)
	}
	all.add(entry)
}

func (g *generator) running(h *recorded, p instance) {
	promoted := p.promotable && g.often(40)
	last, interval, expected := "start", 0, 0
	if promoted {
		last, expected = "promote", 8
	}
	switch n := g.IntN(100); {
	case n < 84:
		h.op(last, 0, 0, 0, "last_0")
	case n < 86 && !g.cautious:
		h.pending(pick(g, "start", "stop", "monitor"))
		return
	case n < 88:
		h.op("monitor", 0, pick(g, 0, 8*b2i(p.promotable)), 7, "last_0") // found by a probe
	case n < 91:
		h.op("start", 0, 1, 0, "last_failure_0")
		h.op("start", 0, 1, 0, "last_0")
		return
	case n < 94:
		h.op("stop", 0, 1, 0, "last_failure_0")
		h.op("stop", 0, 1, 0, "last_0")
		return
	case n < 97 && p.promotable:
		last = pick(g, "promote", "demote")
		h.op(last, 0, 1, 0, "last_failure_0")
		h.op(last, 0, 1, 0, "last_0")
		return
	default:
		h.op(last, 0, 0, 0, "last_0")
	}
	for _, m := range p.monitors {
		if m.role != "" && promoted != (m.role == "Master") {
			continue
		}
		interval, _ = strconv.Atoi(m.interval)
		if g.often(85) {
			h.op("monitor", interval, expected, expected, "monitor_"+m.interval)
		}
		if g.often(8) {
			h.op("monitor", interval, pick(g, 1, 7, 5), expected, "last_failure_0")
		}
	}
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// recorded is a history that is being written.
type recorded struct {
	*generator
	entry *element
	id    string
	calls int
}

func (h *recorded) op(task string, interval, rc, expected int, key string) {
	h.calls++
	const when = "1500000000"
	transition := fmt.Sprintf("%d:1:%d:11111111-2222-3333-4444-555555555555", h.calls, expected)
	status := "0"
	if rc != expected && !(task == "monitor" && interval == 0) {
		status = "4"
	}
	h.entry.add(el("lrm_rsc_op", "id", h.id+"_"+key, "operation_key", fmt.Sprintf("%s_%s_%d", h.id, task, interval),
		"operation", task, "crm-debug-origin", "x", "crm_feature_set", "3.16.1",
		"transition-key", transition, "transition-magic", fmt.Sprintf("%s:%d;%s", status, rc, transition),
		"call-id", strconv.Itoa(h.calls), "rc-code", strconv.Itoa(rc), "op-status", status, "interval", strconv.Itoa(interval),
		"last-rc-change", when, "exec-time", "0", "queue-time", "0", "op-digest", digest(interval)))
}

// pending records an operation that has not ended yet.
func (h *recorded) pending(task string) {
	h.calls++
	transition := fmt.Sprintf("%d:1:0:11111111-2222-3333-4444-555555555555", h.calls)
	h.entry.add(el("lrm_rsc_op", "id", h.id+"_last_0", "operation_key", fmt.Sprintf("%s_%s_0", h.id, task),
		"operation", task, "crm-debug-origin", "x", "crm_feature_set", "3.16.1",
		"transition-key", transition, "transition-magic", "-1:193;"+transition,
		"call-id", "-1", "rc-code", "193", "op-status", "-1", "interval", "0",
		"last-rc-change", "1500000000", "exec-time", "0", "queue-time", "0", "op-digest", digest(0)))
}

// digest is that of no parameters; recurring operations count their timeout.
func digest(interval int) string {
	text := " <parameters/>\n"
	if interval > 0 {
		text = " <parameters CRM_meta_timeout=\"20000\"/>\n"
	}
	sum := md5.Sum([]byte(text))
	return hex.EncodeToString(sum[:])
}
