package systemd

import (
	"context"
	"fmt"
	"os"
	"syscall"
	"time"

	"go.uber.org/zap"

	"github.com/belay-ha/belay/agents"
)

// killInterval is how often a unit that does not end is killed again.
const killInterval = 500 * time.Millisecond

// End stops a unit for certain: a stop job, SIGKILL to every process when it is
// not over after grace, and nil only when the unit is inactive (or failed) and
// no process is left in the cgroup that it had. The unit's own TimeoutStopSec=
// and SendSIGKILL= do not matter (mariadb.service waits 900 s and never
// kills). When processes outlive SIGKILL until ctx ends, the error is a
// *agents.UnitError that names them.
func (m *Manager) End(ctx context.Context, unit string, grace time.Duration) error {
	unit = FullName(unit)
	before, err := m.present(ctx, unit)
	if err != nil {
		return fmt.Errorf("stop: %w", err)
	}
	if before.Gone() {
		return m.forget(unit)
	}
	graceful, cancel := context.WithTimeout(ctx, grace)
	err = m.StopUnit(graceful, unit)
	cancel()
	if err != nil {
		m.log.Warn("unit did not stop in time or not wholly, killing it", zap.String("unit", unit), zap.Duration("grace", grace), zap.Error(err))
	}
	last, err := m.killUntilGone(ctx, unit, before.ControlGroup)
	if err != nil {
		return err
	}
	if last.Gone() {
		return m.forget(unit)
	}
	return &agents.UnitError{Verb: "stop", State: last}
}

// killUntilGone sends SIGKILL again and again until nothing is left or ctx
// ends. The error is that of never having read the unit's state.
func (m *Manager) killUntilGone(ctx context.Context, unit, group string) (agents.UnitState, error) {
	again := time.NewTicker(killInterval)
	defer again.Stop()
	var last agents.UnitState
	seen := false
	for {
		state, err := m.present(ctx, unit)
		if err == nil {
			if state.ControlGroup == "" {
				state.Processes = m.processes(group)
			}
			last, seen = state, true
			if state.Gone() {
				return state, nil
			}
			err = m.Kill(ctx, unit, syscall.SIGKILL)
		}
		if err != nil && ctx.Err() == nil {
			m.log.Warn("kill what is left of a unit", zap.String("unit", unit), zap.Error(err))
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			if !seen {
				return last, fmt.Errorf("stop %s: %w", unit, context.Cause(ctx))
			}
			return last, nil
		}
	}
}

// forget removes what belongs to a run of a transient unit.
func (m *Manager) forget(unit string) error {
	if err := os.Remove(m.envFile(unit)); err != nil && !os.IsNotExist(err) {
		return fmt.Errorf("stop %s: remove its environment: %w", unit, err)
	}
	return nil
}
