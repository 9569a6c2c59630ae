package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// What keeps belayd alive and on time on a host that its services eat up, and what
// would end services with it.
func TestUnitFavoursTheDaemon(t *testing.T) {
	text, err := os.ReadFile("belayd.service")
	if err != nil {
		t.Fatal(err)
	}
	settings := map[string]string{}
	for line := range strings.Lines(string(text)) {
		if name, value, set := strings.Cut(strings.TrimSpace(line), "="); set && !strings.HasPrefix(name, "#") {
			settings[name] = value
		}
	}
	for name, want := range map[string]string{
		"CPUWeight": "1000", "Nice": "-10", "IOWeight": "1000", "IOSchedulingPriority": "0",
		"OOMScoreAdjust": "-900", "OOMPolicy": "continue", "ManagedOOMPreference": "omit",
		"KillMode": "process", "Restart": "always",
	} {
		if settings[name] != want {
			t.Errorf("%s=%s, want %s", name, settings[name], want)
		}
	}
	for _, name := range []string{"CPUSchedulingPolicy", "MemoryMax", "MemoryHigh", "TasksMax", "CPUQuota"} {
		if value, set := settings[name]; set {
			t.Errorf("%s=%s: it would hold back, or take along, what runs in belayd's control group", name, value)
		}
	}
}

// systemd itself reads the unit without a complaint.
func TestUnitIsValid(t *testing.T) {
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("needs systemd-analyze, of Debian's package systemd")
	}
	text, err := os.ReadFile("belayd.service")
	if err != nil {
		t.Fatal(err)
	}
	// The program need not be installed for this.
	unit := filepath.Join(t.TempDir(), "belayd.service")
	replaced := strings.Replace(string(text), "/usr/local/bin/belayd run", "/bin/true run", 1)
	if err := os.WriteFile(unit, []byte(replaced), 0o644); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), analyze, "verify", "--man=no", "--recursive-errors=no", unit).CombinedOutput()
	if err != nil || strings.Contains(string(out), "belayd.service") {
		t.Errorf("%v\n%s", err, out)
	}
	// It does complain of what it does not know.
	if err := os.WriteFile(unit, []byte(strings.Replace(replaced, "OOMPolicy=continue", "OOMPolicy=contineu", 1)), 0o644); err != nil {
		t.Fatal(err)
	}
	out, _ = exec.CommandContext(t.Context(), analyze, "verify", "--man=no", "--recursive-errors=no", unit).CombinedOutput()
	if !strings.Contains(string(out), "contineu") {
		t.Errorf("a wrong value is not told: %s", out)
	}
}
