package sim

import (
	"fmt"
	"time"

	"github.com/belay-ha/belay/cluster/leader"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/fencing"
	"github.com/belay-ha/belay/resources"
)

// The fence devices of the simulated clusters. A host has a power controller; some
// have two feeds as well, each behind an outlet that can be switched, word of their
// crashed kernels, and a hardware watchdog.
const (
	deviceBMC      = "bmc"
	deviceOutlet   = "outlet"
	deviceKdump    = "kdump"
	deviceWatchdog = "watchdog"
	deviceGate     = "gate"
)

// outlets is how many feeds a host has whose outlets can be switched.
const outlets = 2

// kit says which devices hosts have besides a power controller: dogFirst where the
// watchdog comes before that, gate where what cuts them off from their storage has
// to succeed with it.
type kit struct{ kdump, feeds, dog, dogFirst, gate bool }

// drawDevices draws the fence devices of a host, level by level.
func drawDevices(c chance, name resources.NodeName, has kit) []resources.FenceDevice {
	var devices []resources.FenceDevice
	level := 0
	add := func(agent, id string, timeout time.Duration) {
		f := resources.FenceDevice{ID: id + "-" + string(name), Agent: agent, Targets: []resources.NodeName{name}, Level: level, Timeout: resources.Duration(timeout)}
		if c.of(100) {
			f.Delay = resources.Duration(c.between(0, 2*time.Second))
			f.DelayMax = f.Delay + resources.Duration(c.between(0, 2*time.Second))
		}
		devices = append(devices, f)
	}
	if has.dogFirst {
		level++
		add(deviceWatchdog, "dog", 0)
	}
	if has.kdump {
		level++
		add(deviceKdump, "kdump", 4*time.Second)
	}
	level++
	add(deviceBMC, "bmc", deviceTimeout)
	if has.gate {
		add(deviceGate, "gate", deviceTimeout)
		devices[len(devices)-1].Provides = resources.ProvidesUnfencing
	}
	if has.feeds {
		level++
		for n := range outlets {
			add(deviceOutlet, fmt.Sprintf("outlet-%d", n), deviceTimeout)
		}
	}
	if has.dog && !has.dogFirst {
		level++
		add(deviceWatchdog, "dog", 0)
	}
	return devices
}

// controller returns what a device switches; nil for one that switches nothing.
func (h *host) controller(f resources.FenceDevice) *bmc {
	switch f.Agent {
	case deviceBMC:
		return h.bmc
	case deviceGate:
		return h.gate
	case deviceOutlet:
		for n, o := range h.outlets {
			if f.ID == fmt.Sprintf("outlet-%d-%s", n, h.name) {
				return o
			}
		}
	}
	return nil
}

// fed reports whether the host has current.
func (h *host) fed() bool {
	for _, o := range h.outlets {
		if !o.cutOff {
			return true
		}
	}
	return len(h.outlets) == 0
}

// able returns which devices have a part in switching off, or on.
func able(on bool) func(resources.FenceDevice) bool {
	return func(f resources.FenceDevice) bool {
		return !on || f.Agent == deviceBMC || f.Agent == deviceOutlet
	}
}

func cuts(f resources.FenceDevice) bool { return f.Provides != "" }

// next goes on with the next device of the walk, or answers.
func (s *switching) next() {
	f, more := s.walk.Next()
	if !more {
		proof, proven := s.walk.Proven()
		text, refused := s.walk.Failure()
		s.done(leader.Fenced{Proven: proven, Proof: proof, Error: text, Refused: refused && !proven})
		return
	}
	use := func() {
		if !s.mayGoOn() {
			return
		}
		switch f.Agent {
		case deviceWatchdog:
			s.outwait()
		case deviceKdump:
			s.listen(s.d.mono() + f.Timeout.Std())
		default:
			s.b = s.target.controller(f)
			want := fencing.PowerOff
			if s.order.on {
				want = fencing.PowerOn
			}
			s.turn = fencing.NewTurn(want, fencing.Options{Timeout: s.order.timeout, ConfirmInterval: confirmInterval})
			s.deviceEnds = s.d.mono() + f.Timeout.Std()
			s.read()
		}
	}
	if s.order.on || f.DelayMax == 0 {
		use()
		return
	}
	s.d.after(s.d.w.chance.between(f.Delay.Std(), f.DelayMax.Std()), use)
}

// took goes on after a device.
func (s *switching) took(proof string, err error) {
	if s.order.unfence {
		s.letNext(err)
		return
	}
	s.walk.Took(proof, err)
	s.next()
}

// listen waits for the word of a crashed kernel.
func (s *switching) listen(until time.Duration) {
	switch {
	case !s.mayGoOn():
	case s.target.liesDump || s.target.crashed && s.d.w.net.packet(s.target, s.d.h):
		s.took(state.ProofKdump, nil)
	case s.d.mono() >= until:
		s.took("", fencing.NewError(fencing.KindTimeout, "kdump", "wait for its word", "it says nothing", nil))
	default:
		s.d.after(time.Second, func() { s.listen(until) })
	}
}

// outwait waits until the node's own watchdog must have reset it, as cluster/node
// does.
func (s *switching) outwait() {
	lost := s.d.state.Nodes[s.order.node]
	if lost == nil || lost.Watchdog == nil {
		s.took("", fencing.NewError(fencing.KindUnsupported, "dog", "wait for its watchdog", "it feeds none", nil))
		return
	}
	bound := lost.Watchdog.Bound()
	if s.ends-s.d.mono() < bound {
		s.took("", fencing.NewError(fencing.KindTimeout, "dog", "wait for its watchdog", "there is too little time left", nil))
		return
	}
	s.d.after(bound, func() {
		if s.mayGoOn() {
			s.took(state.ProofWatchdog, nil)
		}
	})
}
