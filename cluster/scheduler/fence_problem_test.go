package scheduler_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/belay-ha/belay/cluster/scheduler"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/cluster/transition"
)

// An operator must be able to read, at any moment, what keeps a lost node's
// resources down and what to do: also while an attempt after a failed one runs.
func TestFencingProblemsSayTheNextStep(t *testing.T) {
	cases := []struct {
		name     string
		phase    state.FencingPhase
		attempts int
		age      time.Duration
		severity transition.Severity
		says     string
		next     bool
	}{
		{"the first attempt", state.FencingRunning, 1, 9 * time.Second, transition.SeverityWarning, "is being fenced: lost", false},
		{"the first attempt takes long", state.FencingRunning, 1, 10 * time.Second, transition.SeverityCritical, "has been asked since", true},
		{"a failed attempt", state.FencingFailed, 1, time.Minute, transition.SeverityCritical, "bmc silent", true},
		{"the attempt after it", state.FencingRunning, 2, time.Minute, transition.SeverityCritical, "bmc silent", true},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			world := cluster3().Down("n2")
			s := world.build()
			s.Fencing["n2"] = &state.Fencing{ID: "f1", Node: "n2", By: state.ByCluster, RequestedAt: world.now.Add(-c.age), Phase: c.phase, Attempts: c.attempts, Reason: "lost"}
			if c.phase == state.FencingFailed || c.attempts > 1 {
				s.Fencing["n2"].Error = "bmc silent"
			}
			plan := scheduler.Plan(s, world.now, world.opts)
			i := slices.IndexFunc(plan.Problems, func(p transition.Problem) bool { return p.Code == "fence" && p.Node == "n2" })
			if i < 0 {
				t.Fatalf("no problem of the fencing in %+v", plan.Problems)
			}
			p := plan.Problems[i]
			if p.Severity != c.severity || !strings.Contains(p.Text, c.says) || strings.HasPrefix(p.Next, "belayctl fence confirm n2") != c.next {
				t.Errorf("got %s %q, next %q", p.Severity, p.Text, p.Next)
			}
		})
	}
}
