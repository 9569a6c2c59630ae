package main

import (
	"strings"
	"testing"
	"time"

	"github.com/belay-ha/belay/cluster/api"
	"github.com/belay-ha/belay/cluster/scheduler"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/resources"
)

// quarantined makes a node one that was fenced again and has come back.
func (c *console) quarantined(name resources.NodeName) {
	n := c.fake.state.Nodes[name]
	n.Liveness, n.Standby, n.BootedAt = state.LivenessAlive, false, epoch.Add(-10*time.Second)
	for _, minutes := range []time.Duration{20, 2} {
		at := epoch.Add(-minutes * time.Minute)
		c.fake.state.FenceHistory = append(c.fake.state.FenceHistory, &state.Fencing{ID: "f4", Node: name, By: "cluster", Action: resources.FencingReboot, RequestedAt: at, OffAt: at, Phase: state.FencingDone})
	}
}

// A node in quarantine is told of with its end and the way out, which ends it.
func TestQuarantine(t *testing.T) {
	c := newConsole(t)
	c.quarantined("controller-1")
	const says = "controller-1 was fenced 2 times in 1h0m0s and is in quarantine until 2026-03-04T05:06:57Z"
	status := func() string {
		plan := scheduler.Plan(c.fake.state, epoch, scheduler.Options{Quorum: true})
		var out strings.Builder
		c.app.printStatus(&out, api.BuildStatus(c.fake.state, api.Live{Transition: plan}, "controller-0", false, epoch), false)
		return out.String()
	}
	for _, line := range []string{"warning: node " + says + ": nothing is started there before\n", "next: belayctl fence release controller-1\n"} {
		if text := status(); !strings.Contains(text, line) {
			t.Errorf("status lacks %q:\n%s", line, text)
		}
	}
	for _, words := range []string{"fence history", "fence history controller-1"} {
		if out := c.must(t, strings.Fields(words)...); !strings.Contains(out, says+"; to end it: belayctl fence release controller-1\n") {
			t.Errorf("%s:\n%s", words, out)
		}
	}
	if out := c.must(t, "fence", "history", "controller-0"); strings.Contains(out, "quarantine") {
		t.Errorf("of another node:\n%s", out)
	}
	c.must(t, "fence", "release", "controller-1", "--reason", "mended")
	if out := status() + c.must(t, "fence", "history"); strings.Contains(out, "quarantine") {
		t.Errorf("after the release:\n%s", out)
	}
}
