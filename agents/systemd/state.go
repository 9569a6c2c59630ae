package systemd

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"github.com/belay-ha/belay/agents"
)

// maxProcesses bounds UnitState.Processes.
const maxProcesses = 64

// State returns what systemd and the kernel know of a unit. A unit that systemd
// does not know has Load "not-found" and is inactive; that is no error. Of a unit
// that runs, all but Active, Sub, Result and Processes may be five minutes old (trustFor).
func (m *Manager) State(ctx context.Context, unit string) (agents.UnitState, error) {
	unit = FullName(unit)
	if err := checkName(unit); err != nil {
		return agents.UnitState{}, err
	}
	b, err := m.bus(ctx)
	if err != nil {
		return agents.UnitState{}, fmt.Errorf("state of %s: %w", unit, err)
	}
	state, same := m.unchanged(ctx, b, unit)
	if !same {
		return m.read(ctx, b, unit)
	}
	state.Processes = m.processes(state.ControlGroup)
	return state, nil
}

// present is State as of now in every field.
func (m *Manager) present(ctx context.Context, unit string) (agents.UnitState, error) {
	if err := checkName(unit); err != nil {
		return agents.UnitState{}, err
	}
	b, err := m.bus(ctx)
	if err != nil {
		return agents.UnitState{}, fmt.Errorf("state of %s: %w", unit, err)
	}
	return m.read(ctx, b, unit)
}

// read asks for all that systemd knows of a unit.
func (m *Manager) read(ctx context.Context, b bus, unit string) (agents.UnitState, error) {
	all, err := b.properties(ctx, unit)
	if errors.Is(err, agents.ErrNoUnit) {
		return agents.UnitState{Unit: unit, Load: "not-found", Active: "inactive", Sub: "dead"}, nil
	}
	if err != nil {
		return agents.UnitState{}, fmt.Errorf("state of %s: %w", unit, err)
	}
	state := stateOf(unit, all)
	m.remember(state, property[uint64](all, "StateChangeTimestampMonotonic"))
	state.Processes = m.processes(state.ControlGroup)
	return state, nil
}

// stateOf picks the state out of a unit's D-Bus properties. A property of the
// wrong type, or one that the unit's type lacks, leaves its field zero.
func stateOf(unit string, all map[string]any) agents.UnitState {
	state := agents.UnitState{
		Unit:         unit,
		Load:         property[string](all, "LoadState"),
		Active:       property[string](all, "ActiveState"),
		Sub:          property[string](all, "SubState"),
		Result:       property[string](all, "Result"),
		ExitStatus:   int(property[int32](all, "ExecMainStatus")),
		MainPID:      int(property[uint32](all, "MainPID")),
		UnitFile:     property[string](all, "UnitFileState"),
		ControlGroup: property[string](all, "ControlGroup"),
	}
	if job := property[[]any](all, "Job"); len(job) > 0 {
		id, _ := job[0].(uint32)
		state.JobPending = id != 0
	}
	if state.ExitStatus == exitExec && state.Result == "exit-code" {
		state.NotExecuted = notExecuted(all)
	}
	// ConditionResult is false, too, before the first start was tried.
	tried := property[uint64](all, "ConditionTimestamp") != 0
	state.ConditionUnmet = tried && !property[bool](all, "ConditionResult") && !state.Running()
	return state
}

// exitExec is the exit status of a process whose program systemd could not
// execute (EXIT_EXEC, systemd.exec(5)).
const exitExec = 203

// notExecuted returns the program of the unit's command that ended with that
// status. The journal tells it, too, but on a busy host later than the unit's
// failure. A command is (path, arguments, ignore failure, four times, process,
// code, status), as org.freedesktop.systemd1(5) has it.
func notExecuted(all map[string]any) string {
	for _, name := range []string{"ExecStartPre", "ExecStart"} {
		for _, command := range property[[][]any](all, name) {
			if len(command) == 0 {
				continue
			}
			path, _ := command[0].(string)
			if status, is := command[len(command)-1].(int32); is && status == exitExec {
				return path
			}
		}
	}
	return ""
}

func property[T any](all map[string]any, name string) T {
	value, _ := all[name].(T)
	return value
}

// processes lists the processes in a cgroup and below it, in whichever
// hierarchy systemd uses. A cgroup that is gone has none.
func (m *Manager) processes(group string) []int {
	if group == "" || group == "/" {
		return nil
	}
	for _, root := range m.paths.cgroups {
		dir := filepath.Join(root, group)
		if _, err := os.Stat(filepath.Join(dir, "cgroup.procs")); err == nil {
			return processesBelow(dir)
		}
	}
	return nil
}

func processesBelow(dir string) []int {
	var found []int
	walk := func(path string, entry fs.DirEntry, err error) error {
		if len(found) >= maxProcesses {
			return fs.SkipAll
		}
		if err != nil {
			return nil // a cgroup that vanished while we looked
		}
		if entry.IsDir() {
			found = append(found, readPIDs(filepath.Join(path, "cgroup.procs"))...)
		}
		return nil
	}
	if err := filepath.WalkDir(dir, walk); err != nil {
		return found // not reached: the walk function returns nil or SkipAll
	}
	return found[:min(len(found), maxProcesses)]
}

func readPIDs(file string) []int {
	// cgroup files have size 0 until they are read.
	f, err := os.Open(file)
	if err != nil {
		return nil
	}
	defer f.Close()
	var pids []int
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if pid, err := strconv.Atoi(lines.Text()); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}
