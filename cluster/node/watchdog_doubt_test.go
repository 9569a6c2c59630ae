package node

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/fencing"
	"github.com/belay-ha/belay/internal/bubble"
	"github.com/belay-ha/belay/resources"
)

// A watchdog that proves nothing is not armed, and everybody can know why, unless
// the definition says that it is to count all the same.
func TestDoubtfulWatchdog(t *testing.T) {
	const kvm = "product_name is KVM"
	for name, c := range map[string]struct {
		virtual  string
		software bool
		params   resources.Params
		says     string
	}{
		"hardware":                     {},
		"in a virtual machine":         {virtual: kvm, says: "it is a virtual machine (product_name is KVM)"},
		"in one, as defined":           {virtual: kvm, params: resources.Params{"unsafe_in_vm": "true"}},
		"softdog":                      {software: true, says: "its watchdog is softdog"},
		"softdog, as defined":          {software: true, params: resources.Params{"unsafe_softdog": "true"}},
		"softdog in a virtual machine": {virtual: kvm, software: true, params: resources.Params{"unsafe_softdog": "true"}, says: "it is a virtual machine"},
		"softdog in one, half defined": {virtual: kvm, software: true, params: resources.Params{"unsafe_in_vm": "true"}, says: "its watchdog is softdog"},
		"softdog in one, as defined":   {virtual: kvm, software: true, params: resources.Params{"unsafe_in_vm": "true", "unsafe_softdog": "true"}},
	} {
		t.Run(name, func(t *testing.T) {
			bubble.Test(t, func(t *testing.T) {
				m, h := guarded(t)
				m.config.Virtual, h.software = c.virtual, c.software
				m.define(func(d *resources.Definition) {
					d.Fences = []resources.FenceDevice{{ID: "wd", Agent: "watchdog", Targets: []resources.NodeName{"a", "b"}, Params: c.params}}
				})
				k := &keeper{n: m.Node}
				m.feeder.promise(time.Minute)
				m.feeder.given(time.Now())
				k.step(t.Context(), time.Now())
				if armed := k.timer != nil; armed != (c.says == "") || !strings.Contains(k.refused, c.says) {
					t.Errorf("armed %v, refused %q", armed, k.refused)
				}
				if w := h.last(); c.says != "" && w != nil && !w.disarmed {
					t.Error("it was left armed")
				}
			})
		})
	}
}

// What is refused reaches the status of the cluster, and whoever fences the node.
func TestRefusedWatchdogIsTold(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		m, _ := guarded(t)
		m.apply(&state.MemberWatchdog{Node: "b", Incarnation: "run-b", Refused: "it is a virtual machine (KVM)"})
		result := checkWatchdog(m.machine.current.Load(), "b", state.FenceCheckResult{})
		if result.Failure != state.FailureUnproven || !strings.Contains(result.Text, "virtual machine (KVM)") {
			t.Errorf("%+v", result)
		}
		answer, err := m.Fence(t.Context(), m.lose(resources.FencingReboot))
		if err != nil || answer.Proven || !strings.Contains(answer.Error, "virtual machine (KVM)") {
			t.Errorf("%+v, %v", answer, err)
		}
	})
}

// A timer that the cluster counts on, from a daemon that did not know better, is
// fed until it is taken back: an armed one resets the host.
func TestCountedOnWatchdogIsGivenUpInOrder(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		m, h := guarded(t)
		m.config.Virtual = "product_name is KVM"
		fact := &state.Watchdog{Device: "/dev/watchdog", Timeout: resources.Duration(ownTimeout), Lease: resources.Duration(5 * time.Second)}
		m.apply(&state.MemberWatchdog{Node: "a", Incarnation: m.exec.Incarnation(), Watchdog: fact})
		defer m.run(m.keepWatchdog)()
		m.lets(20 * time.Second)
		if w := h.last(); w == nil || !w.reset().IsZero() || w.disarmed {
			t.Fatalf("while the cluster counts on it: %+v", w)
		}
		m.apply(&state.MemberWatchdog{Node: "a", Incarnation: m.exec.Incarnation()})
		m.lets(20 * time.Second)
		if w := h.last(); !w.disarmed || len(h.opened) != 1 {
			t.Errorf("afterwards: %+v, opened %d times", w, len(h.opened))
		}
	})
}

// What cannot be opened is told as well, in words of a bounded length.
func TestWatchdogThatCannotBeOpenedIsTold(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		m, _ := guarded(t)
		m.config.OpenWatchdog = func(string, time.Duration) (Watchdog, error) {
			return nil, errors.New("open watchdog: device or resource busy; " + strings.Repeat("x", fencing.MaxText))
		}
		k := &keeper{n: m.Node}
		m.feeder.promise(time.Minute)
		m.feeder.given(time.Now())
		k.step(t.Context(), time.Now())
		if !strings.Contains(k.refused, "busy") || len(k.refused) > maxRefused {
			t.Errorf("refused: %q", k.refused)
		}
	})
}
