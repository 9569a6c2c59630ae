package node

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/fencing"
	"github.com/belay-ha/belay/internal/bubble"
	"github.com/belay-ha/belay/resources"
)

// A power controller that died with its node, without a word of how long it may
// take: the next level still gets its turn within the same attempt.
func TestSilentLevelLeavesTimeForTheNext(t *testing.T) {
	for name, c := range map[string]struct {
		silent   []string
		kind     fencing.Kind
		explicit time.Duration
		within   time.Duration
		proven   bool
	}{
		"it answers nothing":           {silent: []string{"plug-b"}, within: 31 * time.Second, proven: true},
		"nobody reaches it":            {kind: fencing.KindUnreachable, within: 5 * time.Second, proven: true},
		"it is busy":                   {kind: fencing.KindBusy, within: 31 * time.Second, proven: true},
		"its own time is longer":       {silent: []string{"plug-b"}, explicit: 40 * time.Second, within: 41 * time.Second, proven: true},
		"the last one answers nothing": {silent: []string{"plug-b", "feed"}, within: 61 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			bubble.Test(t, func(t *testing.T) {
				m := newMember(t)
				m.define(func(d *resources.Definition) {
					d.Fences[0].Timeout = resources.Duration(c.explicit)
					d.Fences = append(d.Fences, resources.FenceDevice{ID: "feed", Agent: "plug", Targets: []resources.NodeName{"b"}, Level: 2})
				})
				m.bmc.silent = map[string]bool{}
				for _, id := range c.silent {
					m.bmc.silent[id] = true
				}
				if c.kind != 0 {
					m.bmc.kinds = map[string]fencing.Kind{"plug-b": c.kind}
				}
				began := time.Now()
				answer, err := m.Fence(t.Context(), m.lose(resources.FencingOff))
				if took := time.Since(began); err != nil || answer.Proven != c.proven || took > c.within {
					t.Errorf("after %s: %+v, %v", took, answer, err)
				}
				if asked := m.bmc.requests(); c.proven && !slices.Contains(asked, "off feed") {
					t.Errorf("asked %v", asked)
				}
			})
		})
	}
}

// What a later level certainly needs is left for it: a watchdog's time.
func TestLevelTime(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		m, _ := guarded(t)
		m.apply(&state.MemberWatchdog{Node: "b", Incarnation: "run-b", Watchdog: &state.Watchdog{Timeout: resources.Duration(15 * time.Second), Lease: resources.Duration(5 * time.Second)}})
		s := m.machine.current.Load()
		bound := s.Nodes["b"].Watchdog.Bound() // 37 s
		power, own, slow := resources.FenceDevice{ID: "bmc", Agent: "plug"}, resources.FenceDevice{ID: "own", Agent: "watchdog"}, resources.FenceDevice{ID: "pdu", Agent: "plug", Timeout: resources.Duration(10 * time.Second)}
		for name, c := range map[string]struct {
			levels []resources.FenceDevice
			want   time.Duration
		}{
			"alone":                {[]resources.FenceDevice{power}, time.Minute},
			"one of two":           {[]resources.FenceDevice{power, power}, 30 * time.Second},
			"one of three":         {[]resources.FenceDevice{power, power, power}, 20 * time.Second},
			"before a watchdog":    {[]resources.FenceDevice{power, own}, time.Minute - bound - watchdogSpare},
			"before one that says": {[]resources.FenceDevice{power, slow}, 50 * time.Second},
			"one that says itself": {[]resources.FenceDevice{slow, power}, time.Minute},
			"too much is needed":   {[]resources.FenceDevice{power, own, own}, 20 * time.Second},
		} {
			var levels [][]resources.FenceDevice
			for _, f := range c.levels {
				levels = append(levels, []resources.FenceDevice{f})
			}
			if got := m.levelTime(s, levels, "b", time.Minute); got != c.want {
				t.Errorf("%s: %s, want %s", name, got, c.want)
			}
		}
	})
}

// A person at the last level is told what to do, and takes nothing from the power
// controller before: neither its patience nor its time.
func TestManualLevelOnlyAsks(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		m := newMember(t)
		m.define(func(d *resources.Definition) {
			d.Fences = append(d.Fences, resources.FenceDevice{ID: "hands", Agent: "manual", Targets: []resources.NodeName{"b"}, Level: 2, Params: resources.Params{"note": "rack 12"}})
		})
		m.bmc.kinds = map[string]fencing.Kind{"plug-b": fencing.KindUnreachable}
		began := time.Now()
		answer, err := m.Fence(t.Context(), m.lose(resources.FencingOff))
		if err != nil || answer.Proven || time.Since(began) < 50*time.Second {
			t.Fatalf("after %s: %+v, %v", time.Since(began), answer, err)
		}
		last := answer.Steps[len(answer.Steps)-1]
		want := "a person has to switch it off (rack 12), see that it is off, and say so: `belayctl fence confirm b --reason WHY`"
		if last.Device != "hands" || last.Answer != want || !strings.Contains(answer.Error, "hands: "+want) {
			t.Errorf("asked by %+v; error %q", last, answer.Error)
		}
	})
}

// Evidence keeps why the first level was given up.
func TestSilentLevelIsInTheEvidence(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		m := newMember(t)
		m.define(func(d *resources.Definition) {
			d.Fences = append(d.Fences, resources.FenceDevice{ID: "feed", Agent: "plug", Targets: []resources.NodeName{"b"}, Level: 2})
		})
		m.bmc.silent = map[string]bool{"plug-b": true}
		answer, err := m.Fence(t.Context(), m.lose(resources.FencingOff))
		if err != nil || len(answer.Steps) == 0 || answer.Steps[0].Device != "plug-b" || !strings.Contains(answer.Steps[0].Error, "no answer") {
			t.Errorf("%+v, %v", answer, err)
		}
	})
}
