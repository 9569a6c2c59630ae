package scheduler_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/belay-ha/belay/cluster/scheduler"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/cluster/transition"
)

// TestMaintenanceIsNotRemembered: a planner that remembers earlier plans sees each
// maintenance begin, end and expire, as one that starts anew.
func TestMaintenanceIsNotRemembered(t *testing.T) {
	c := cluster3().parse("rsc a target=stopped\ngroup g b c\nrsc d\nis a@n1 started\nis b@n2 started failed=monitor\n")
	s, now := c.build(), epoch
	s.Version = state.Version
	var planner scheduler.Planner
	plans := map[string]bool{}
	check := func(when string) {
		t.Helper()
		fresh := scheduler.Plan(s, now, c.opts)
		if diff := cmp.Diff(fresh, planner.Plan(s, now, c.opts)); diff != "" {
			t.Errorf("%s (-fresh +remembering):\n%s", when, diff)
		}
		plans[render(&fresh)] = true
	}
	apply := func(command state.Command) {
		t.Helper()
		var result state.Result
		if s, result = state.ApplyCommand(s, s.Index+1, 3, now, "alice", command); result.Err != nil {
			t.Fatal(result.Err)
		}
	}
	check("before")
	for _, scope := range []state.Scope{"resource/a", "resource/g", "agent/sim", state.ScopeCluster, "node/n2"} {
		apply(&state.MaintenanceSet{Scope: scope, Until: now.Add(time.Minute)})
		check("in " + string(scope))
		apply(&state.MaintenanceEnded{Scope: scope})
		check("after " + string(scope))
	}
	apply(&state.MaintenanceSet{Scope: "resource/g", Until: now.Add(time.Minute)})
	check("again")
	now = now.Add(time.Minute)
	check("expired")
	if len(plans) < 4 {
		t.Errorf("only %d different plans: the maintenance changes nothing", len(plans))
	}
}

// TestCompanyOfWhatIsLeftAlone: what runs with something that is left alone goes on,
// moves to where that runs, and may start there.
func TestCompanyOfWhatIsLeftAlone(t *testing.T) {
	for _, c := range []struct {
		name, in, want string
		scope          state.Scope
	}{
		{"unmanaged", "clone lb managed=false\nrsc vip\ntogether vip lb\nis lb@n1 started\nis lb@n2 started\nis vip@n1 started", "", ""},
		{"in maintenance", "clone lb\nrsc vip\ntogether vip lb\nis lb@n1 started\nis lb@n2 started\nis lb@n3 started\nis vip@n1 started", "", "resource/lb"},
		{"its agent", "clone lb agent=told\nrsc vip\ntogether vip lb\nis lb@n1 started\nis lb@n2 started\nis lb@n3 started\nis vip@n1 started", "", "agent/told"},
		{"once", "rsc lb managed=false\nrsc vip\ntogether vip lb\nis lb@n2 started\nis vip@n2 started", "", ""},
		{"it starts there", "clone lb managed=false\nrsc vip\ntogether vip lb\nis lb@n2 started", "start vip@n2", ""},
		{"promoted", "clone db promotable agent=pair managed=false\nrsc vip\ntogether vip db with_role=promoted\nis db@n1 started score=1\nis db@n2 promoted score=5\nis vip@n2 started", "", ""},
		{"interleaved", "clone lb managed=false interleave\nclone web interleave\ntogether web lb\nis lb@n1 started\nis lb@n2 started\nis web@n1 started\nis web@n2 started", "", ""},
		{"blocked", "clone lb\nop lb monitor on_fail=block\nrsc vip\ntogether vip lb\nis lb@n1 started failed=monitor\nis lb@n2 started\nis lb@n3 started\nis vip@n1 started", "stop vip@n1, start vip@n2", ""},
	} {
		w := cluster3().parse(c.in)
		s := w.build()
		if c.scope != "" {
			var result state.Result
			if s, result = state.ApplyCommand(s, s.Index+1, 3, epoch, "alice", &state.MaintenanceSet{Scope: c.scope}); result.Err != nil {
				t.Fatal(result.Err)
			}
		}
		plan := scheduler.Plan(s, epoch, w.opts)
		var keys []string
		for _, a := range plan.Actions {
			keys = append(keys, a.Key)
		}
		if got := strings.Join(keys, ", "); got != c.want {
			t.Errorf("%s: plans %q, want %q", c.name, got, c.want)
		}
	}
}

// TestRestartInMaintenance: a restart that is asked for and held back is told of,
// so that who waits for it learns that nothing happens.
func TestRestartInMaintenance(t *testing.T) {
	for name, scope := range map[string]state.Scope{"its own": "resource/a", "its node's": "node/n1", "the cluster's": state.ScopeCluster, "none": ""} {
		c := cluster3().parse("rsc a\nis a@n1 started\n")
		s := c.build()
		s.Version = state.Version
		commands := []state.Command{&state.ResourceRestart{Resource: "a"}}
		if scope != "" {
			commands = append(commands, &state.MaintenanceSet{Scope: scope, Until: epoch.Add(time.Minute)})
		}
		for _, command := range commands {
			var result state.Result
			if s, result = state.ApplyCommand(s, s.Index+1, 3, epoch, "alice", command); result.Err != nil {
				t.Fatal(result.Err)
			}
		}
		plan := scheduler.Plan(s, epoch, c.opts)
		held := 0
		for _, p := range plan.Problems {
			if p.Code == "restart_held" && p.Resource == "a" && p.Node == "n1" && p.Severity == transition.SeverityWarning {
				held++
			}
		}
		if want := scope != ""; (held == 1) != want || (len(plan.Actions) == 0) != want {
			t.Errorf("maintenance %s: told %d times, %d actions", name, held, len(plan.Actions))
		}
	}
}
