package systemd

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	unitbus "github.com/coreos/go-systemd/v22/dbus"
	"go.uber.org/zap"

	"github.com/belay-ha/belay/agents"
)

// fakeSystemd is a systemd in memory. Its buses share it; breakAll cuts them.
type fakeSystemd struct {
	mu      sync.Mutex
	units   map[string]*fakeUnit
	calls   []string
	buses   []*fakeBus
	env     map[string]bool
	cgroups string
	refuse  error // of the next dials
}

// fakeUnit reacts to verbs; nil reactions succeed.
type fakeUnit struct {
	load, active, sub, result, file string
	status                          int32
	conditionUnmet                  bool
	processes                       string // the content of cgroup.procs
	job                             bool
	restarts                        int // of a unit that looks the same afterwards
	stamps                          uint64
	stamped                         string
	// react is called for start, stop, restart, reload and kill; it changes the
	// unit and returns the job's result, or "silent" to never report one.
	react func(verb string, u *fakeUnit) string
	last  []unitbus.Property
}

func newFakeSystemd(t *testing.T) (*fakeSystemd, *Manager) {
	t.Helper()
	dir := t.TempDir()
	f := &fakeSystemd{units: map[string]*fakeUnit{}, env: map[string]bool{}, cgroups: filepath.Join(dir, "cgroup")}
	at := paths{booted: filepath.Join(dir, "booted"), dropins: filepath.Join(dir, "dropins"), env: filepath.Join(dir, "env"), cgroups: []string{f.cgroups}}
	if err := os.Mkdir(at.booted, 0o755); err != nil {
		t.Fatal(err)
	}
	m := newManager(zap.NewNop(), f.dial, at)
	t.Cleanup(m.Close)
	return f, m
}

func (f *fakeSystemd) add(name string, u *fakeUnit) *fakeUnit {
	if u.load == "" {
		u.load = "loaded"
	}
	if u.active == "" {
		u.active, u.sub = "inactive", "dead"
	}
	f.units[name] = u
	return u
}

func (f *fakeSystemd) dial(context.Context) (bus, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.refuse != nil {
		return nil, f.refuse
	}
	f.calls = append(f.calls, "dial")
	b := &fakeBus{f: f}
	f.buses = append(f.buses, b)
	return b, nil
}

func (f *fakeSystemd) breakAll() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, b := range f.buses {
		b.broken = true
	}
}

func (f *fakeSystemd) count(call string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := 0
	for _, c := range f.calls {
		if strings.HasPrefix(c, call) {
			n++
		}
	}
	return n
}

var errBroken = errors.New("connection closed")

type fakeBus struct {
	f      *fakeSystemd
	broken bool
}

func (b *fakeBus) call(format string, args ...any) error {
	b.f.calls = append(b.f.calls, fmt.Sprintf(format, args...))
	if b.broken {
		return errBroken
	}
	return nil
}

func (b *fakeBus) submit(_ context.Context, verb, unit string, result chan<- string) error {
	b.f.mu.Lock()
	defer b.f.mu.Unlock()
	if err := b.call("%s %s", verb, unit); err != nil {
		return err
	}
	u := b.f.units[unit]
	if u == nil {
		return agents.ErrNoUnit
	}
	b.f.finish(u, verb, unit, result)
	return nil
}

func (f *fakeSystemd) finish(u *fakeUnit, verb, unit string, result chan<- string) {
	job := "done"
	if u.react != nil {
		job = u.react(verb, u)
	} else if verb == "stop" {
		u.active, u.sub, u.processes = "inactive", "dead", ""
	} else {
		u.active, u.sub = "active", "running"
	}
	f.write(unit, u)
	if job != "silent" {
		result <- job
	}
}

// write puts the unit's processes into its cgroup directory.
func (f *fakeSystemd) write(unit string, u *fakeUnit) {
	dir := filepath.Join(f.cgroups, unit)
	if err := errors.Join(os.MkdirAll(dir, 0o755), os.WriteFile(filepath.Join(dir, "cgroup.procs"), []byte(u.processes), 0o644)); err != nil {
		panic(err)
	}
}

