package dev

import (
	"testing"
	"time"

	"github.com/belay-ha/belay/cluster/api"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/fencing"
	"github.com/belay-ha/belay/fencing/redfish"
	"github.com/belay-ha/belay/fencing/watchdog"
	"github.com/belay-ha/belay/resources"
)

// ownWatchdogs is a cluster whose only fence device is each node's own watchdog.
func ownWatchdogs(t *testing.T) *Cluster {
	t.Helper()
	c := startWith(t, func(config *Config) {
		config.Fences = fencing.NewRegistry([]fencing.Spec{redfish.Spec(), watchdog.Spec()})
	})
	untilVersion(t, c, state.VersionMore)
	define(t, c, func(d *resources.Definition) {
		d.Properties.Lease = resources.Duration(6 * time.Second) // longer than a busy machine starves anybody
		var all []resources.NodeName
		for _, h := range c.Hosts() {
			all = append(all, h.Name())
		}
		d.Fences = []resources.FenceDevice{{ID: "own", Agent: watchdog.Name, Targets: all, Params: resources.Params{"timeout": "10s"}}}
	})
	everythingRuns(t, c, soon)
	eventually(t, "every node feeds its watchdog", soon, func() bool {
		for _, n := range stateOf(t, c).Nodes {
			if n.Watchdog == nil {
				return false
			}
		}
		return true
	})
	return c
}

// A node that loses its power with its BMC, or has none, is counted out by its
// own watchdog: its services go on elsewhere without an operator.
func TestWatchdogProvesDeath(t *testing.T) {
	t.Parallel()
	c := ownWatchdogs(t)
	status := until(t, c, "the address runs", soon, func(s api.Status) bool { return holder(s, "vip") != "" })
	victim, _ := c.Host(holder(status, "vip"))
	bound := stateOf(t, c).Nodes[victim.Name()].Watchdog.Bound()
	cut := time.Now()
	victim.CutPower()
	until(t, c, "the address runs elsewhere", outwait, func(s api.Status) bool {
		at := holder(s, "vip")
		return at != "" && at != victim.Name()
	})
	if took := time.Since(cut); took < bound {
		t.Errorf("recovered after %s, before its watchdog could have reset it (%s)", took, bound)
	}
	s := stateOf(t, c)
	if off := s.Nodes[victim.Name()].Off; off == nil || off.By != state.ProofWatchdog {
		t.Errorf("proof on record: %+v", off)
	}
	victim.PowerOn()
	everythingRuns(t, c, outage)
	for _, h := range c.Hosts() {
		if h.Resets() != 0 {
			t.Errorf("%s was reset", h.Name())
		}
	}
}

// A living node that has to be fenced gets no lease any more, so that its own
// watchdog resets it.
func TestWatchdogResetsAFencedNode(t *testing.T) {
	t.Parallel()
	c := ownWatchdogs(t)
	victim := c.Hosts()[1]
	client := c.Client()
	if _, err := client.Command(t.Context(), &state.FenceRequested{Node: victim.Name(), Action: resources.FencingReboot, Reason: "asked for"}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "its watchdog resets it", outwait, func() bool { return victim.Resets() == 1 })
	everythingRuns(t, c, outage)
	if s := stateOf(t, c); len(s.FenceHistory) != 1 {
		t.Errorf("history: %+v", s.FenceHistory)
	}
}

// A daemon that restarts, or dies, costs no host: the next start feeds the timer.
func TestWatchdogSurvivesDaemonRestarts(t *testing.T) {
	t.Parallel()
	c := ownWatchdogs(t)
	h := c.Hosts()[2]
	if err := h.RestartDaemon(t.Context()); err != nil {
		t.Fatal(err)
	}
	everythingRuns(t, c, outage)
	if err := h.KillDaemon(t.Context()); err != nil {
		t.Fatal(err)
	}
	everythingRuns(t, c, outage)
	feeding := func() bool { return stateOf(t, c).Nodes[h.Name()].Watchdog != nil }
	eventually(t, "it feeds again", soon, feeding)
	fed := h.fedTimes()
	eventually(t, "it goes on feeding", soon, func() bool { return h.fedTimes() > fed+2 })
	if h.Resets() != 0 || !feeding() {
		t.Errorf("reset %d times", h.Resets())
	}
}

// fedTimes returns how often the host's watchdog has been fed.
func (h *Host) fedTimes() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.fed
}
