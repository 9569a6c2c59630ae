package agents

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Agents that drive systemd units declare the narrow interface that they need
// over the types of this file; package agents/systemd has the implementation.

// Errors of unit control that callers branch on.
var (
	// ErrNoSystemd means that this host was not booted with systemd.
	ErrNoSystemd = errors.New("this host does not run systemd")
	// ErrNoUnit means that systemd knows no such unit.
	ErrNoUnit = errors.New("no such systemd unit")
	// ErrUnitMasked means that an administrator forbids the unit on this host.
	ErrUnitMasked = errors.New("the systemd unit is masked")
)

// UnitState is what systemd says of a unit (org.freedesktop.systemd1(5)).
type UnitState struct {
	// Unit is the full name, with its type ("haproxy.service").
	Unit string
	// Load is loaded, not-found, masked, bad-setting or error.
	Load string
	// Active is active, reloading, inactive, failed, activating or
	// deactivating; Sub is finer and depends on the unit's type.
	Active, Sub string
	// Result of a service's last run: success, exit-code, signal, timeout, ….
	Result string
	// ExitStatus of the last main process: exit status, or signal when Result
	// is signal.
	ExitStatus int
	// NotExecuted is the program that systemd could not execute, "" unless the last
	// run failed for that reason (exit status 203, systemd.exec(5)).
	NotExecuted string
	// MainPID is 0 when there is no main process.
	MainPID int
	// UnitFile is enabled, disabled, static, masked, transient, ….
	UnitFile string
	// ConditionUnmet is set when the last start was skipped because a
	// Condition…= of the unit did not hold.
	ConditionUnmet bool
	// JobPending is set while systemd has a job for the unit queued or running.
	JobPending bool
	// ControlGroup is the path below the cgroup root, "" when there is none.
	ControlGroup string
	// Processes are the ids of every process in the unit's cgroup, at most 64.
	Processes []int
}

// Running reports whether the unit is up: active, or reloading.
func (s UnitState) Running() bool { return s.Active == "active" || s.Active == "reloading" }

// Changing reports whether the unit is on its way up or down.
func (s UnitState) Changing() bool { return s.Active == "activating" || s.Active == "deactivating" }

// Gone reports whether nothing of the unit is left: neither a state that says
// so nor a process in its cgroup.
func (s UnitState) Gone() bool {
	return (s.Active == "inactive" || s.Active == "failed") && !s.JobPending && len(s.Processes) == 0
}

// AtBoot reports whether systemd itself starts the unit at boot, beside the
// cluster.
func (s UnitState) AtBoot() bool { return s.UnitFile == "enabled" || s.UnitFile == "enabled-runtime" }

// String describes the state in a few words for people.
func (s UnitState) String() string {
	if s.Load == "not-found" {
		return s.Unit + " is not loaded: a transient unit that has ended, or one that is not installed"
	}
	text := fmt.Sprintf("%s is %s/%s", s.Unit, s.Active, s.Sub)
	if s.Load != "" && s.Load != "loaded" {
		text += ", load state " + s.Load
	}
	if s.Result != "" && s.Result != "success" {
		text += ", result " + s.Result
	}
	switch {
	case s.Result == "signal" || s.Result == "core-dump":
		text += fmt.Sprintf(", signal %d", s.ExitStatus)
	case s.ExitStatus != 0:
		text += fmt.Sprintf(", exit status %d", s.ExitStatus)
	}
	if s.NotExecuted != "" {
		text += fmt.Sprintf(" (%s cannot be executed: is it installed?)", s.NotExecuted)
	}
	if s.ConditionUnmet {
		text += ", a condition of the unit is not met"
	}
	if n := len(s.Processes); n > 0 && !s.Running() {
		text += fmt.Sprintf(", %d processes left %v", n, s.Processes)
	}
	return text
}

// TransientSpec describes a service that exists only while it runs.
type TransientSpec struct {
	Description string
	// Command is the program and its arguments. A program without a slash is
	// looked up in PATH.
	Command []string
	// User runs the command; "" is root.
	User string
	// Env is given to the command through a file that only root reads.
	Env        map[string]string
	WorkingDir string
	// BindsTo names units without which this one does not live: it is stopped
	// when one of them ends, for whatever reason, and started after them.
	BindsTo []string
	// StopSignal by name ("SIGQUIT"); "" is SIGTERM.
	StopSignal string
	// StopTimeout until systemd sends SIGKILL; 0 is 90s.
	StopTimeout time.Duration
	// OpenFiles limits how many files the command may have open; 0 is systemd's
	// default.
	OpenFiles int
	// RuntimeDirectory below /run is made for the user and removed at the end.
	RuntimeDirectory string
}

// UnitError says that systemd did a job on a unit and it did not bring what
// was asked.
type UnitError struct {
	// Verb is start, stop, restart or reload.
	Verb string
	// Job is the job's result: done, failed, timeout, dependency, canceled,
	// skipped, or "" when the result never came.
	Job   string
	State UnitState
	// Journal is the unit's last words, bounded.
	Journal string
}

// Error names the verb, the unit, what became of the job and the unit's state.
func (e *UnitError) Error() string {
	job := e.Job
	if job == "" {
		job = "unknown"
	}
	return fmt.Sprintf("%s %s: job %s, %s", e.Verb, e.State.Unit, job, e.State)
}

// UnitOutcome returns the outcome that an error of unit control stands for.
func UnitOutcome(err error) Outcome {
	var unit *UnitError
	switch {
	case err == nil:
		return OutcomeOK
	case errors.Is(err, ErrNoSystemd), errors.Is(err, ErrNoUnit):
		return OutcomeNotInstalled
	case errors.Is(err, ErrUnitMasked):
		return OutcomeNotPermitted
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return OutcomeUnknown
	case errors.As(err, &unit):
		return OutcomeFailed
	}
	return OutcomeUnknown
}
