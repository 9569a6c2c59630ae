// Package systemd controls systemd units: Manager is the one implementation of
// unit control that every agent gets injected, and Agent runs any unit under
// the cluster ("systemd:UNIT").
//
// The package talks to systemd over D-Bus and never trusts a job's result
// alone: a job may be "done" while the unit does not run (an unmet condition, a
// main process that exits 0), so ActiveState, SubState, Result and the unit's
// cgroup are read afterwards. It starts no goroutine of its own; each D-Bus
// connection has two of the library's, until Close.
package systemd

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"strings"
	"sync"
	"sync/atomic"

	"go.uber.org/zap"

	"github.com/belay-ha/belay/agents"
)

// ErrNoSystemd means that this host was not booted with systemd.
var ErrNoSystemd = agents.ErrNoSystemd

// poolSize is how many D-Bus connections a Manager keeps: one connection
// submits one job at a time, and a slow submission must not hold up others.
const poolSize = 4

// Manager controls the units of this host's systemd. It connects at the first
// call and again after systemd or the message bus restarted. It is safe for
// concurrent use; every call is bounded by its context.
type Manager struct {
	log   *zap.Logger
	paths paths
	dial  func(context.Context) (bus, error)
	next  atomic.Uint32

	mu     sync.Mutex // guards pool, closed and units
	pool   [poolSize]bus
	closed bool
	units  map[string]known // by full name

	reload reloader
}

// paths of the host that Manager reads and writes.
type paths struct {
	booted  string   // a directory that exists when systemd is PID 1, sd_booted(3)
	dropins string   // runtime unit configuration, systemd.unit(5)
	env     string   // files with the environment of transient units
	cgroups []string // mount points of the hierarchy that systemd uses
}

// NewManager returns a manager of the host's units. It does no I/O.
func NewManager(log *zap.Logger) *Manager {
	return newManager(log, dialSystemd, paths{
		booted:  "/run/systemd/system",
		dropins: "/run/systemd/system",
		env:     "/run/belay/units",
		cgroups: []string{"/sys/fs/cgroup", "/sys/fs/cgroup/unified", "/sys/fs/cgroup/systemd"},
	})
}

func newManager(log *zap.Logger, dial func(context.Context) (bus, error), at paths) *Manager {
	return &Manager{log: log, dial: dial, paths: at, reload: reloader{turn: make(chan struct{}, 1)}}
}

// Available returns nil when this host runs systemd, else ErrNoSystemd.
func (m *Manager) Available() error {
	info, err := os.Lstat(m.paths.booted)
	if err != nil || !info.IsDir() {
		return ErrNoSystemd
	}
	return nil
}

// Close ends the connections. Calls that wait on them return an error.
func (m *Manager) Close() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed = true
	for i, b := range m.pool {
		if b != nil {
			b.close()
			m.pool[i] = nil
		}
	}
}

// bus returns a live connection of the pool, made anew when it is broken.
func (m *Manager) bus(ctx context.Context) (bus, error) {
	if err := m.Available(); err != nil {
		return nil, err
	}
	slot := m.next.Add(1) % poolSize
	m.mu.Lock()
	present, closed := m.pool[slot], m.closed
	m.mu.Unlock()
	if closed {
		return nil, errors.New("connect to systemd: the manager is closed")
	}
	if present != nil && present.connected() {
		return present, nil
	}
	fresh, err := m.dial(ctx)
	if err != nil {
		return nil, fmt.Errorf("connect to systemd: %w", err)
	}
	return m.keep(slot, fresh)
}

func (m *Manager) keep(slot uint32, fresh bus) (bus, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		fresh.close()
		return nil, errors.New("connect to systemd: the manager is closed")
	}
	present := m.pool[slot]
	if present != nil && present.connected() {
		fresh.close()
		return present, nil
	}
	if present != nil {
		m.log.Info("connected to systemd again")
		present.close()
	}
	m.pool[slot] = fresh
	return fresh, nil
}

// unitTypes of systemd.unit(5).
var unitTypes = []string{".service", ".socket", ".target", ".timer", ".mount", ".automount", ".path", ".slice", ".scope", ".swap", ".device"}

// FullName returns the unit's name with its type: a bare name is a service.
func FullName(unit string) string {
	for _, suffix := range unitTypes {
		if strings.HasSuffix(unit, suffix) {
			return unit
		}
	}
	return unit + ".service"
}

func checkName(unit string) error {
	name := strings.TrimSuffix(unit, path.Ext(unit))
	if name == "" || len(unit) > 255 || strings.ContainsAny(unit, "/ \t\n\"'") {
		return fmt.Errorf("%q is not a unit's name", unit)
	}
	return nil
}
