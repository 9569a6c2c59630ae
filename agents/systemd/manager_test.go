package systemd

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/internal/bubble"
)

func TestStartJudgesTheUnitAndNotOnlyTheJob(t *testing.T) {
	cases := map[string]struct {
		react   func(string, *fakeUnit) string
		outcome agents.Outcome
		says    string
	}{
		"done and active":   {nil, agents.OutcomeOK, ""},
		"done but exited 0": {func(_ string, u *fakeUnit) string { u.active = "inactive"; return "done" }, agents.OutcomeFailed, "job done"},
		"condition unmet":   {func(_ string, u *fakeUnit) string { u.conditionUnmet = true; return "done" }, agents.OutcomeFailed, "condition"},
		"job failed": {func(_ string, u *fakeUnit) string {
			u.active, u.result, u.status = "failed", "exit-code", 3
			return "failed"
		}, agents.OutcomeFailed, "exit status 3"},
		"a dependency failed": {func(string, *fakeUnit) string { return "dependency" }, agents.OutcomeFailed, "job dependency"},
		"replaced by a stop":  {func(string, *fakeUnit) string { return "canceled" }, agents.OutcomeFailed, "job canceled"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			f, m := newFakeSystemd(t)
			f.add("x.service", &fakeUnit{react: c.react})
			err := m.StartUnit(t.Context(), "x")
			if got := agents.UnitOutcome(err); got != c.outcome {
				t.Errorf("got outcome %v (%v), want %v", got, err, c.outcome)
			}
			if err != nil && !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %q, want it to say %q", err, c.says)
			}
		})
	}
}

func TestStartOfAnUnknownUnitIsNotInstalled(t *testing.T) {
	_, m := newFakeSystemd(t)
	if err := m.StartUnit(t.Context(), "nothing"); !errors.Is(err, agents.ErrNoUnit) {
		t.Errorf("got %v, want ErrNoUnit", err)
	}
	if err := m.StopUnit(t.Context(), "nothing"); err != nil {
		t.Errorf("stop of an unknown unit: %v", err)
	}
}

func TestWithoutSystemdEveryCallSaysSo(t *testing.T) {
	m := newManager(zap.NewNop(), dialSystemd, paths{booted: filepath.Join(t.TempDir(), "absent")})
	_, stateErr := m.State(t.Context(), "x")
	calls := map[string]error{
		"state": stateErr, "start": m.StartUnit(t.Context(), "x"), "end": m.End(t.Context(), "x", time.Second),
		"manage": m.Manage(t.Context(), "x"), "kill": m.Kill(t.Context(), "x", 9),
		"transient": m.StartTransient(t.Context(), "x", agents.TransientSpec{Command: []string{"true"}}),
	}
	for name, err := range calls {
		if !errors.Is(err, ErrNoSystemd) {
			t.Errorf("%s: got %v, want ErrNoSystemd", name, err)
		}
	}
}

func TestCallsReconnectAfterTheBusBroke(t *testing.T) {
	f, m := newFakeSystemd(t)
	f.add("x.service", &fakeUnit{active: "active"})
	for range 2 * poolSize {
		if _, err := m.State(t.Context(), "x"); err != nil {
			t.Fatal(err)
		}
	}
	if got := f.count("dial"); got != poolSize {
		t.Fatalf("%d dials, want %d", got, poolSize)
	}
	f.breakAll()
	for range 2 * poolSize {
		if _, err := m.State(t.Context(), "x"); err != nil {
			t.Fatal(err)
		}
	}
	if got := f.count("dial"); got != 2*poolSize {
		t.Errorf("%d dials, want %d", got, 2*poolSize)
	}
}

func TestALostJobResultIsReplacedByALookAtTheUnit(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		f, m := newFakeSystemd(t)
		f.add("x.service", &fakeUnit{react: func(_ string, u *fakeUnit) string { u.active = "active"; return "silent" }})
		if err := m.StartUnit(t.Context(), "x"); err != nil {
			t.Errorf("start: %v", err)
		}
	})
}

func TestAJobWithoutEndIsUnknown(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		f, m := newFakeSystemd(t)
		f.add("x.service", &fakeUnit{react: func(_ string, u *fakeUnit) string { u.active, u.job = "activating", true; return "silent" }})
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if got := agents.UnitOutcome(m.StartUnit(ctx, "x")); got != agents.OutcomeUnknown {
			t.Errorf("got %v, want unknown", got)
		}
	})
}

func TestEndKillsWhatDoesNotStop(t *testing.T) {
	hang := func(verb string, u *fakeUnit) string {
		if verb == "kill" {
			u.active, u.processes = "failed", ""
		}
		return "silent"
	}
	leave := func(verb string, u *fakeUnit) string {
		u.active = "inactive"
		if verb == "kill" {
			u.processes = ""
		}
		return "done"
	}
	for name, react := range map[string]func(string, *fakeUnit) string{"ignores SIGTERM": hang, "leaves a process behind": leave} {
		t.Run(name, func(t *testing.T) {
			bubble.Test(t, func(t *testing.T) {
				f, m := newFakeSystemd(t)
				f.add("x.service", &fakeUnit{active: "active", processes: "41\n42\n", react: react})
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				began := time.Now()
				if err := m.End(ctx, "x", 10*time.Second); err != nil {
					t.Fatal(err)
				}
				if took := time.Since(began); took > 15*time.Second {
					t.Errorf("took %v", took)
				}
				if f.count("kill x.service 9") == 0 {
					t.Error("nothing was killed")
				}
			})
		})
	}
}

