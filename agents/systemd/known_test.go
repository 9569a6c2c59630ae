package systemd

import (
	"testing"
	"time"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/internal/bubble"
)

// looks asks for a unit's state a number of times.
func looks(t *testing.T, m *Manager, unit string, times int) agents.UnitState {
	t.Helper()
	var state agents.UnitState
	for range times {
		var err error
		if state, err = m.State(t.Context(), unit); err != nil {
			t.Fatal(err)
		}
	}
	return state
}

func TestAUnitAtRestIsAskedLittle(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		f, m := newFakeSystemd(t)
		f.add("x.service", &fakeUnit{active: "active", sub: "running", processes: "17\n"})
		state := looks(t, m, "x", 5)
		if !state.Running() || len(state.Processes) != 1 {
			t.Errorf("got %v with processes %v", state, state.Processes)
		}
		if all, short := f.count("properties"), f.count("changed"); all != 1 || short != 4 {
			t.Errorf("asked for everything %d times and for the last change %d times, want 1 and 4", all, short)
		}
		time.Sleep(trustFor + time.Second)
		looks(t, m, "x", 1)
		if all := f.count("properties"); all != 2 {
			t.Errorf("after %s everything was asked for %d times, want 2", trustFor, all)
		}
	})
}

// Whatever happens to a unit between two looks, the second tells it.
func TestChangesOfAUnitAreSeen(t *testing.T) {
	cases := map[string]struct {
		change func(*fakeUnit)
		seen   func(agents.UnitState) bool
	}{
		"it failed":       {func(u *fakeUnit) { u.active, u.sub, u.result = "failed", "failed", "signal" }, func(s agents.UnitState) bool { return s.Active == "failed" && s.Result == "signal" }},
		"it ended":        {func(u *fakeUnit) { u.active, u.sub = "inactive", "dead" }, func(s agents.UnitState) bool { return s.Active == "inactive" }},
		"it reloads":      {func(u *fakeUnit) { u.active, u.sub = "reloading", "reload" }, func(s agents.UnitState) bool { return s.Active == "reloading" }},
		"it was replaced": {func(u *fakeUnit) { u.restarts, u.status = 1, 3 }, func(s agents.UnitState) bool { return s.ExitStatus == 3 }},
		"a process more":  {func(u *fakeUnit) { u.processes = "17\n18\n" }, func(s agents.UnitState) bool { return len(s.Processes) == 2 }},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			f, m := newFakeSystemd(t)
			u := f.add("x.service", &fakeUnit{active: "active", sub: "running", processes: "17\n"})
			looks(t, m, "x", 2)
			f.mu.Lock()
			c.change(u)
			f.write("x.service", u)
			f.mu.Unlock()
			if state := looks(t, m, "x", 1); !c.seen(state) {
				t.Errorf("got %v with processes %v", state, state.Processes)
			}
		})
	}
	t.Run("systemd forgot it", func(t *testing.T) {
		f, m := newFakeSystemd(t)
		f.add("x.service", &fakeUnit{active: "active", sub: "running"})
		looks(t, m, "x", 2)
		f.mu.Lock()
		delete(f.units, "x.service")
		f.mu.Unlock()
		if state := looks(t, m, "x", 1); state.Load != "not-found" {
			t.Errorf("got %v", state)
		}
	})
}

// A unit with a job is about to change, and one that does not run is looked at
// whole each time.
func TestOnlyUnitsAtRestAreRemembered(t *testing.T) {
	for name, u := range map[string]*fakeUnit{
		"job":      {active: "active", sub: "running", job: true},
		"inactive": {},
		"starting": {active: "activating", sub: "start"},
	} {
		t.Run(name, func(t *testing.T) {
			f, m := newFakeSystemd(t)
			f.add("x.service", u)
			looks(t, m, "x", 3)
			if all := f.count("properties"); all != 3 {
				t.Errorf("asked for everything %d times, want 3", all)
			}
		})
	}
}
