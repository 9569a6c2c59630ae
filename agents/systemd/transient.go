package systemd

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	unitbus "github.com/coreos/go-systemd/v22/dbus"
	"github.com/godbus/dbus/v5"
	"golang.org/x/sys/unix"

	"github.com/belay-ha/belay/agents"
)

// StartTransient makes and starts a service that has no unit file and waits
// until its command is executed. systemd never restarts it. A running unit of
// the name is left alone and counts as started; the remains of a failed one are
// cleared. The environment reaches the command through a file that only root
// may read, so that neither D-Bus nor ps show it.
func (m *Manager) StartTransient(ctx context.Context, name string, spec agents.TransientSpec) error {
	unit := FullName(name)
	if err := checkName(unit); err != nil {
		return fmt.Errorf("start transient: %w", err)
	}
	state, err := m.present(ctx, unit)
	if err != nil {
		return fmt.Errorf("start transient: %w", err)
	}
	if state.Running() {
		return nil
	}
	if len(state.Processes) > 0 {
		return &agents.UnitError{Verb: "start", State: state}
	}
	if state.Active == "failed" {
		if err := m.ResetFailed(ctx, unit); err != nil {
			return err
		}
	}
	properties, err := m.transientProperties(unit, spec)
	if err != nil {
		return fmt.Errorf("start %s: %w", unit, err)
	}
	b, err := m.bus(ctx)
	if err != nil {
		return fmt.Errorf("start %s: %w", unit, err)
	}
	result := make(chan string, 1)
	if err := b.transient(ctx, unit, properties, result); err != nil {
		return fmt.Errorf("start %s: %w", unit, err)
	}
	return m.await(ctx, "start", unit, result, agents.UnitState.Running)
}

// The D-Bus forms of ExecStart= and EnvironmentFiles= (org.freedesktop.systemd1(5)).
// Not of ExecStartEx=, which could forbid the replacing of $NAME: systemd 252
// writes that name into the unit's file, cannot read it back when it is
// reloaded, and refuses everything that is bound to the unit from then on.
type (
	execCommand struct {
		Path string
		Args []string
		// IgnoreFailure takes a failed command for one that succeeded.
		IgnoreFailure bool
	}
	environmentFile struct {
		Path     string
		Optional bool
	}
)

func (m *Manager) transientProperties(unit string, spec agents.TransientSpec) ([]unitbus.Property, error) {
	if len(spec.Command) == 0 {
		return nil, errors.New("no command")
	}
	program, err := exec.LookPath(spec.Command[0])
	if err != nil {
		return nil, fmt.Errorf("command: %w", err)
	}
	signal := unix.SIGTERM
	if spec.StopSignal != "" {
		if signal = unix.SignalNum(spec.StopSignal); signal == 0 {
			return nil, fmt.Errorf("unknown signal %q", spec.StopSignal)
		}
	}
	list := []unitbus.Property{
		unitbus.PropDescription(spec.Description),
		// exec: a command that cannot be executed fails the start.
		set("Type", "exec"),
		set("Restart", "no"),
		set("KillSignal", int32(signal)),
		set("ExecStart", []execCommand{{Path: program, Args: literal(append([]string{program}, spec.Command[1:]...))}}),
	}
	if spec.StopTimeout > 0 {
		list = append(list, set("TimeoutStopUSec", uint64(spec.StopTimeout/time.Microsecond)))
	}
	if len(spec.BindsTo) > 0 {
		list = append(list, unitbus.PropBindsTo(spec.BindsTo...), unitbus.PropAfter(spec.BindsTo...))
	}
	if spec.User != "" {
		list = append(list, set("User", spec.User))
	}
	if spec.WorkingDir != "" {
		list = append(list, set("WorkingDirectory", spec.WorkingDir))
	}
	if spec.RuntimeDirectory != "" {
		list = append(list, set("RuntimeDirectory", []string{spec.RuntimeDirectory}))
	}
	if spec.OpenFiles > 0 {
		list = append(list, set("LimitNOFILE", uint64(spec.OpenFiles)), set("LimitNOFILESoft", uint64(spec.OpenFiles)))
	}
	if len(spec.Env) > 0 {
		file := m.envFile(unit)
		if err := writeEnvironment(file, spec.Env); err != nil {
			return nil, err
		}
		list = append(list, set("EnvironmentFiles", []environmentFile{{Path: file}}))
	}
	return list, nil
}

// literal writes a command's words so that systemd passes them on as they are:
// it replaces $NAME, and takes $$ for a dollar (systemd.service(5), "Command
// lines").
func literal(words []string) []string {
	escaped := make([]string, len(words))
	for i, word := range words {
		escaped[i] = strings.ReplaceAll(word, "$", "$$")
	}
	return escaped
}

func set(name string, value any) unitbus.Property {
	return unitbus.Property{Name: name, Value: dbus.MakeVariant(value)}
}

func (m *Manager) envFile(unit string) string { return filepath.Join(m.paths.env, unit+".env") }

// writeEnvironment writes an EnvironmentFile= (systemd.exec(5)).
func writeEnvironment(file string, env map[string]string) error {
	quote := strings.NewReplacer(`\`, `\\`, `"`, `\"`, "$", `\$`, "`", "\\`")
	var text strings.Builder
	for _, name := range slices.Sorted(maps.Keys(env)) {
		if name == "" || strings.ContainsAny(name, "= \t\n\"'") {
			return fmt.Errorf("%q is not a variable's name", name)
		}
		fmt.Fprintf(&text, "%s=\"%s\"\n", name, quote.Replace(env[name]))
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return fmt.Errorf("environment: %w", err)
	}
	if err := replaceFile(file, []byte(text.String()), 0o600); err != nil {
		return fmt.Errorf("environment: %w", err)
	}
	return nil
}

// SetEnvironment adds NAME=VALUE assignments to the environment that systemd
// gives every service it starts from now on. It is how mariadb.service takes
// $_WSREP_NEW_CLUSTER; unset it again as soon as the start is over.
func (m *Manager) SetEnvironment(ctx context.Context, assignments ...string) error {
	b, err := m.bus(ctx)
	if err == nil {
		err = b.setEnvironment(ctx, assignments)
	}
	if err != nil {
		return fmt.Errorf("set systemd's environment: %w", err)
	}
	return nil
}

// UnsetEnvironment removes variables from systemd's environment.
func (m *Manager) UnsetEnvironment(ctx context.Context, names ...string) error {
	b, err := m.bus(ctx)
	if err == nil {
		err = b.unsetEnvironment(ctx, names)
	}
	if err != nil {
		return fmt.Errorf("unset systemd's environment: %w", err)
	}
	return nil
}
