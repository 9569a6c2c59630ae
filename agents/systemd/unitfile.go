package systemd

import (
	"context"
	"fmt"
)

// The verbs of SetUnitFile: those of systemctl(1).
const (
	VerbEnable        = "enable"
	VerbEnableRuntime = "enable-runtime"
	VerbDisable       = "disable"
	VerbMask          = "mask"
	VerbUnmask        = "unmask"
)

// UnitFile returns the state of a unit's file as of now: enabled, disabled,
// static, masked, …; "" when this host has no such unit.
func (m *Manager) UnitFile(ctx context.Context, unit string) (string, error) {
	state, err := m.present(ctx, FullName(unit))
	if err != nil || state.Load == "not-found" {
		return "", err
	}
	if state.Load == "masked" {
		return "masked", nil
	}
	return state.UnitFile, nil
}

// SetUnitFile changes whether systemd starts a unit by itself: at boot (enable,
// disable), or at all (mask, unmask). A unit that runs goes on. It lasts over
// restarts of the host, but for enable-runtime.
func (m *Manager) SetUnitFile(ctx context.Context, verb, unit string) error {
	unit = FullName(unit)
	if err := checkName(unit); err != nil {
		return err
	}
	b, err := m.bus(ctx)
	if err != nil {
		return fmt.Errorf("%s %s: %w", verb, unit, err)
	}
	if err := b.unitFile(ctx, verb, unit); err != nil {
		return fmt.Errorf("%s %s: %w", verb, unit, err)
	}
	// What systemd has read of the unit is older than its files.
	if err := m.daemonReload(ctx); err != nil {
		return fmt.Errorf("%s %s: %w", verb, unit, err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.units, unit)
	return nil
}
