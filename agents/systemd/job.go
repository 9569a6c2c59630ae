package systemd

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"

	"github.com/belay-ha/belay/agents"
)

// lookInterval is how often a waiting call looks at the unit itself, in case
// the job's result was lost with the connection.
const lookInterval = time.Second

// StartUnit starts a unit and waits until it runs. It returns nil only when
// the unit is active afterwards; a *agents.UnitError says what systemd found
// instead, ErrNoUnit and ErrUnitMasked that it cannot be started here.
func (m *Manager) StartUnit(ctx context.Context, unit string) error {
	return m.job(ctx, "start", FullName(unit), agents.UnitState.Running)
}

// StopUnit stops a unit as its own settings say and waits for that. It returns
// nil only when the unit is inactive or failed afterwards and nothing is left
// in its cgroup. A unit that systemd does not know is stopped. End is the stop
// with a deadline and SIGKILL.
func (m *Manager) StopUnit(ctx context.Context, unit string) error {
	err := m.job(ctx, "stop", FullName(unit), agents.UnitState.Gone)
	if errors.Is(err, agents.ErrNoUnit) {
		return nil
	}
	return err
}

// RestartUnit stops and starts a unit, and waits until it runs.
func (m *Manager) RestartUnit(ctx context.Context, unit string) error {
	return m.job(ctx, "restart", FullName(unit), agents.UnitState.Running)
}

// ReloadUnit asks a running unit to read its configuration again and waits for
// the end of its ExecReload=.
func (m *Manager) ReloadUnit(ctx context.Context, unit string) error {
	return m.job(ctx, "reload", FullName(unit), agents.UnitState.Running)
}

// Kill sends a signal to every process of a unit. A unit without processes is
// no error.
func (m *Manager) Kill(ctx context.Context, unit string, signal syscall.Signal) error {
	unit = FullName(unit)
	b, err := m.bus(ctx)
	if err != nil {
		return fmt.Errorf("kill %s: %w", unit, err)
	}
	if err := b.kill(ctx, unit, int32(signal)); err != nil && !errors.Is(err, agents.ErrNoUnit) {
		return fmt.Errorf("kill %s with signal %d: %w", unit, int(signal), err)
	}
	return nil
}

// ResetFailed clears a unit's failed state, so that a transient one vanishes.
func (m *Manager) ResetFailed(ctx context.Context, unit string) error {
	unit = FullName(unit)
	b, err := m.bus(ctx)
	if err == nil {
		err = b.resetFailed(ctx, unit)
	}
	if err != nil && !errors.Is(err, agents.ErrNoUnit) {
		return fmt.Errorf("reset failed %s: %w", unit, err)
	}
	return nil
}

func (m *Manager) job(ctx context.Context, verb, unit string, reached func(agents.UnitState) bool) error {
	if err := checkName(unit); err != nil {
		return fmt.Errorf("%s: %w", verb, err)
	}
	b, err := m.bus(ctx)
	if err != nil {
		return fmt.Errorf("%s %s: %w", verb, unit, err)
	}
	result := make(chan string, 1) // a full channel would block the connection
	if err := b.submit(ctx, verb, unit, result); err != nil {
		return fmt.Errorf("%s %s: %w", verb, unit, err)
	}
	return m.await(ctx, verb, unit, result, reached)
}

// await waits for a job's result and then judges the unit itself.
func (m *Manager) await(ctx context.Context, verb, unit string, result <-chan string, reached func(agents.UnitState) bool) error {
	job, err := m.result(ctx, unit, result)
	if err != nil {
		return fmt.Errorf("%s %s: wait for the job: %w", verb, unit, err)
	}
	state, err := m.present(ctx, unit)
	if err != nil {
		return fmt.Errorf("%s %s: job %s: %w", verb, unit, job, err)
	}
	// Lost ("") and skipped jobs are judged by the state alone. A stop may fail
	// as a job and still have stopped everything (result timeout after SIGKILL).
	if reached(state) && (job == "done" || job == "" || job == "skipped" || verb == "stop") {
		return nil
	}
	failure := &agents.UnitError{Verb: verb, Job: job, State: state}
	if verb != "stop" {
		failure.Journal = m.Journal(ctx, unit, 20)
	}
	return failure
}

// result returns the job's result, or "" when the unit has no job any more and
// no result has come: the connection broke in between.
func (m *Manager) result(ctx context.Context, unit string, result <-chan string) (string, error) {
	look := time.NewTicker(lookInterval)
	defer look.Stop()
	idle := 0
	for {
		select {
		case job := <-result:
			return job, nil
		case <-ctx.Done():
			return "", context.Cause(ctx)
		case <-look.C:
			state, err := m.present(ctx, unit)
			switch {
			case err != nil || state.JobPending:
				idle = 0 // systemd may be restarting itself: keep looking until ctx ends
			case idle > 0:
				return "", nil
			default:
				idle++
			}
		}
	}
}
