package scheduler_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/belay-ha/belay/cluster/scheduler"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/resources"
)

func explain(c *cluster) []string {
	c.opts.Explain = true
	plan := scheduler.Plan(c.build(), c.now, c.opts)
	var lines []string
	for _, placement := range plan.Placements {
		lines = append(lines, strings.TrimSpace(fmt.Sprintf("%s%s on %q: %s, %s", placement.Resource, placement.Instance, placement.Node, placement.Role, placement.Reason)))
	}
	for _, s := range plan.Scores {
		line := fmt.Sprintf("%s %s = %s", s.Resource, s.Node, s.Value)
		if s.Role == resources.RolePromoted {
			line = fmt.Sprintf("%s %s promoted = %s", s.Resource, s.Node, s.Value)
		}
		for _, part := range s.Parts {
			line += fmt.Sprintf("; %s %s", part.Value, part.Source)
		}
		lines = append(lines, line)
	}
	return lines
}

func TestExplain(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"primitive", `
			rsc a sticky=100
			location a n2 score=50
			is a@n1 started
			failure a@n3 start`, `
			a on "n1": started, runs here
			a n1 = 100; 100 stickiness
			a n2 = 50; 50 location location-a-n2
			a n3 = -INFINITY; -INFINITY failed start`},
		{"colocated", `
			nodes n1 n2
			rsc a target=stopped
			rsc b
			together b a`, `
			a on "": stopped, target_role is stopped
			b on "": stopped, no node may run it
			a n1 = -INFINITY; -INFINITY target-role
			a n2 = -INFINITY; -INFINITY target-role
			b n1 = -INFINITY; -INFINITY colocation together-b-a
			b n2 = -INFINITY; -INFINITY colocation together-b-a`},
		{"wish", `
			nodes n1 n2
			rsc a
			rsc b
			together b a score=500000
			location b n2 score=10`, `
			a on "n2": started, best score
			b on "n2": started, best score
			a n1 = 0
			a n2 = 5; 5 wish of b by colocation together-b-a
			b n1 = 0
			b n2 = 500010; 10 location location-b-n2; 500000 colocation together-b-a`},
		{"promotion", `
			nodes n1 n2
			clone g promotable agent=pair
			is g@n1 started
			is g@n2 promoted score=10`, `
			g on "n1": started, runs here
			g on "n2": promoted, runs here
			g n1 = 1; 1 stickiness
			g n2 = 11; 1 stickiness; 10 promotion score
			g n1 promoted = -INFINITY; -1 promotion score; -INFINITY not asked for promotion
			g n2 promoted = 10; 10 promotion score`},
		{"pinned", `
			nodes n1 n2
			rsc a managed=false
			rsc b managed=false
			is a@n1 started`, `
			a on "n1": started, left as it is: a is unmanaged
			b on "": stopped, b has managed = false, and it was not running
			a n1 = INFINITY; INFINITY unmanaged: stays
			a n2 = 0
			b n1 = 0
			b n2 = 0`},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := explain(cluster3().parse(c.in))
			if diff := cmp.Diff(sorted(c.want), sorted(strings.Join(got, "\n"))); diff != "" {
				t.Errorf("explanation differs (-want +got):\n%s", diff)
			}
		})
	}
}

// TestExplainChangesNothing: asking why gives the same plan.
func TestExplainChangesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t, drawCluster(t))
		w.adopt()
		for range rapid.IntRange(0, 60).Draw(t, "steps") {
			if !w.step() {
				break
			}
		}
		plain := scheduler.Plan(w.s, w.now, w.c.opts)
		opts := w.c.opts
		opts.Explain = true
		told := scheduler.Plan(w.s, w.now, opts)
		if diff := cmp.Diff(render(&plain), render(&told)); diff != "" {
			t.Fatalf("explaining changes the plan:\n%s", diff)
		}
	})
}

// TestTimeoutsAndReasons: an action carries what the executor and people need.
func TestTimeoutsAndReasons(t *testing.T) {
	c := cluster3().parse(`
		rsc a sticky=1
		op a start timeout=90s
		rsc b sticky=1
		is a@n1 started digest=old
		is b@n2 started
		node n2 standby`)
	c.opts.Agents["sim"] = scheduler.AgentFacts{Timeouts: map[resources.Op]time.Duration{resources.OpStop: 300 * time.Second}}
	plan := scheduler.Plan(c.build(), c.now, c.opts)
	got := map[string]string{}
	for _, a := range plan.Actions {
		got[a.Key] = fmt.Sprintf("%s %s %v", a.Timeout, a.Reason, a.Digest == resources.Digest(&c.d.Resources[0]))
	}
	want := map[string]string{
		"stop a@n1":  "5m0s its parameters have changed false",
		"start a@n1": "1m30s its parameters have changed true",
		"stop b@n2":  "5m0s node n2 is in standby false",
		"start b@n3": "20s placed here true",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("actions differ (-want +got):\n%s", diff)
	}
}

// TestTargets: only what is to run is listed, in its role; what a lost node may
// still run is not.
func TestTargets(t *testing.T) {
	c := cluster3().parse(`
		clone g promotable agent=pair
		rsc a sticky=1
		is g@n1 started score=5
		is g@n2 started
		is g@n3 started
		is a@n3 started
		node n3 dead`)
	plan := scheduler.Plan(c.build(), c.now, c.opts)
	want := map[resources.NodeName]map[resources.InstanceID]resources.Role{
		"n1": {"g": resources.RolePromoted, "a": resources.RoleStarted},
		"n2": {"g": resources.RoleStarted},
	}
	if diff := cmp.Diff(want, plan.Targets); diff != "" {
		t.Errorf("targets differ (-want +got):\n%s", diff)
	}
}

// TestProblemsSayWhatToType: each problem that an operator must act on names
// the command, the worst first.
func TestProblemsSayWhatToType(t *testing.T) {
	c := cluster3().parse(`
		nofence
		rsc a
		op a monitor on_fail=block
		is a@n1 started failed=monitor
		never-joined n9
		node n3 dead`)
	plan := scheduler.Plan(c.build(), c.now, c.opts)
	var got []string
	for _, problem := range plan.Problems {
		got = append(got, fmt.Sprintf("%s %s: %s", problem.Severity, problem.Code, problem.Next))
	}
	want := []string{
		"critical blocked: belayctl resource retry a",
		"critical fence: belayctl fence confirm n3 --reason WHY",
		"info never_joined: belayctl cluster token create",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("problems differ (-want +got):\n%s", diff)
	}
}

// TestEmptyState: nothing to plan is no reason to panic.
func TestEmptyState(t *testing.T) {
	plan := scheduler.Plan(state.New(), epoch, scheduler.Options{Quorum: true})
	if len(plan.Actions)+len(plan.Problems) > 0 {
		t.Errorf("planned %v", plan)
	}
}
