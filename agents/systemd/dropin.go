package systemd

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
)

// dropinName sorts late, so that it wins over a package's own drop-ins.
const dropinName = "50-belay.conf"

const dropinHead = `# Written by belayd while the cluster manages this unit, removed when it stops it.
# Start and stop the unit with belayctl: what systemctl does here the cluster undoes.
[Unit]
# When the host shuts down, belayd goes before what it watches.
Before=belayd.service
[Service]
Restart=no
`

// Manage writes a runtime drop-in that leaves restarts to the cluster
// (Restart=no) and adds the given lines, and makes systemd read it. Lines
// belong to [Service] until one of them opens another section. Nothing happens
// when the drop-in already says the same. The drop-in is gone after a reboot.
func (m *Manager) Manage(ctx context.Context, unit string, lines ...string) error {
	unit = FullName(unit)
	if err := m.manageable(unit); err != nil {
		return fmt.Errorf("manage: %w", err)
	}
	text := dropinHead
	for _, line := range lines {
		if strings.ContainsAny(line, "\n\r") {
			return fmt.Errorf("manage %s: a line of the drop-in has a line break", unit)
		}
		text += line + "\n"
	}
	file := m.dropin(unit)
	present, err := os.ReadFile(file)
	if err == nil && string(present) == text {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return fmt.Errorf("manage %s: %w", unit, err)
	}
	if err := replaceFile(file, []byte(text), 0o644); err != nil {
		return fmt.Errorf("manage %s: %w", unit, err)
	}
	return m.daemonReload(ctx)
}

// Release removes the drop-in that Manage wrote and makes systemd forget it.
func (m *Manager) Release(ctx context.Context, unit string) error {
	unit = FullName(unit)
	if err := m.manageable(unit); err != nil {
		if errors.Is(err, ErrNoSystemd) {
			return nil
		}
		return fmt.Errorf("release: %w", err)
	}
	err := os.Remove(m.dropin(unit))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("release %s: %w", unit, err)
	}
	// Other drop-ins may live in the directory: a failure to remove it says so.
	_ = os.Remove(filepath.Dir(m.dropin(unit)))
	return m.daemonReload(ctx)
}

// manageable refuses what has no [Service] section.
func (m *Manager) manageable(unit string) error {
	if err := m.Available(); err != nil {
		return err
	}
	if err := checkName(unit); err != nil {
		return err
	}
	if !strings.HasSuffix(unit, ".service") {
		return fmt.Errorf("%s is not a service", unit)
	}
	return nil
}

func (m *Manager) dropin(unit string) string {
	return filepath.Join(m.paths.dropins, unit+".d", dropinName)
}

// reloader joins daemon-reloads: callers that come while one runs share the
// next, because a reload of a big host takes hundreds of milliseconds.
type reloader struct {
	wanted atomic.Uint64
	turn   chan struct{} // holds one token while a reload runs
	done   uint64        // wanted as of the last reload; guarded by turn
}

func (m *Manager) daemonReload(ctx context.Context) error {
	mine := m.reload.wanted.Add(1)
	select {
	case m.reload.turn <- struct{}{}:
	case <-ctx.Done():
		return fmt.Errorf("systemd daemon-reload: %w", context.Cause(ctx))
	}
	defer func() { <-m.reload.turn }()
	if m.reload.done >= mine {
		return nil
	}
	b, err := m.bus(ctx)
	if err != nil {
		return err
	}
	covered := m.reload.wanted.Load()
	if err := b.reload(ctx); err != nil {
		return fmt.Errorf("systemd daemon-reload: %w", err)
	}
	m.reload.done = covered
	return nil
}

// replaceFile writes a file so that a reader sees the old or the new text,
// never a part.
func replaceFile(name string, data []byte, mode os.FileMode) error {
	temporary, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+".*")
	if err != nil {
		return err
	}
	_, err = temporary.Write(data)
	err = errors.Join(err, temporary.Chmod(mode), temporary.Close())
	if err == nil {
		err = os.Rename(temporary.Name(), name)
	}
	if err != nil {
		return errors.Join(err, os.Remove(temporary.Name()))
	}
	return nil
}
