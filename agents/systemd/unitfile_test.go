package systemd

import (
	"errors"
	"testing"

	"github.com/belay-ha/belay/agents"
)

// TestUnitFile: what is-enabled says, as of now, though the unit's state is
// remembered.
func TestUnitFile(t *testing.T) {
	f, m := newFakeSystemd(t)
	f.add("web.service", &fakeUnit{file: "enabled", active: "active", sub: "running"})
	for _, step := range []struct{ verb, want string }{{"", "enabled"}, {VerbDisable, "disabled"}, {VerbMask, "masked"}, {VerbUnmask, "disabled"}, {VerbEnable, "enabled"}} {
		if step.verb != "" {
			if err := m.SetUnitFile(t.Context(), step.verb, "web"); err != nil {
				t.Fatalf("%s: %v", step.verb, err)
			}
		}
		if got, err := m.UnitFile(t.Context(), "web"); got != step.want || err != nil {
			t.Errorf("after %q: %q, %v, want %q", step.verb, got, err, step.want)
		}
	}
	if n := f.count("daemon-reload"); n != 4 {
		t.Errorf("systemd was told %d times to read its files again, want 4", n)
	}
	if got, err := m.UnitFile(t.Context(), "none"); got != "" || err != nil {
		t.Errorf("a unit that is not there: %q, %v", got, err)
	}
	if err := m.SetUnitFile(t.Context(), VerbDisable, "none"); !errors.Is(err, agents.ErrNoUnit) {
		t.Errorf("a unit that is not there: %v", err)
	}
	if err := m.SetUnitFile(t.Context(), VerbDisable, "../etc"); err == nil {
		t.Error("a path was taken for a unit")
	}
}