func TestEndOfTheUnkillableNamesTheProcesses(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		f, m := newFakeSystemd(t)
		f.add("x.service", &fakeUnit{active: "active", processes: "41\n42\n", react: func(string, *fakeUnit) string { return "silent" }})
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		err := m.End(ctx, "x", 10*time.Second)
		if agents.UnitOutcome(err) != agents.OutcomeFailed || !errors.As(err, new(*agents.UnitError)) {
			t.Fatalf("got %v, want a unit error", err)
		}
	})
}

func TestManageWritesOnceAndReleaseRemoves(t *testing.T) {
	f, m := newFakeSystemd(t)
	for range 3 {
		if err := m.Manage(t.Context(), "x", "TimeoutStopSec=5", "[Unit]", "BindsTo=y.service"); err != nil {
			t.Fatal(err)
		}
	}
	if got := f.count("daemon-reload"); got != 1 {
		t.Errorf("%d reloads for the same drop-in, want 1", got)
	}
	text, err := os.ReadFile(m.dropin("x.service"))
	if err != nil {
		t.Fatal(err)
	}
	if want := "[Service]\nRestart=no\nTimeoutStopSec=5\n[Unit]\nBindsTo=y.service\n"; !strings.HasSuffix(string(text), want) {
		t.Errorf("got %q, want the end %q", text, want)
	}
	for range 2 {
		if err := m.Release(t.Context(), "x"); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := os.Stat(filepath.Dir(m.dropin("x.service"))); !os.IsNotExist(err) {
		t.Errorf("the drop-in's directory is still there: %v", err)
	}
	if got := f.count("daemon-reload"); got != 2 {
		t.Errorf("%d reloads, want 2", got)
	}
	if err := m.Manage(t.Context(), "x", "A=b\nExecStart=/bin/evil"); err == nil {
		t.Error("a line with a line break was taken")
	}
}

func TestConcurrentManagesShareReloads(t *testing.T) {
	f, m := newFakeSystemd(t)
	var all sync.WaitGroup
	for _, unit := range []string{"a", "b", "c", "d", "e", "f"} {
		all.Go(func() {
			if err := m.Manage(t.Context(), unit); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if got := f.count("daemon-reload"); got < 1 || got > 6 {
		t.Errorf("%d reloads for 6 units", got)
	}
}

func TestTransientUnitHidesItsEnvironment(t *testing.T) {
	f, m := newFakeSystemd(t)
	spec := agents.TransientSpec{
		Command: []string{"sleep", "$HOME"}, User: "nobody", Env: map[string]string{"PASSWORD": `a"b$c\d`, "A": "1"},
		BindsTo: []string{"y.service"}, StopSignal: "SIGQUIT", StopTimeout: 3 * time.Second,
	}
	if err := m.StartTransient(t.Context(), "belay-x", spec); err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, p := range f.units["belay-x.service"].last {
		got[p.Name] = p.Value.String()
		if strings.Contains(p.Value.String(), "a\"b") {
			t.Errorf("property %s shows the environment", p.Name)
		}
	}
	for name, want := range map[string]string{"Restart": `"no"`, "Type": `"exec"`, "User": `"nobody"`, "KillSignal": "3", "TimeoutStopUSec": "@t 3000000", "BindsTo": `["y.service"]`} {
		if got[name] != want {
			t.Errorf("%s = %s, want %s", name, got[name], want)
		}
	}
	file := m.envFile("belay-x.service")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if want := "A=\"1\"\nPASSWORD=\"a\\\"b\\$c\\\\d\"\n"; string(text) != want {
		t.Errorf("environment file %q, want %q", text, want)
	}
	info, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("environment file has mode %v", info.Mode())
	}
	if err := m.End(t.Context(), "belay-x", time.Second); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(file); !os.IsNotExist(err) {
		t.Errorf("the environment file is still there: %v", err)
	}
}

func TestTransientStartTwiceAndAfterAFailure(t *testing.T) {
	f, m := newFakeSystemd(t)
	spec := agents.TransientSpec{Command: []string{"sleep", "9"}}
	for range 2 {
		if err := m.StartTransient(t.Context(), "x", spec); err != nil {
			t.Fatal(err)
		}
	}
	if got := f.count("transient"); got != 1 {
		t.Errorf("a running unit was started %d times", got)
	}
	f.units["x.service"].active = "failed"
	if err := m.StartTransient(t.Context(), "x", spec); err != nil {
		t.Fatal(err)
	}
	if f.count("reset-failed") != 1 {
		t.Error("the failed unit was not cleared")
	}
	if err := m.StartTransient(t.Context(), "y", agents.TransientSpec{Command: []string{"/no/such/program"}}); err == nil {
		t.Error("a missing program was started")
	}
}

func TestEnvironmentIsSetAndUnset(t *testing.T) {
	f, m := newFakeSystemd(t)
	if err := m.SetEnvironment(t.Context(), "_WSREP_NEW_CLUSTER=--wsrep-new-cluster"); err != nil {
		t.Fatal(err)
	}
	if !f.env["_WSREP_NEW_CLUSTER=--wsrep-new-cluster"] {
		t.Error("not set")
	}
	if err := m.UnsetEnvironment(t.Context(), "_WSREP_NEW_CLUSTER"); err != nil {
		t.Fatal(err)
	}
	if len(f.env) != 0 {
		t.Error("not unset")
	}
}

func TestNamesOfUnits(t *testing.T) {
	for in, want := range map[string]string{"nova-api": "nova-api.service", "epmd.socket": "epmd.socket", "a@1": "a@1.service", "foo.bar": "foo.bar.service"} {
		if got := FullName(in); got != want {
			t.Errorf("FullName(%q) = %q, want %q", in, got, want)
		}
	}
	for _, bad := range []string{".service", "../x.service", "a b.service"} {
		if checkName(bad) == nil {
			t.Errorf("%q was taken as a name", bad)
		}
	}
}
