package systemd

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/belay-ha/belay/agents"
)

// realManager returns a manager of this host's systemd. Tests that use it run
// as root on a host (or in a container) that was booted with systemd.
func realManager(t *testing.T) *Manager {
	t.Helper()
	m := NewManager(zap.NewNop())
	if err := m.Available(); err != nil {
		t.Skipf("needs systemd: %v", err)
	}
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	t.Cleanup(m.Close)
	return m
}

// runtimeUnit installs a unit for the test's duration and returns its name.
func runtimeUnit(t *testing.T, m *Manager, name, text string) string {
	t.Helper()
	unit := fmt.Sprintf("belay-test-%d-%s.service", os.Getpid(), name)
	file := filepath.Join("/run/systemd/system", unit)
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := m.daemonReload(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		if err := errors.Join(m.End(ctx, unit, time.Second), m.ResetFailed(ctx, unit), m.Release(ctx, unit), os.Remove(file), m.daemonReload(ctx)); err != nil {
			t.Errorf("clean up %s: %v", unit, err)
		}
	})
	return unit
}

func TestRealStarts(t *testing.T) {
	m := realManager(t)
	cases := []struct {
		name, text string
		outcome    agents.Outcome
	}{
		{"runs", "[Service]\nExecStart=sleep 600\n", agents.OutcomeOK},
		{"exits", "[Service]\nType=oneshot\nExecStart=true\n", agents.OutcomeFailed},
		{"fails", "[Service]\nType=oneshot\nExecStart=sh -c 'echo the reason; exit 3'\n", agents.OutcomeFailed},
		{"condition", "[Unit]\nConditionPathExists=/nonexistent\n[Service]\nExecStart=sleep 600\n", agents.OutcomeFailed},
		{"timeout", "[Service]\nType=notify\nTimeoutStartSec=1\nExecStart=sleep 600\n", agents.OutcomeFailed},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			unit := runtimeUnit(t, m, c.name, c.text)
			err := m.StartUnit(t.Context(), unit)
			if got := agents.UnitOutcome(err); got != c.outcome {
				t.Fatalf("got %v (%v), want %v", got, err, c.outcome)
			}
			var failure *agents.UnitError
			if c.name == "fails" && errors.As(err, &failure) && (failure.State.ExitStatus != 3 || !strings.Contains(failure.Journal, "the reason")) {
				t.Errorf("got %+v, want exit status 3 and the journal", failure)
			}
			if c.name == "condition" && !strings.Contains(err.Error(), "condition") {
				t.Errorf("got %v, want it to name the condition", err)
			}
		})
	}
	if err := m.StartUnit(t.Context(), "belay-test-no-such-unit"); !errors.Is(err, agents.ErrNoUnit) {
		t.Errorf("unknown unit: %v", err)
	}
}