func (b *fakeBus) transient(ctx context.Context, unit string, properties []unitbus.Property, result chan<- string) error {
	b.f.mu.Lock()
	defer b.f.mu.Unlock()
	if err := b.call("transient %s", unit); err != nil {
		return err
	}
	if b.f.units[unit] == nil {
		b.f.add(unit, &fakeUnit{})
	}
	b.f.units[unit].last = properties
	b.f.finish(b.f.units[unit], "start", unit, result)
	return nil
}

func (b *fakeBus) kill(_ context.Context, unit string, signal int32) error {
	b.f.mu.Lock()
	defer b.f.mu.Unlock()
	if err := b.call("kill %s %d", unit, signal); err != nil {
		return err
	}
	u := b.f.units[unit]
	if u == nil {
		return agents.ErrNoUnit
	}
	if u.react != nil {
		u.react("kill", u)
		b.f.write(unit, u)
	}
	return nil
}

func (b *fakeBus) properties(_ context.Context, unit string) (map[string]any, error) {
	b.f.mu.Lock()
	defer b.f.mu.Unlock()
	if err := b.call("properties %s", unit); err != nil {
		return nil, err
	}
	u := b.f.units[unit]
	if u == nil {
		return map[string]any{"LoadState": "not-found", "ActiveState": "inactive", "SubState": "dead"}, nil
	}
	b.f.write(unit, u)
	job := uint32(0)
	if u.job {
		job = 7
	}
	return map[string]any{
		"LoadState": u.load, "ActiveState": u.active, "SubState": u.sub, "Result": u.result, "UnitFileState": u.file,
		"ExecMainStatus": u.status, "ControlGroup": "/" + unit, "Job": []any{job, "/"},
		"ConditionResult": !u.conditionUnmet, "ConditionTimestamp": uint64(1), "StateChangeTimestampMonotonic": u.stamp(),
	}, nil
}

// stamp changes with the unit's state.
func (u *fakeUnit) stamp() uint64 {
	if now := fmt.Sprint(u.active, u.sub, u.result, u.status, u.restarts); now != u.stamped {
		u.stamped, u.stamps = now, u.stamps+1
	}
	return u.stamps
}

func (b *fakeBus) stateChanged(_ context.Context, unit string) (uint64, error) {
	b.f.mu.Lock()
	defer b.f.mu.Unlock()
	if err := b.call("changed %s", unit); err != nil {
		return 0, err
	}
	if u := b.f.units[unit]; u != nil {
		return u.stamp(), nil
	}
	return 0, nil
}

func (b *fakeBus) resetFailed(_ context.Context, unit string) error {
	b.f.mu.Lock()
	defer b.f.mu.Unlock()
	if u := b.f.units[unit]; u != nil && u.active == "failed" {
		delete(b.f.units, unit)
	}
	return b.call("reset-failed %s", unit)
}

func (b *fakeBus) unitFile(_ context.Context, verb, unit string) error {
	b.f.mu.Lock()
	defer b.f.mu.Unlock()
	if err := b.call("%s %s", verb, unit); err != nil {
		return err
	}
	u, found := b.f.units[unit]
	if !found {
		return agents.ErrNoUnit
	}
	switch verb {
	case VerbEnable:
		u.file = "enabled"
	case VerbDisable, VerbUnmask:
		u.file, u.load = "disabled", "loaded"
	case VerbMask:
		u.file, u.load = "masked", "masked"
	}
	return nil
}

func (b *fakeBus) reload(context.Context) error {
	b.f.mu.Lock()
	defer b.f.mu.Unlock()
	return b.call("daemon-reload")
}

func (b *fakeBus) setEnvironment(_ context.Context, assignments []string) error {
	b.f.mu.Lock()
	defer b.f.mu.Unlock()
	for _, a := range assignments {
		b.f.env[a] = true
	}
	return b.call("set-environment")
}

func (b *fakeBus) unsetEnvironment(_ context.Context, names []string) error {
	b.f.mu.Lock()
	defer b.f.mu.Unlock()
	for _, name := range names {
		for a := range b.f.env {
			if strings.HasPrefix(a, name+"=") {
				delete(b.f.env, a)
			}
		}
	}
	return b.call("unset-environment")
}

func (b *fakeBus) connected() bool {
	b.f.mu.Lock()
	defer b.f.mu.Unlock()
	return !b.broken
}

func (b *fakeBus) close() {}
