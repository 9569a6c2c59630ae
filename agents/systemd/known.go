package systemd

import (
	"context"
	"time"

	"github.com/belay-ha/belay/agents"
)

// What systemd says of a unit is several hundred properties. A unit at rest is
// looked at every few seconds and has not changed, so for one that runs a single
// property is asked first: when its state changed last.

const (
	// trustFor bounds how long the properties are believed that may change while
	// the state does not: whether the unit is enabled, which process is the main one.
	trustFor = 5 * time.Minute
	// maxKnown bounds the memory of units.
	maxKnown = 4096
)

// known is a unit that ran when it was looked at.
type known struct {
	state   agents.UnitState // but for Processes
	changed uint64           // StateChangeTimestampMonotonic, org.freedesktop.systemd1(5)
	at      time.Time
}

// unchanged returns what is known of a unit if systemd says that its state is
// still the same.
func (m *Manager) unchanged(ctx context.Context, b bus, unit string) (agents.UnitState, bool) {
	m.mu.Lock()
	last, found := m.units[unit]
	m.mu.Unlock()
	if !found || time.Since(last.at) > trustFor {
		return agents.UnitState{}, false
	}
	changed, err := b.stateChanged(ctx, unit)
	return last.state, err == nil && changed == last.changed
}

// remember keeps a unit that runs undisturbed, and forgets any other.
func (m *Manager) remember(state agents.UnitState, changed uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !state.Running() || state.JobPending || changed == 0 {
		delete(m.units, state.Unit)
		return
	}
	if m.units == nil || len(m.units) >= maxKnown {
		m.units = map[string]known{}
	}
	state.Processes = nil
	m.units[state.Unit] = known{state, changed, time.Now()}
}