func TestRealEnd(t *testing.T) {
	m := realManager(t)
	for name, text := range map[string]string{
		"deaf":     "[Service]\nTimeoutStopSec=900\nSendSIGKILL=no\nExecStart=sh -c \"trap '' TERM; sleep 600 & wait; sleep 600\"\n",
		"leftover": "[Service]\nKillMode=process\nExecStart=sh -c 'setsid sleep 601 & exec sleep 600'\n",
		"polite":   "[Service]\nExecStart=sleep 600\n",
	} {
		t.Run(name, func(t *testing.T) {
			unit := runtimeUnit(t, m, name, text)
			if err := m.Manage(t.Context(), unit); err != nil {
				t.Fatal(err)
			}
			if err := m.StartUnit(t.Context(), unit); err != nil {
				t.Fatal(err)
			}
			before, err := m.State(t.Context(), unit)
			if err != nil || len(before.Processes) == 0 {
				t.Fatalf("got %+v, %v, want processes", before, err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			if err := m.End(ctx, unit, time.Second); err != nil {
				t.Fatal(err)
			}
			for _, pid := range before.Processes {
				if err := syscall.Kill(pid, 0); err == nil {
					t.Errorf("process %d of %s is still there", pid, unit)
				}
			}
		})
	}
}

func TestRealDropinStopsSystemdFromRestarting(t *testing.T) {
	m := realManager(t)
	unit := runtimeUnit(t, m, "restart", "[Service]\nRestart=always\nRestartSec=100ms\nExecStart=sleep 600\n")
	if err := errors.Join(m.Manage(t.Context(), unit), m.StartUnit(t.Context(), unit), m.Kill(t.Context(), unit, syscall.SIGKILL)); err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(5 * time.Second)
	for {
		state, err := m.State(t.Context(), unit)
		if err != nil {
			t.Fatal(err)
		}
		if state.Active == "failed" && state.Result == "signal" {
			break
		}
		if state.Sub == "auto-restart" || time.Now().After(deadline) {
			t.Fatalf("got %v, want failed by a signal", state)
		}
	}
}

func TestRealTransient(t *testing.T) {
	m := realManager(t)
	name := fmt.Sprintf("belay-test-%d-transient", os.Getpid())
	out := filepath.Join(t.TempDir(), "out")
	if err := os.WriteFile(out, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	spec := agents.TransientSpec{
		Description: "belay test", Command: []string{"sh", "-c", `printf '%s %s' "$SECRET" "$1" >"$OUT"; exec sleep 600`, "sh", "a$HOME%n b"},
		Env: map[string]string{"SECRET": "x \"$y\" \\z `q`", "OUT": out}, StopTimeout: time.Second,
	}
	if err := m.StartTransient(t.Context(), name, spec); err != nil {
		t.Fatal(err)
	}
	want := "x \"$y\" \\z `q` a$HOME%n b"
	for deadline := time.Now().Add(5 * time.Second); ; {
		text, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		if string(text) == want {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("got %q, want %q", text, want)
		}
	}
	// Whoever installs a package reloads systemd, which then reads what it wrote
	// of transient units itself.
	if out, err := exec.Command("systemctl", "daemon-reload").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if out, err := exec.Command("systemctl", "show", "--value", "--property=LoadState", name).CombinedOutput(); err != nil || strings.TrimSpace(string(out)) != "loaded" {
		t.Errorf("after a reload of systemd the unit is %q, %v", out, err)
	}
	bound := name + "-bound"
	if err := m.StartTransient(t.Context(), bound, agents.TransientSpec{Command: []string{"sleep", "600"}, BindsTo: []string{name + ".service"}}); err != nil {
		t.Fatal(err)
	}
	if err := m.Kill(t.Context(), name, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(5 * time.Second); ; {
		state, err := m.State(t.Context(), bound)
		if err != nil {
			t.Fatal(err)
		}
		if state.Gone() {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the bound unit lives on: %v", state)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := errors.Join(m.End(ctx, name, time.Second), m.End(ctx, bound, time.Second), m.ResetFailed(ctx, name), m.ResetFailed(ctx, bound)); err != nil {
		t.Fatal(err)
	}
	if err := m.StartTransient(t.Context(), name, agents.TransientSpec{Command: []string{"true"}}); err == nil {
		state, err := m.State(t.Context(), name)
		t.Logf("a command that exits at once: %v, %v", state, err)
	}
}

func TestRealEnvironment(t *testing.T) {
	m := realManager(t)
	if err := m.SetEnvironment(t.Context(), "BELAY_TEST=from systemd"); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(t.TempDir(), "out")
	unit := runtimeUnit(t, m, "env", fmt.Sprintf("[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=sh -c 'echo \"$BELAY_TEST\" >%s'\n", out))
	if err := errors.Join(m.StartUnit(t.Context(), unit), m.UnsetEnvironment(t.Context(), "BELAY_TEST")); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(out); err != nil || string(text) != "from systemd\n" {
		t.Errorf("got %q, %v", text, err)
	}
	if err := m.RestartUnit(t.Context(), unit); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(out); err != nil || string(text) != "\n" {
		t.Errorf("after unset: got %q, %v", text, err)
	}
}
