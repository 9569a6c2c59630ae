package agenttest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/belay-ha/belay/agents"
)

// Trouble is what a fake host suffers from. It is safe for concurrent use.
type Trouble struct {
	mu    sync.Mutex
	hung  bool
	noise string
}

// Hang makes every fake that shares t block until its context ends.
func (t *Trouble) Hang(hang bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.hung = hang
}

// MakeNoise makes every fake that shares t fail, saying the secrets again and
// again.
func (t *Trouble) MakeNoise(secrets ...string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.noise = strings.Repeat("[ERROR] something is wrong, password: "+strings.Join(secrets, " ")+"\n", 4096)
}

// Strike blocks or fails as t says, or returns nil.
func (t *Trouble) Strike(ctx context.Context) error {
	t.mu.Lock()
	hung, noise := t.hung, t.noise
	t.mu.Unlock()
	if hung {
		<-ctx.Done()
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("fake: %w", context.Cause(ctx))
	}
	if noise != "" {
		first, _, _ := strings.Cut(noise, "\n")
		return fmt.Errorf("fake: it went wrong, %s\nand on", first)
	}
	return nil
}

// Noise returns what is said while noise is made, or "".
func (t *Trouble) Noise() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.noise
}

// Units is a fake of unit control with one unit. The zero value is not ready:
// NewUnits.
type Units struct {
	*Trouble
	// OnStart runs while the unit starts; its error, a *agents.UnitError for one
	// that systemd would give, fails the start. OnEnd runs when the unit ends;
	// graceful is false after SIGKILL. Both run without a lock.
	OnStart func(ctx context.Context) error
	OnEnd   func(graceful bool)
	// Stubborn units need SIGKILL.
	Stubborn bool
	// Said is the unit's journal.
	Said string

	mu    sync.Mutex
	state agents.UnitState
	lines []string
	calls []string
	grace time.Duration
}

// NewUnits returns a fake with an installed, disabled, stopped unit.
func NewUnits(unit string, trouble *Trouble) *Units {
	return &Units{Trouble: trouble, state: agents.UnitState{Unit: unit, Load: "loaded", Active: "inactive", Sub: "dead", Result: "success", UnitFile: "disabled"}}
}

// Change edits the unit's state.
func (u *Units) Change(edit func(*agents.UnitState)) {
	u.mu.Lock()
	defer u.mu.Unlock()
	edit(&u.state)
}

// Die ends the unit's processes by a signal, from outside.
func (u *Units) Die(signal syscall.Signal) {
	u.Change(func(s *agents.UnitState) {
		s.Active, s.Sub, s.Result, s.ExitStatus, s.MainPID, s.Processes = "failed", "failed", "signal", int(signal), 0, nil
	})
	if u.OnEnd != nil {
		u.OnEnd(false)
	}
}

// Running reports whether the unit has processes.
func (u *Units) Running() bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return len(u.state.Processes) > 0
}

// Calls lists what was asked of unit control so far, but for State.
func (u *Units) Calls() []string {
	u.mu.Lock()
	defer u.mu.Unlock()
	return slices.Clone(u.calls)
}

// Grace returns the grace of the last End.
func (u *Units) Grace() time.Duration {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.grace
}

// Lines returns the lines of the drop-in; nil when there is none.
func (u *Units) Lines() []string {
	u.mu.Lock()
	defer u.mu.Unlock()
	return slices.Clone(u.lines)
}

func (u *Units) called(what string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.calls = append(u.calls, what)
}

// State returns the unit's state.
func (u *Units) State(ctx context.Context, _ string) (agents.UnitState, error) {
	if err := u.Strike(ctx); err != nil {
		return agents.UnitState{}, err
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	state := u.state
	state.Processes = slices.Clone(state.Processes)
	return state, nil
}

// StartUnit brings the unit up, through OnStart.
func (u *Units) StartUnit(ctx context.Context, _ string) error {
	u.called("start")
	if err := u.Strike(ctx); err != nil {
		return err
	}
	u.mu.Lock()
	if u.state.Active == "active" {
		u.mu.Unlock()
		return nil
	}
	u.state.Active, u.state.Sub, u.state.MainPID, u.state.Processes = "activating", "start", 4711, []int{4711}
	u.mu.Unlock()
	if u.OnStart != nil {
		if err := u.OnStart(ctx); err != nil {
			if ctx.Err() == nil {
				u.Change(func(s *agents.UnitState) {
					s.Active, s.Sub, s.Result, s.MainPID, s.Processes = "failed", "failed", "exit-code", 0, nil
				})
			}
			return err
		}
	}
	u.Change(func(s *agents.UnitState) { s.Active, s.Sub, s.Result, s.ExitStatus = "active", "running", "success", 0 })
	return nil
}

// End stops the unit.
func (u *Units) End(ctx context.Context, _ string, grace time.Duration) error {
	u.called("end")
	if err := u.Strike(ctx); err != nil {
		return err
	}
	u.mu.Lock()
	u.grace = grace
	had := len(u.state.Processes) > 0
	u.mu.Unlock()
	if had && u.Stubborn {
		timer := time.NewTimer(grace)
		defer timer.Stop()
		select {
		case <-timer.C:
			u.called("kill")
		case <-ctx.Done():
			return fmt.Errorf("fake: %w", context.Cause(ctx))
		}
	}
	u.Change(func(s *agents.UnitState) { s.Active, s.Sub, s.MainPID, s.Processes = "inactive", "dead", 0, nil })
	if had && u.OnEnd != nil {
		u.OnEnd(!u.Stubborn)
	}
	return nil
}

// Manage keeps the drop-in's lines.
func (u *Units) Manage(ctx context.Context, _ string, lines ...string) error {
	u.called("manage")
	if err := u.Strike(ctx); err != nil {
		return err
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.lines = append([]string{"Restart=no"}, lines...)
	return nil
}

// Release drops them.
func (u *Units) Release(ctx context.Context, _ string) error {
	u.called("release")
	if err := u.Strike(ctx); err != nil {
		return err
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.lines = nil
	return nil
}

// Journal returns Said, or the noise.
func (u *Units) Journal(context.Context, string, int) string {
	if noise := u.Noise(); noise != "" {
		return noise
	}
	return u.Said
}

// Runner is a fake that runs programs. Programs maps a path to what it does.
type Runner struct {
	*Trouble
	Programs map[string]func(ctx context.Context, c agents.Command) (agents.Exit, error)

	mu    sync.Mutex
	calls []agents.Command
}

// Run runs a program, or says that there is none.
func (r *Runner) Run(ctx context.Context, c agents.Command) (agents.Exit, error) {
	r.mu.Lock()
	r.calls = append(r.calls, c)
	r.mu.Unlock()
	if err := r.Strike(ctx); err != nil {
		if ctx.Err() != nil {
			return agents.Exit{Code: -1}, err
		}
		return agents.Exit{Code: 1, Stdout: r.Noise(), Stderr: r.Noise()}, nil
	}
	program, found := r.Programs[c.Path]
	if !found {
		return agents.Exit{Code: -1}, fmt.Errorf("%w: %s", agents.ErrNoProgram, c.Path)
	}
	return program(ctx, c)
}

// Calls lists the commands so far.
func (r *Runner) Calls() []agents.Command {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.calls)
}
