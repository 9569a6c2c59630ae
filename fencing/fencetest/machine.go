// Package fencetest holds emulated machines and the BMCs in front of them: a
// Redfish service over TLS and an IPMI 2.0 BMC over UDP, both with scripts of
// faults. Tests and the in-process development cluster use them. The package
// listens only where its caller says, and owns one goroutine for each listener.
package fencetest

import (
	"slices"
	"sync"
	"time"

	"github.com/belay-ha/belay/fencing"
)

// Machine is a host whose power an emulated BMC switches. It is safe for
// concurrent use, and starts switched on.
type Machine struct {
	mu       sync.Mutex
	off      bool
	timer    *time.Timer
	next     bool // what the timer will switch to
	onChange []func(on bool)
	history  []fencing.Power
}

// Power returns the power as it truly is.
func (m *Machine) Power() fencing.Power {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.power()
}

func (m *Machine) power() fencing.Power {
	if m.off {
		return fencing.PowerOff
	}
	return fencing.PowerOn
}

// OnChange adds a function that is called after each change of power, on the
// goroutine that made it.
func (m *Machine) OnChange(fn func(on bool)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.onChange = append(m.onChange, fn)
}

// SetPower switches the machine at once and calls the OnChange functions if
// that changed anything. It cancels a change under way.
func (m *Machine) SetPower(on bool) {
	m.mu.Lock()
	if m.timer != nil {
		m.timer.Stop()
		m.timer = nil
	}
	changed := m.off == on
	m.off = !on
	if changed {
		m.history = keep(append(m.history, m.power()))
	}
	call := slices.Clone(m.onChange)
	m.mu.Unlock()
	if !changed {
		return
	}
	for _, fn := range call {
		fn(on)
	}
}

// switchAfter switches the machine once the delay has passed, unless it is
// switched before, and with a back above zero the other way so long after that.
func (m *Machine) switchAfter(on bool, delay, back time.Duration) {
	act := func() {
		m.SetPower(on)
		if back > 0 {
			m.switchAfter(!on, back, 0)
		}
	}
	if delay <= 0 {
		act()
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.timer != nil {
		if m.next == on {
			return // on its way already
		}
		m.timer.Stop()
	}
	m.next = on
	m.timer = time.AfterFunc(delay, act)
}

// maxRecords bounds every history in this package.
const maxRecords = 1024

func keep[T any](records []T) []T {
	if len(records) > maxRecords {
		return records[len(records)-maxRecords:]
	}
	return records
}

// History returns the changes of power so far, at most the last 1024.
func (m *Machine) History() []fencing.Power {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.history)
}
