package main

import "strconv"

// What only clusters of release 3.0 have: the older one decides otherwise about
// it, or knows it not.

func (g *generator) modernOptions(put func(name, value string)) {
	for _, o := range []struct {
		percent     int
		name, value string
	}{
		{10, "priority-fencing-delay", "15s"}, {5, "start-failure-is-fatal", "false"}, {5, "stop-orphan-actions", "false"},
		{8, "node-health-base", pick(g, "10", "-10", "1000")}, {5, "node-health-yellow", "-20"},
		{5, "shutdown-lock-limit", "1h"}, {4, "fence-remote-without-quorum", "true"}, {5, "node-pending-timeout", "2h"},
	} {
		if g.often(o.percent) {
			put(o.name, o.value)
		}
	}
}

func (g *generator) modernMeta(meta map[string]string) {
	if g.often(4) {
		meta["allow-unhealthy-nodes"] = "true"
	}
	if g.often(10) {
		meta["failure-timeout"] = pick(g, "1h", "100000h")
	}
	if g.often(4) {
		meta["maintenance"] = "true"
	}
}

func (g *generator) modernClone(meta map[string]string) {
	if g.often(10) {
		meta["clone-min"] = strconv.Itoa(1 + g.IntN(3))
	}
	if meta["globally-unique"] == "" && g.often(8) {
		meta["clone-node-max"] = "2"
	}
	if meta["promotable"] == "true" && g.often(8) {
		meta["promoted-node-max"] = "2"
	}
}

// failureCounts are those that members keep of what failed there.
func (g *generator) failureCounts(put func(name, value string)) {
	for i := range g.primitives {
		if !g.often(4) {
			continue
		}
		op := g.primitives[i].id + "#" + pick(g, "monitor_10000", "start_0", "stop_0")
		put("fail-count-"+op, pick(g, "1", "2", "3", "INFINITY"))
		put("last-failure-"+op, pick(g, "1500000000", "1790000000"))
	}
}
